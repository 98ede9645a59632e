"""The rule by which a study is done: its settings, and how it is written."""

import pytest

from smbo import Termination
from smbo.errors import ProblemError
from smbo.problem.termination import as_termination


def test_a_rule_is_read_from_its_settings():
    assert as_termination({"plateau": 20}) == Termination(plateau=20)
    assert as_termination(None) is None
    assert as_termination(Termination(**Termination(left=0.5).to_json())) == Termination(left=0.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gain": -1, "plateau": 3}, "gain=-1"),
        ({"plateau": True}, "plateau=True"),
        ({"left": float("inf")}, "left=inf"),
        (20, "give Termination"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_their_key(given, said):
    with pytest.raises(ProblemError, match=f"termination.*{said}"):
        as_termination(given)
