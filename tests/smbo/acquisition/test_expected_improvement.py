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
from smbo.acquisition.base import Batchable
from smbo.acquisition.expected_improvement import incumbent, log_expected_improvement
from smbo.acquisition.feasibility import Feasibility
from smbo.surrogates import GP, Forest
from smbo.training_data import Axis, TrainingData

ACQUISITIONS = [
    LogExpectedImprovement(),
    LogExpectedImprovement(margin=0.2),
    ExpectedImprovement(),
    ProbabilityOfImprovement(),
    LowerConfidenceBound(),
]
AXES = (Axis("a", "continuous"), Axis("b", "continuous"))


def training_data_of(n=12, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    values = ((points - 0.4) ** 2).sum(axis=1) + noise * rng.standard_normal(n)
    unknown, nowhere = np.full(n, np.nan), np.zeros((0, 2))
    everywhere = np.ones(n, dtype=bool)
    return TrainingData(AXES, np.arange(n), points, values, unknown, everywhere, nowhere, nowhere)


def with_failures(data):
    """The left half violates a constraint, and two evaluations at the bottom failed."""
    return replace(data, feasible=data.points[:, 0] > 0.5, failed=np.array([[0.7, 0.05], [0.9, 0.05]]))


def test_a_margin_moves_the_target_by_that_many_deviations_of_the_means():
    data = training_data_of(noise=0.1)
    posterior = GP(bend_values=False).fit(data)
    means, _ = posterior.moments(data.points)
    points = np.random.default_rng(2).random((7, 2))
    mean, std = posterior.moments(points)
    target = means.min() - 0.3 * means.std()
    np.testing.assert_allclose(
        LogExpectedImprovement(margin=0.3).build(posterior, data)(points),
        log_expected_improvement(mean, std, target),
        rtol=1e-8,
    )


@pytest.mark.parametrize(
    "data", [training_data_of(), with_failures(training_data_of())], ids=["good", "failures"]
)
@pytest.mark.parametrize("acquisition", ACQUISITIONS, ids=repr)
def test_the_gradient_of_a_criterion_is_its_slope(acquisition, data):
    criterion = acquisition.build(GP().fit(data), data)
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
    data = training_data_of()
    criterion = acquisition.build(Forest(n_trees=5).fit(data), data)
    assert np.isfinite(criterion(np.random.default_rng(1).random((50, 2)))).all()
    assert not hasattr(criterion, "with_gradient")


def test_expected_improvement_is_the_exponential_of_its_logarithm():
    data = training_data_of()
    posterior, points = GP().fit(data), np.random.default_rng(1).random((20, 2))
    plain = ExpectedImprovement().build(posterior, data)(points)
    logarithm = LogExpectedImprovement().build(posterior, data)(points)
    np.testing.assert_allclose(plain, np.exp(logarithm), rtol=1e-12)


def test_the_incumbent_is_the_best_belief_and_not_the_luckiest_value():
    data = training_data_of(40, noise=0.3)
    best = incumbent(GP().fit(data), data)
    assert data.values.min() < -0.2
    assert best > data.values.min() + 0.1


def test_an_infeasible_value_is_not_the_incumbent():
    data = training_data_of()
    lowest = int(data.values.argmin())
    feasible = np.arange(len(data)) != lowest
    posterior = GP().fit(data)
    best = incumbent(posterior, replace(data, feasible=feasible))
    assert best == pytest.approx(posterior.moments(data.points[feasible])[0].min())
    assert best > incumbent(posterior, data)


def test_a_pending_point_that_promises_more_becomes_the_incumbent():
    data = training_data_of(8)
    posterior = GP().fit(data)
    grid = np.random.default_rng(2).random((500, 2))
    promising = grid[posterior.moments(grid)[0].argmin()]
    best = incumbent(posterior, replace(data, pending=promising[None]))
    assert best == pytest.approx(posterior.moments(promising[None])[0][0])
    assert best < incumbent(posterior, data)


@pytest.mark.parametrize("acquisition", ACQUISITIONS, ids=repr)
def test_places_where_evaluations_failed_are_worth_less(acquisition):
    data = training_data_of(20)
    posterior = GP().fit(data)
    bad = np.array([[0.45, 0.45]])
    failing = replace(data, failed=np.concatenate([bad, bad + 0.02, bad - 0.02]))
    before, after = (acquisition.build(posterior, e)(bad)[0] for e in (data, failing))
    assert after < before


def test_the_probability_of_success_follows_the_failures():
    data = with_failures(training_data_of(60, seed=3))
    found = Feasibility.of(data)
    log_p = found.log_probability(np.array([[0.9, 0.6], [0.1, 0.6], [0.8, 0.05]]))
    assert np.exp(log_p[0]) > 0.9
    assert np.exp(log_p[1]) < 0.1
    assert log_p[2] < log_p[0]
    assert Feasibility.of(training_data_of()) is None


def test_nothing_feasible_yet_still_gives_a_criterion():
    data = replace(training_data_of(), feasible=np.zeros(12, dtype=bool))
    criterion = LogExpectedImprovement().build(GP().fit(data), data)
    assert np.isfinite(criterion(np.random.default_rng(1).random((50, 2)))).all()


@pytest.mark.parametrize(
    "acquisition", [*ACQUISITIONS[:2], *ACQUISITIONS[3:], NoisyLogExpectedImprovement()], ids=repr
)
def test_stacked_criteria_are_worth_at_each_point_what_its_own_is(acquisition):
    data = with_failures(training_data_of(noise=0.05))
    posterior = GP().fit(data)
    joining = np.random.default_rng(3).random((4, 2))
    criteria = []
    for point in joining:
        criteria.append(acquisition.build(posterior, data))
        posterior = posterior.fantasize(point[None])
        data = replace(data, pending=np.concatenate([data.pending, point[None]]))
    assert isinstance(criteria[0], Batchable)
    # beside the points that joined, where it matters most which of them a criterion knows
    points = joining + 0.02
    stacked = criteria[0].batched(criteria)
    worth, slope = stacked.with_gradient(points)
    own = [one.with_gradient(point[None]) for one, point in zip(criteria, points)]
    np.testing.assert_allclose(worth, [found[0][0] for found in own], rtol=1e-6)
    np.testing.assert_allclose(slope, [found[1][0] for found in own], rtol=1e-5, atol=1e-6)
    rows = np.array([3, 1])
    np.testing.assert_allclose(stacked.of_rows(rows)(points[rows]), worth[rows], rtol=1e-10)
    assert np.abs(criteria[0](points)[3] - worth[3]) > 1e-3  # the first knows of nobody


def test_the_incumbent_of_a_contextual_problem_is_what_known_points_promise_in_the_present_context():
    rng = np.random.default_rng(3)
    points = rng.random((30, 2))
    data = TrainingData.of_values(AXES, points, points[:, 0] + 5.0 * points[:, 1])
    posterior = GP().fit(data)
    assert incumbent(posterior, data) == pytest.approx(data.values.min(), abs=0.2)
    hot = replace(data, context=np.array([np.nan, 0.9]))
    assert incumbent(posterior, hot) == pytest.approx(points[:, 0].min() + 4.5, abs=0.2)
