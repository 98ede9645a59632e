"""Ways to find the points of a proposal: by draws among many pending points, and by a portfolio."""

import numpy as np
import pytest

from smbo.acquisition import GPHedge, LogExpectedImprovement, LowerConfidenceBound, ThompsonSampling
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.propose import propose
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.trust_region import TrustRegion
from smbo.space import Space
from smbo.surrogates import GP, Forest
from smbo.trial import Trial, TrialState

PROBLEM = Problem(Space({"x": (0.0, 1.0), "y": (0.0, 1.0), "m": ["a", "b", "c"]}))


def trials(n, n_pending=0, problem=PROBLEM):
    points = problem.space.sample(n + n_pending, np.random.default_rng(0))
    done = [
        Trial(
            number, point, 0, TrialState.COMPLETE, value=(point["x"] - 0.3) ** 2 + point["y"], feasible=True
        )
        for number, point in enumerate(points[:n])
    ]
    return done + [Trial(n + k, point, 0) for k, point in enumerate(points[n:])]


@pytest.mark.parametrize("region", [None, TrustRegion()], ids=["whole space", "region"])
@pytest.mark.parametrize("surrogate", [GP(), Forest(n_trees=8)], ids=repr)
def test_points_of_draws_differ_from_each_other_and_from_a_thousand_pending_ones(surrogate, region):
    recipe = Recipe(surrogate, ThompsonSampling(), region=region)
    data = encode(PROBLEM, trials(30, 1000))
    points = propose(ProposalRequest(PROBLEM, recipe, data, 4, np.random.default_rng(1), {})).points
    everything = np.concatenate([data.points, data.pending, points])
    assert len(np.unique(everything, axis=0)) == len(everything)
    np.testing.assert_array_equal(PROBLEM.space.snap(points), points)


def test_pending_points_do_not_enter_the_process_of_a_draw():
    sizes = []

    class Counting(ThompsonSampling):
        def seeded(self, seed):
            return Counting(seed)

        def build(self, posterior, data):
            sizes.append(len(posterior.values))
            return super().build(posterior, data)

    data = encode(PROBLEM, trials(30, 500))
    propose(ProposalRequest(PROBLEM, Recipe(GP(), Counting()), data, 2, np.random.default_rng(1), {}))
    assert sizes == [30, 30]


def test_a_portfolio_gives_the_turns_to_the_member_that_gained():
    members = (LogExpectedImprovement(), LowerConfidenceBound(weight=50.0))
    recipe = Recipe(GP(), GPHedge(members, rate=100.0))
    known = trials(20)
    data = encode(PROBLEM, known)
    best = data.points[np.argmin(data.values)].tolist()
    worst = data.points[np.argmax(data.values)].tolist()
    for first, second, winner in ((best, worst, 0), (worst, best, 1)):
        memory = {"portfolio": {"gains": [0.0, 0.0], "nominees": [first, second]}}
        proposal = propose(ProposalRequest(PROBLEM, recipe, data, 1, np.random.default_rng(1), memory))
        carried = proposal.memory["portfolio"]
        np.testing.assert_array_equal(proposal.points[0], carried["nominees"][winner])
        assert np.argmax(carried["gains"]) == winner


def test_every_member_of_a_portfolio_nominates_and_a_batch_has_different_points():
    recipe = Recipe(GP(), GPHedge())
    proposal = propose(
        ProposalRequest(PROBLEM, recipe, encode(PROBLEM, trials(12)), 5, np.random.default_rng(1), {})
    )
    assert len(proposal.memory["portfolio"]["nominees"]) == 3
    assert len(np.unique(proposal.points, axis=0)) == 5
