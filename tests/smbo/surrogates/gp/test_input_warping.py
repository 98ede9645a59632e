"""Bent axes: what they do to a unit point, and when the process bends them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo.surrogates import GP
from smbo.surrogates.gp.input_warping import Warp
from smbo.training_data import Axis, TrainingData


def line(n, function):
    points = (np.arange(n)[:, None] + 0.5) / n
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=(Axis("a", "continuous"),),
        numbers=np.arange(n),
        points=points,
        values=function(points[:, 0]),
        variances=unknown,
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, 1)),
        pending=np.zeros((0, 1)),
    )


def test_logarithms_of_zero_leave_points_where_they_are():
    points = np.random.default_rng(0).random((20, 3))
    np.testing.assert_allclose(Warp(np.zeros(3), np.zeros(3))(points), points, atol=1e-12)


@pytest.mark.parametrize(("log_a", "log_b"), [(-1.5, 1.5), (1.5, -1.5), (0.7, 0.7), (-1.5, -1.5)])
def test_a_bent_axis_keeps_its_order_and_its_ends(log_a, log_b):
    warp = Warp(np.array([log_a]), np.array([log_b]))
    points = np.linspace(0.0, 1.0, 101)[:, None]
    bent = warp(points)[:, 0]
    assert (np.diff(bent) > 0.0).all()
    np.testing.assert_allclose(bent[[0, -1]], [0.0, 1.0], atol=0.02)
    assert np.isfinite(warp.slopes(points)).all()


def test_slopes_are_those_of_the_map_and_of_its_parameters():
    rng = np.random.default_rng(1)
    points, log_a, log_b = 0.05 + 0.9 * rng.random((7, 2)), rng.normal(size=2), rng.normal(size=2)
    h = 1e-6
    warp = Warp(log_a, log_b)
    by_a, by_b = warp.parameter_slopes(points)
    for slopes, up, down in (
        (warp.slopes(points), warp(points + h), warp(points - h)),
        (by_a, Warp(log_a + h, log_b)(points), Warp(log_a - h, log_b)(points)),
        (by_b, Warp(log_a, log_b + h)(points), Warp(log_a, log_b - h)(points)),
    ):
        np.testing.assert_allclose(slopes, (up - down) / (2 * h), rtol=1e-6, atol=1e-8)


def test_an_axis_is_bent_where_the_function_changes_at_one_end_only():
    fast_at_zero = line(25, lambda u: np.sin(12.0 * u**0.3))
    bending = GP(warp_axes=True, bend_values=False)
    theta = bending.train(fast_at_zero, {})[0].hyperparameters
    assert theta.log_warps
    assert theta.log_warps[0] < -0.2  # a < 1 stretches the start of the axis
    between = np.linspace(0.02, 0.98, 50)[:, None]
    truth = np.sin(12.0 * between[:, 0] ** 0.3)
    errors = [
        np.abs(gp.fit(fast_at_zero).moments(between)[0] - truth).mean()
        for gp in (bending, replace(bending, warp_axes=False))
    ]
    assert errors[0] < errors[1]


def test_an_axis_stays_straight_where_bending_explains_nothing():
    even = line(25, lambda u: np.sin(9.0 * u))
    assert GP(warp_axes=True).train(even, {})[0].hyperparameters.log_warps == ()
