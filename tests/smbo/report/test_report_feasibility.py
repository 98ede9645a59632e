"""Outcome constraints have cards with the probability that the recommended point meets them."""

import pytest

from smbo.problem import Outcome, Problem
from smbo.report.feasibility import feasibility_cards
from smbo.space import Real
from smbo.trial import Recommendation, Trial, TrialState

PROBLEM = Problem({"x": Real(0.0, 1.0)}, objectives={"cost": "min"}, constraints=["n >= 10"])
POINT = {"x": 0.5}


def trials():
    return [Trial(k, POINT, k, TrialState.COMPLETE, value=1.0, feasible=k > 0) for k in range(3)]


@pytest.mark.parametrize(
    ("probability", "text"), [(None, "unknown"), (1.0, "as measured"), (0.9, "90 %"), (0.99999, "99.9 %")]
)
def test_the_card_says_how_likely_the_constraints_hold(probability, text):
    recommendation = Recommendation(POINT, 1.0, 0.1, p_feasible=probability)
    ((label, figure, remark),) = feasibility_cards(PROBLEM, trials(), recommendation, None)
    assert (label, figure) == ("Feasible, recommended", text)
    assert remark == "probability that n >= 10; 2 of 3 evaluations met it"


def test_re_evaluations_are_counted():
    outcomes = [Outcome(metrics={"cost": 1.0, "n": n}) for n in (9, 10, 11)]
    checks = {"recommended": [(POINT, outcome) for outcome in outcomes]}
    cards = feasibility_cards(PROBLEM, trials(), Recommendation(POINT, 1.0, 0.1), checks)
    assert cards[1][:2] == ("Feasible, re-evaluated", "2 of 3")


def test_without_constraints_there_is_no_card():
    assert (
        feasibility_cards(Problem({"x": Real(0.0, 1.0)}), trials(), Recommendation(POINT, 1.0, 0.1), None)
        == []
    )
