"""Parsing of dimensions: shorthand and the forms of a job file."""

import json
import re
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from smbo.errors import SpaceError
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


LOOK_LIKE_DIMENSIONS = [
    "real(0,1)",
    "Real(0, 1, log=True)",
    "integer(1, 9)",
    "int [1, 9]",
    "choice(a, b)",
    "real: [0, 1]",
    "{real: [0, 1]}",
    "~uniform(0, 1)",
    "~'loguniform(1e-5, 1)'",
    "hp.uniform('x', 0, 1)",
    "scipy.stats.loguniform(1, 2)",
    "np.logspace(-2, 2, 5)",
    "range(2, 6)",
    "uniform 0 1",
    "[0, 1]",
    "(0.0, 1.0)",
    "(0, 1, 'log-uniform')",
    "['relu', 'tanh']",
    "{'a', 'b'}",
    "0..1",
    "0.1, 10",
    "1e-5 to 1e-1",
    "log_uniform(1, 2)",
]


@pytest.mark.parametrize("text", LOOK_LIKE_DIMENSIONS)
def test_a_text_that_looks_like_a_dimension_is_refused(text):
    with pytest.raises(SpaceError, match=r"x: .*looks like a dimension; write .*Constant"):
        Space({"x": text})
    for meant in (Constant(text), {"constant": text}):
        assert Space({"x": meant}).dimensions["x"].value == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uniform",
        "log-uniform",
        "real",
        "adam",
        "l1",
        "CMS-HIG-13",
        "a, b",
        "f(x)",
        "1",
        "1e-3",
        "10:30",
        "v1.2.3",
    ],
)
def test_any_other_text_is_a_constant(text):
    assert Space({"x": text}) == Space({"x": Constant(text)})


def a_function():
    """Stand for any function."""


@pytest.mark.parametrize(
    "given",
    [
        object(),
        a_function,
        a_function.__class__,
        1 + 2j,
        b"a",
        Decimal("0.5"),
        SimpleNamespace(low=1),
        float,
        pytest,
    ],
    ids=repr,
)
def test_what_is_none_of_the_forms_is_refused_and_not_taken_for_a_constant(given):
    with pytest.raises(
        SpaceError, match=r"x: .*none of the forms of a dimension: \(low, high\).*Constant\(…\)"
    ):
        Space({"x": given})
    assert Space({"x": Constant(given)}).check({}) == {"x": given}


@pytest.mark.parametrize(
    ("given", "constant"),
    [(np.float64(0.5), 0.5), (np.int64(3), 3), (np.str_("a"), "a"), (np.bool_(True), True), (np.array(3), 3)],
)
def test_a_constant_of_numpy_is_plain_and_stored(given, constant):
    for written in (given, Constant(given)):
        space = Space({"x": written, "y": (0, 1)})
        value = space.dimensions["x"].value
        assert value == constant
        assert type(value) is type(constant)
        assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
        assert space.check({"x": given, "y": 1}) == space.check({"x": constant, "y": 1})


@pytest.mark.parametrize(
    ("form", "meant"),
    [
        ({"uniform": [0, 1]}, "{real: "),
        ({"float": [0, 1], "log": True}, "{real: "),
        ({"log_uniform": [1, 2]}, "log: true"),
        ({"int": [0, 1]}, "{integer: "),
        ({"values": ["a"]}, "{choice: "),
        ({"value": 3}, "{constant: "),
        ({"distribution": "normal"}, "such as {real: "),
    ],
)
def test_the_words_of_other_tools_are_refused_with_ours(form, meant):
    with pytest.raises(
        SpaceError, match=rf"x: .*write one of real, integer, choice, constant.*{re.escape(meant)}"
    ):
        Space({"x": form})
