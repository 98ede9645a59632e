"""What is asked of a recipe: the space of the points, and the points that may not be proposed again."""

from __future__ import annotations

import numpy as np
import pytest

from smbo import Problem, Real
from smbo.history.encode import encode
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.trial import Trial, TrialState

PROBLEM = Problem({"x": Real(0, 1), "y": Real(0, 2)})
TRIALS = [
    Trial(0, {"x": 0.1, "y": 0.2}, 0, TrialState.COMPLETE, value=1.0, feasible=True),
    Trial(1, {"x": 0.3, "y": 0.4}, 0, TrialState.FAILED),
    Trial(2, {"x": 0.5, "y": 0.6}, 0),
]


def request(**settings):
    return ProposalRequest(
        PROBLEM, Recipe(), encode(PROBLEM, TRIALS), 1, np.random.default_rng(0), **settings
    )


def test_without_fixed_values_the_space_is_the_problem_s_own():
    assert request().space is PROBLEM.space


def test_every_point_of_the_space_has_the_fixed_values():
    space = request(fixed={"y": 0.5}).space
    points = space.sample(20, np.random.default_rng(1))
    assert {point["y"] for point in points} == {0.5}
    assert len({point["x"] for point in points}) == 20


def test_evaluated_failed_and_pending_points_are_taken():
    units = np.concatenate(request().taken)
    assert units == pytest.approx(PROBLEM.space.to_unit([trial.params for trial in TRIALS]))
