"""ParEGO: an improvement of a rounded Chebyshev distance, against the distance with its corners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo import Optimizer, Problem, Real
from smbo.acquisition import RandomScalarization
from smbo.acquisition.scalarization import Distance
from smbo.errors import RecipeError
from smbo.history.encode import encode
from smbo.surrogates import GP, ModelListGP

DISTANCE = Distance(np.array([0.0, 1.0, -1.0]), np.array([1.0, 2.0, 0.5]), np.array([0.5, 0.3, 0.2]))


def with_corners(distance, values):
    """Return Knowles's augmented Chebyshev distance of values (..., m), shape (...)."""
    weighted = (values - distance.low) / distance.extent * distance.weights
    return weighted.max(axis=-1) + 0.05 * weighted.sum(axis=-1)


def known():
    """Return training data of two objectives that conflict, and the posterior of both."""
    problem = Problem({"x": Real(0, 1), "y": Real(0, 1)}, objectives={"a": "min", "b": "min"})
    optimizer = Optimizer(problem, "sobol", seed=1)
    for trial in optimizer.ask(10):
        x, y = trial.params["x"], trial.params["y"]
        optimizer.tell(trial, {"a": x**2 + 0.3 * y, "b": (x - 1) ** 2 + 0.3 * y**2})
    data = encode(problem, optimizer.trials)
    return data, ModelListGP(GP(bend_values=False)).fit(data)


def test_a_rounded_distance_is_above_the_one_with_corners_by_the_width_of_the_rounding_at_most():
    values = np.random.default_rng(0).normal(0.0, 1.0, (200, 3))
    gap = DISTANCE.of(values)[0] - with_corners(DISTANCE, values)
    assert (gap >= -1e-12).all()
    assert (gap <= 0.02 / 3 * np.log(3) + 1e-12).all()  # a log-sum-exp of three numbers


def test_a_rounded_distance_has_the_slopes_of_finite_differences():
    values = np.random.default_rng(1).normal(0.0, 0.1, (50, 3))
    _, slopes = DISTANCE.of(values)
    for j, step in enumerate(1e-5 * np.eye(3)):
        numeric = (DISTANCE.of(values + step)[0] - DISTANCE.of(values - step)[0]) / 2e-5
        # h² times a third derivative of up to 1 / width² = 2e4
        np.testing.assert_allclose(slopes[:, j], numeric, atol=1e-5)


def test_the_criterion_is_the_mean_improvement_of_draws_up_to_its_rounding():
    data, posterior = known()
    criterion = RandomScalarization(seed=2, n_draws=32).build(posterior, data)
    points = np.random.default_rng(3).random((40, 2))
    means, stds = (np.stack(part, axis=1) for part in zip(*(one.moments(points) for one in criterion.parts)))
    draws = means[:, None] + stds[:, None] * criterion.normals
    gains = criterion.lowest - with_corners(criterion.distance, draws)
    found = np.exp(criterion(points))
    # a corner is cut by 0.02 / 2 log 2 at most, and no improvement counts as 0.01 / 2 log 2 at most
    assert (found >= np.maximum(gains - 0.01 * np.log(2), 0.0).mean(axis=1) - 1e-9).all()
    assert (found <= np.maximum(gains, 0.0).mean(axis=1) + 0.005 * np.log(2) + 1e-9).all()
    assert found.max() > 0.02  # there is something to gain beyond the rounding


def test_the_criterion_has_the_slopes_of_finite_differences():
    data, posterior = known()
    criterion = RandomScalarization(seed=2).build(posterior, data)
    points = 0.05 + 0.9 * np.random.default_rng(4).random((6, 2))
    worth, slope = criterion.with_gradient(points)
    np.testing.assert_allclose(worth, criterion(points), rtol=1e-10)
    for column, step in enumerate(1e-6 * np.eye(2)):
        numeric = (criterion(points + step) - criterion(points - step)) / 2e-6
        # rounding over the step, and what the rounded corners bend
        np.testing.assert_allclose(slope[:, column], numeric, rtol=1e-4, atol=1e-4)


def test_each_seed_and_each_point_of_a_batch_has_weights_of_its_own():
    data, posterior = known()
    joined = replace(data, pending=data.points[:1])
    built = [
        RandomScalarization(seed).build(posterior, one) for seed, one in ((1, data), (2, data), (1, joined))
    ]
    weights = np.array([one.distance.weights for one in built])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert len(np.unique(weights, axis=0)) == 3


def test_one_objective_or_an_odd_number_of_draws_is_refused():
    data, _ = known()
    with pytest.raises(RecipeError, match="GPPosterior"):
        RandomScalarization().build(GP(bend_values=False).fit(data), data)
    with pytest.raises(RecipeError, match="n_draws=3"):
        RandomScalarization(n_draws=3)
