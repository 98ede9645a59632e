"""The model of all bins against finite differences, sums over its bins, and its own draws."""

from __future__ import annotations

import numpy as np
import pytest
from tune_toy import SPACE, spectra, study_of

from smbo.tuning.bins import BinModel

POINT = SPACE.to_unit([{"slope": 1.3, "width": 0.6, "idle": 0.1}])[0]


@pytest.fixture(scope="module")
def model():
    return BinModel.of(study_of(seed=0)[1])


def test_the_jacobian_is_that_of_finite_differences_of_the_means(model):
    columns, step = np.array([0, 1]), 1e-3
    found = model.jacobian(POINT, columns).values
    for row, column in enumerate(columns):
        ends = np.tile(POINT, (2, 1))
        ends[:, column] += [step, -step]
        up, down = model.moments(ends)[0]
        # central differences err by the square of their steps, times the third derivative
        assert found[:, row] == pytest.approx((up - down) / (2.0 * step), rel=1e-3, abs=1e-3)


def test_the_summed_spread_is_the_weighted_sum_of_the_bins_variances(model):
    rng = np.random.default_rng(1)
    points, metric = rng.uniform(size=(6, 3)), rng.uniform(size=24)
    _, variances = model.coordinates(points)
    expected = model.moments(points)[1] @ metric
    assert model.summed_spread(points, variances, metric) == pytest.approx(expected, rel=1e-9)


def test_draws_scatter_around_the_mean_as_the_errors_say(model):
    mean, _ = model.moments(POINT[None])
    factor = model.errors(POINT)
    covariance = factor @ factor.T
    drawn = model.draws(POINT, 20_000, np.random.default_rng(2))
    widths = np.sqrt(np.diagonal(covariance))
    # five standard errors of a mean and, relative, of a variance of as many draws
    assert np.abs((drawn.mean(axis=0) - mean[0]) / widths).max() < 5.0 / np.sqrt(20_000)
    assert np.cov(drawn.T) / np.outer(widths, widths) == pytest.approx(
        covariance / np.outer(widths, widths), abs=5.0 * np.sqrt(2.0 / 20_000)
    )


def test_bins_within_the_evaluated_range_are_predicted_within_a_few_of_their_errors(model):
    points = SPACE.sample(50, np.random.default_rng(3))
    mean, variance = model.moments(SPACE.to_unit(points))
    off = (mean - [spectra(**point) for point in points]) / np.sqrt(variance)
    assert np.sqrt(np.mean(off**2)) < 2.0
