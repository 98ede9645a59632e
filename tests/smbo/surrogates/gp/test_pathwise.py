"""Draws of a Gaussian process that are functions: moments, exact values and slopes."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.surrogates import GP
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("c", "categorical", 3), Axis("y", "continuous"))
WARPS = (0.4, 0.0, -0.3, -0.5, 0.0, 0.2)


def points_on_axes(n, seed):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 3))
    points[:, 1] = (rng.integers(3, size=n) + 0.5) / 3
    return points


def posterior_of(noise=0.05, warps=()):
    points = points_on_axes(10, seed=0)
    theta = Hyperparameters((-0.7, 0.3, -0.3), 0.2, float(np.log(noise)), warps)
    values = np.sin(5.0 * points[:, 0]) + points[:, 1] * points[:, 2]
    return GP(hyperparameters=theta, bend_values=False).fit(TrainingData.of_values(AXES, points, values))


def test_draws_have_the_moments_of_the_posterior():
    # at evaluated points with much noise, where the draws of the noise count most
    posterior, points, n = posterior_of(noise=1.0).standardized, points_on_axes(10, seed=0)[:4], 800
    rng = np.random.default_rng(2)
    draws = np.stack([posterior.function_draw(rng, 64)(points) for _ in range(n)])
    mean, covariance = posterior.joint(points)
    std = np.sqrt(np.diagonal(covariance))
    # five standard errors
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * std / np.sqrt(n)).all()
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=5 * np.sqrt(2 / n) * (std**2).max())


def test_a_draw_goes_through_values_without_noise():
    posterior = posterior_of(noise=1e-7)
    drawn = posterior.function_draw(np.random.default_rng(3), 64)(points_on_axes(10, seed=0))
    # a few deviations of the noise, 3e-4
    np.testing.assert_allclose(drawn, posterior.values, atol=5e-3)


@pytest.mark.parametrize("warps", [(), WARPS], ids=["straight", "warped"])
def test_slopes_are_those_of_finite_differences_and_zero_along_a_category(warps):
    function = posterior_of(warps=warps).function_draw(np.random.default_rng(4), 32)
    points = 0.1 + 0.8 * points_on_axes(6, seed=5)
    values, slopes = function.with_gradient(points)
    np.testing.assert_allclose(values, function(points), rtol=1e-9)
    assert (slopes[:, 1] == 0.0).all()
    for column in (0, 2):
        step = 1e-5 * np.eye(3)[column]
        expected = (function(points + step) - function(points - step)) / 2e-5
        np.testing.assert_allclose(slopes[:, column], expected, rtol=1e-5, atol=1e-6)
