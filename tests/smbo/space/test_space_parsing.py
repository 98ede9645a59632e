"""Parsing of dimensions: shorthand and the forms of a job file."""

from smbo.space import Categorical, Constant, Integer, Real, Space


def test_a_space_is_read_from_the_forms_of_a_job_file():
    space = Space.from_json(
        {
            "alpha": {"real": [0.11, 0.16], "log": True},
            "n": {"integer": [1, 9], "step": 2},
            "mode": {"choice": ["a", [1, [2, 3]]], "ordered": True},
            "width": {"real": [0, 1], "active_when": "mode == 'a'"},
            "k": {"constant": 3},
            "text": "plain",
        }
    )
    assert space == Space(
        {
            "alpha": Real(0.11, 0.16, log=True),
            "n": Integer(1, 9, step=2),
            "mode": Categorical(["a", (1, (2, 3))], ordered=True),
            "width": Real(0, 1, active_when="mode == 'a'"),
            "k": Constant(3),
            "text": Constant("plain"),
        }
    )
    assert space.check({"alpha": 0.12, "n": 3, "mode": [1, [2, 3]]})["mode"] == (1, (2, 3))
