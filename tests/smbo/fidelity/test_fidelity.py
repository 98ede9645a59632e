"""The range of a fidelity and its rungs."""

import math

import pytest

from smbo.errors import ProblemError
from smbo.fidelity import Fidelity


def test_rungs_are_eta_apart_and_end_at_the_highest():
    assert Fidelity(3, 81).rungs(3) == (3, 9, 27, 81)
    assert Fidelity(1, 16).rungs(4) == (1, 4, 16)
    assert Fidelity(0.5, 2.0, integer=False).rungs(2) == (0.5, 1.0, 2.0)


def test_no_rung_is_just_below_the_highest():
    assert Fidelity(10, 100).rungs(3) == (10, 30, 100)  # 90 would cost nine tenths of the whole


def test_rungs_of_a_whole_number_are_whole_numbers():
    assert Fidelity(1, 10).rungs(1.5) == (1, 2, 3, 5, 8, 10)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 1, "0 < low"),
        (2, 2, "0 < low"),
        (1.5, 3, "integer=False"),
        (True, 3, "low"),
        (1, math.inf, "high"),
    ],
)
def test_bounds_of_a_fidelity_that_make_no_sense_are_refused(low, high, said):
    with pytest.raises(ProblemError, match=said):
        Fidelity(low, high)
