"""Repeats of a point in one row: the process believes the same as of single rows, and learns the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo.history.replicates import merged
from smbo.surrogates import GP
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))
THETA = Hyperparameters((-1.0, -0.7), 0.1, -1.5)
BENT = OutcomeTransform(shift=-1.0, size=0.7, power=0.3, centre=0.4, width=1.3)


def repeated(told, n=24, seed=1):
    """Training data with points once or up to five times; ``told`` of the errors are known."""
    rng = np.random.default_rng(seed)
    points = rng.random((9, 2))[rng.integers(9, size=n)]
    values = np.sin(5 * points[:, 0]) + points[:, 1] + 0.3 * rng.standard_normal(n)
    variances = np.where(rng.random(n) < told, rng.uniform(0.01, 0.2, n), np.nan)
    data = TrainingData.of_values(AXES, points, values, variances)
    return replace(data, failed=rng.random((2, 2)), pending=rng.random((3, 2)))


@pytest.mark.parametrize("told", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("power", [1.0, 0.4])
def test_the_posterior_is_that_of_the_single_rows(told, power):
    single = repeated(told)
    few = merged(single)
    assert len(few) < len(single) == few.n_told
    gp = GP(hyperparameters=THETA, power=power)
    points = np.random.default_rng(2).random((40, 2))
    for there, here in zip(gp.fit(single).moments(points), gp.fit(few).moments(points)):
        np.testing.assert_allclose(here, there, rtol=1e-9)
    known, fresh = gp.fit(single).fantasize(points[:2]), gp.fit(few).fantasize(points[:2])
    if told != 0.5:  # a fantasy is as noisy as a single evaluation, not as a mean of many
        np.testing.assert_allclose(fresh.noise, known.noise, rtol=1.0 if told else 1e-12)


@pytest.mark.parametrize("told", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("scale", [OutcomeTransform(0.4, 1.7), BENT], ids=["affine", "bent"])
def test_the_density_of_hyperparameters_is_that_of_the_single_rows_up_to_powers_of_two_pi(told, scale):
    single = repeated(told)
    for theta in (THETA, Hyperparameters((0.3, -2.0), -0.5, 0.2)):
        vector = theta.vector()
        there = GP()._likelihood(single, scale).negative_with_gradient(vector)
        here = GP()._likelihood(merged(single), scale).negative_with_gradient(vector)
        np.testing.assert_allclose(here[0], there[0], rtol=1e-9)
        np.testing.assert_allclose(here[1], there[1], rtol=1e-7, atol=1e-9)


def test_the_slope_of_the_density_is_that_of_finite_differences():
    likelihood = GP()._likelihood(merged(repeated(0.5)), OutcomeTransform())
    vector, step = THETA.vector(), 1e-6
    _, slope = likelihood.negative_with_gradient(vector)
    for k, unit in enumerate(np.eye(len(vector)) * step):
        up, down = (likelihood.negative_with_gradient(vector + s * unit)[0] for s in (1, -1))
        assert slope[k] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-6)


def test_what_is_learned_is_what_the_single_rows_teach():
    single = repeated(0.0, n=40)
    taught = [GP().train(data, {})[0].hyperparameters.vector() for data in (single, merged(single))]
    np.testing.assert_allclose(*taught, rtol=1e-3, atol=1e-3)  # as far as the search for it goes
