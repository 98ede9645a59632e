"""Functions drawn for claims are as uncertain as left-out values tell."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.proposal.claims import claim_draws
from smbo.surrogates import GP
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))
GRID = np.stack(np.meshgrid(*[np.linspace(0, 1, 41)] * 2), axis=-1).reshape(-1, 2)


def bowl(points):
    return ((points - [0.4, 0.6]) ** 2) @ [3.0, 1.0]


def rough(points):
    return bowl(points) + 0.3 * np.sin(23.0 * points[:, 0]) * np.cos(17.0 * points[:, 1])


def deviations(function, noise=0.0, n=20, **settings):
    """Return the mean deviation of draws over the square, in those of the function."""
    rng = np.random.default_rng(0)
    points = rng.random((n, 2))
    data = TrainingData.of_values(AXES, points, function(points) + noise * rng.standard_normal(n))
    surrogate = GP().train(data, {})[0]
    draws = claim_draws(surrogate, surrogate.fit(data), data, rng, **settings)
    values = np.concatenate([group.in_units(GRID) for group in draws], axis=1)
    return values.std(axis=1).mean() / function(GRID).std()


def test_a_function_whose_left_out_values_are_predicted_is_known():
    assert deviations(bowl) < 0.3 * deviations(bowl, boldness=1.0)
    assert deviations(rough) > 0.5 * deviations(rough, boldness=1.0)


def test_left_out_values_change_nothing_where_noise_is_learned():
    assert deviations(bowl, noise=0.1) == pytest.approx(deviations(bowl, noise=0.1, boldness=0.75), rel=0.3)


def test_an_equal_value_everywhere_says_nothing_about_the_optimum():
    rng = np.random.default_rng(0)
    data = TrainingData.of_values(AXES, rng.random((12, 2)), np.full(12, 3.0))
    surrogate = GP().train(data, {})[0]
    draws = claim_draws(surrogate, surrogate.fit(data), data, rng)
    best = np.concatenate([GRID[group(GRID).argmin(axis=0)] for group in draws])
    assert (best.std(axis=0) > 0.15).all()
