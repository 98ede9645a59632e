"""Acquisitions on small posteriors: slopes, incumbents, failures and constraints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo.acquisition import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    NoisyLogExpectedImprovement,
    ProbabilityOfImprovement,
)
from smbo.acquisition.base import Stackable
from smbo.acquisition.expected_improvement import incumbent, log_expected_improvement
from smbo.acquisition.feasibility import Feasibility
from smbo.surrogates import GP, Forest
from smbo.training_data import Axis, Evidence

ACQUISITIONS = [
    LogExpectedImprovement(),
    LogExpectedImprovement(margin=0.2),
    ExpectedImprovement(),
    ProbabilityOfImprovement(),
    LowerConfidenceBound(),
]
AXES = (Axis("a", "continuous"), Axis("b", "continuous"))


def evidence_of(n=12, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    values = ((points - 0.4) ** 2).sum(axis=1) + noise * rng.standard_normal(n)
    unknown, nowhere = np.full(n, np.nan), np.zeros((0, 2))
    everywhere = np.ones(n, dtype=bool)
    return Evidence(AXES, np.arange(n), points, values, unknown, unknown, everywhere, nowhere, nowhere)


def with_failures(evidence):
    """The left half violates a constraint, and two evaluations at the bottom failed."""
    return replace(
        evidence, feasible=evidence.points[:, 0] > 0.5, failed=np.array([[0.7, 0.05], [0.9, 0.05]])
    )


def test_a_margin_moves_the_target_by_that_many_deviations_of_the_means():
    evidence = evidence_of(noise=0.1)
    posterior = GP(bend_values=False).fit(evidence)
    means, _ = posterior.moments(evidence.points)
    points = np.random.default_rng(2).random((7, 2))
    mean, std = posterior.moments(points)
    target = means.min() - 0.3 * means.std()
    np.testing.assert_allclose(
        LogExpectedImprovement(margin=0.3).prepare(posterior, evidence)(points),
        log_expected_improvement(mean, std, target),
        rtol=1e-8,
    )


@pytest.mark.parametrize("evidence", [evidence_of(), with_failures(evidence_of())], ids=["good", "failures"])
@pytest.mark.parametrize("acquisition", ACQUISITIONS, ids=repr)
def test_the_gradient_of_a_criterion_is_its_slope(acquisition, evidence):
    criterion = acquisition.prepare(GP().fit(evidence), evidence)
    points = 0.05 + 0.9 * np.random.default_rng(1).random((6, 2))
    worth, slope = criterion.with_gradient(points)
    np.testing.assert_allclose(worth, criterion(points), rtol=1e-10)
    for column in range(2):
        step = np.zeros(2)
        step[column] = 1e-5
        expected = (criterion(points + step) - criterion(points - step)) / 2e-5
        # h² times third derivatives of a criterion that falls by tens within a length scale
        np.testing.assert_allclose(slope[:, column], expected, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("acquisition", ACQUISITIONS, ids=repr)
def test_a_forest_gives_a_finite_criterion_without_slopes(acquisition):
    evidence = evidence_of()
    criterion = acquisition.prepare(Forest(n_trees=5).fit(evidence), evidence)
    assert np.isfinite(criterion(np.random.default_rng(1).random((50, 2)))).all()
    assert not hasattr(criterion, "with_gradient")


def test_expected_improvement_is_the_exponential_of_its_logarithm():
    evidence = evidence_of()
    posterior, points = GP().fit(evidence), np.random.default_rng(1).random((20, 2))
    plain = ExpectedImprovement().prepare(posterior, evidence)(points)
    logarithm = LogExpectedImprovement().prepare(posterior, evidence)(points)
    np.testing.assert_allclose(plain, np.exp(logarithm), rtol=1e-12)


def test_the_incumbent_is_the_best_belief_and_not_the_luckiest_value():
    evidence = evidence_of(40, noise=0.3)
    best = incumbent(GP().fit(evidence), evidence)
    assert evidence.values.min() < -0.2
    assert best > evidence.values.min() + 0.1


def test_an_infeasible_value_is_not_the_incumbent():
    evidence = evidence_of()
    lowest = int(evidence.values.argmin())
    feasible = np.arange(len(evidence)) != lowest
    posterior = GP().fit(evidence)
    best = incumbent(posterior, replace(evidence, feasible=feasible))
    assert best == pytest.approx(posterior.moments(evidence.points[feasible])[0].min())
    assert best > incumbent(posterior, evidence)


def test_a_pending_point_that_promises_more_becomes_the_incumbent():
    evidence = evidence_of(8)
    posterior = GP().fit(evidence)
    grid = np.random.default_rng(2).random((500, 2))
    promising = grid[posterior.moments(grid)[0].argmin()]
    best = incumbent(posterior, replace(evidence, pending=promising[None]))
    assert best == pytest.approx(posterior.moments(promising[None])[0][0])
    assert best < incumbent(posterior, evidence)


@pytest.mark.parametrize("acquisition", ACQUISITIONS, ids=repr)
def test_places_where_evaluations_failed_are_worth_less(acquisition):
    evidence = evidence_of(20)
    posterior = GP().fit(evidence)
    bad = np.array([[0.45, 0.45]])
    failing = replace(evidence, failed=np.concatenate([bad, bad + 0.02, bad - 0.02]))
    before, after = (acquisition.prepare(posterior, e)(bad)[0] for e in (evidence, failing))
    assert after < before


def test_the_probability_of_success_follows_the_failures():
    evidence = with_failures(evidence_of(60, seed=3))
    found = Feasibility.of(evidence)
    log_p = found.log_probability(np.array([[0.9, 0.6], [0.1, 0.6], [0.8, 0.05]]))
    assert np.exp(log_p[0]) > 0.9
    assert np.exp(log_p[1]) < 0.1
    assert log_p[2] < log_p[0]
    assert Feasibility.of(evidence_of()) is None


def test_nothing_feasible_yet_still_gives_a_criterion():
    evidence = replace(evidence_of(), feasible=np.zeros(12, dtype=bool))
    criterion = LogExpectedImprovement().prepare(GP().fit(evidence), evidence)
    assert np.isfinite(criterion(np.random.default_rng(1).random((50, 2)))).all()


@pytest.mark.parametrize(
    "acquisition", [*ACQUISITIONS[:2], *ACQUISITIONS[3:], NoisyLogExpectedImprovement()], ids=repr
)
def test_stacked_criteria_are_worth_at_each_point_what_its_own_is(acquisition):
    evidence = with_failures(evidence_of(noise=0.05))
    posterior = GP().fit(evidence)
    joining = np.random.default_rng(3).random((4, 2))
    criteria = []
    for point in joining:
        criteria.append(acquisition.prepare(posterior, evidence))
        posterior = posterior.fantasise(point[None])
        evidence = replace(evidence, pending=np.concatenate([evidence.pending, point[None]]))
    assert isinstance(criteria[0], Stackable)
    # beside the points that joined, where it matters most which of them a criterion knows
    points = joining + 0.02
    stacked = criteria[0].stacked(criteria)
    worth, slope = stacked.with_gradient(points)
    own = [one.with_gradient(point[None]) for one, point in zip(criteria, points)]
    np.testing.assert_allclose(worth, [found[0][0] for found in own], rtol=1e-6)
    np.testing.assert_allclose(slope, [found[1][0] for found in own], rtol=1e-5, atol=1e-6)
    rows = np.array([3, 1])
    np.testing.assert_allclose(stacked.of_rows(rows)(points[rows]), worth[rows], rtol=1e-10)
    assert np.abs(criteria[0](points)[3] - worth[3]) > 1e-3  # the first knows of nobody
