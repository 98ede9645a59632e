"""Max-value entropy search: the gain in many digits, and the distribution of the minimum."""

import mpmath
import numpy as np
import pytest
from bowl_data import CONTINUOUS, evidence_on, process

from smbo.acquisition import (
    MaxValueEntropySearch,
)
from smbo.acquisition.max_value_entropy_search import log_gain, sampled_minima


@pytest.mark.parametrize(
    "gamma", [-1e6, -1e3, -51.0, -50.0, -49.0, -5.0, -0.3, 0.0, 1e-9, 0.4, 3.0, 7.5, 20.0, 60.0, 1e4]
)
def test_the_gain_and_its_slope_agree_with_many_digits(gamma):
    def exact(z):
        cdf, pdf = mpmath.ncdf(z), mpmath.npdf(z)
        return mpmath.log(z * pdf / (2 * cdf) - mpmath.log(cdf))

    # the terms cancel to one part in γ², and φ(1e4) is 1e-21714852
    with mpmath.workdps(60):
        z = mpmath.mpf(gamma)
        if gamma > 10:  # 1 - Φ is lost to sixty digits; -log Φ is 1 - Φ then, to 1e-23 of it
            tail, pdf = mpmath.erfc(z / mpmath.sqrt(2)) / 2, mpmath.npdf(z)
            value = float(mpmath.log(z * pdf / 2 + tail))
            slope = float((-(z**2) * pdf / 2 - pdf / 2) / (z * pdf / 2 + tail))
        else:
            value, slope = float(exact(z)), float(mpmath.diff(exact, z))
    found, found_slope = log_gain(np.array([gamma]))
    np.testing.assert_allclose(found, value, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found_slope, slope, rtol=2e-6)


def test_sampled_minima_follow_the_lowest_of_many_normals():
    rng = np.random.default_rng(0)
    mean, std = rng.standard_normal(300), rng.uniform(0.3, 1.0, 300)
    simulated = (mean + std * rng.standard_normal((20000, 300))).min(axis=1)
    shares = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    # quartiles fit by construction (up to the simulation's error), the rest by the Gumbel shape
    np.testing.assert_allclose(sampled_minima(mean, std, shares), np.quantile(simulated, shares), atol=0.06)


def test_entropy_is_gained_where_the_function_may_be_lowest_and_not_where_it_is_known():
    data = evidence_on(CONTINUOUS, n=8)
    posterior = process(2, noise=1e-6).fit(data)
    criterion = MaxValueEntropySearch().build(posterior, data)
    worst = data.points[np.argmax(data.values)]
    grid = evidence_on(CONTINUOUS, n=200, seed=6).points
    assert criterion(grid).max() > criterion(data.points).max() + 1.0
    assert criterion(worst[None, :])[0] < np.median(criterion(grid))


def test_a_place_without_deviation_is_the_minimum_where_it_is_the_lowest():
    # a forest whose trees agree there, and do not elsewhere
    mean, std = np.array([-3.7, 1.0, 2.0]), np.array([1e-150, 0.3, 0.5])
    found = sampled_minima(mean, std, np.array([0.1, 0.5, 0.9]))
    np.testing.assert_allclose(found, -3.7, rtol=1e-9)
