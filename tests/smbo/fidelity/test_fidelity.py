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


def test_an_evaluation_that_begins_anew_costs_all_of_its_fidelity():
    assert Fidelity(3, 81).cost(27, 81) == 54
    assert Fidelity(3, 81, resumes=False).cost(27, 81) == 81


def test_whether_evaluations_resume_is_stored_where_they_do_not():
    # studies stored before ``resumes`` existed have no such key
    assert "resumes" not in Fidelity(3, 81).to_json()
    anew = Fidelity(3, 81, resumes=False)
    assert Fidelity.from_json(anew.to_json()) == anew
    with pytest.raises(ProblemError, match="resumes='no'"):
        Fidelity(3, 81, resumes="no")
