"""A process with a quadratic trend, against dense algebra and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from smbo.surrogates.multi_output import quadratic_trend as trend

D = 3


def example(n=12):
    rng = np.random.default_rng(4)
    theta = trend.prior_mean(D) + 0.3 * rng.standard_normal(4 + D)
    return theta, rng.random((n, D)) - 0.5, rng.standard_normal(n), rng.uniform(0.02, 0.1, n)


def dense(theta, left, right):
    """The kernel pair by pair, as the module's formula has it."""
    amplitude, linear, quadratic, lengths = trend.parts(theta)
    return np.array(
        [
            [
                10.0
                + linear * (a @ b)
                + quadratic * (a @ b) ** 2
                + amplitude * np.exp(-0.5 * (((a - b) / lengths) ** 2).sum())
                for b in right
            ]
            for a in left
        ]
    )


def test_the_likelihood_has_the_slope_of_finite_differences():
    rng = np.random.default_rng(3)
    features, values = rng.random((25, D)) - 0.5, rng.standard_normal(25)
    theta = trend.prior_mean(D) + 0.3 * rng.standard_normal(4 + D)
    variances = np.full(25, 0.05)
    _, slope = trend.log_likelihood(theta, features, values, variances)
    for j, unit in enumerate(1e-5 * np.eye(4 + D)):
        ahead, _ = trend.log_likelihood(theta + unit, features, values, variances)
        behind, _ = trend.log_likelihood(theta - unit, features, values, variances)
        assert slope[j] == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-4)


def test_the_likelihood_is_the_density_of_a_normal_vector():
    theta, features, values, variances = example()
    noise = np.exp(theta[3]) * variances + trend.NUGGET
    covariance = dense(theta, features, features) + np.diag(noise)
    expected = multivariate_normal(np.zeros(12), covariance).logpdf(values)
    assert trend.log_likelihood(theta, features, values, variances)[0] == pytest.approx(expected, rel=1e-9)


def test_moments_are_those_of_dense_algebra():
    theta, features, values, variances = example()
    posterior = trend.fit(theta, features, values, variances)
    points = np.random.default_rng(5).random((6, D)) - 0.5
    covariance = dense(theta, features, features) + np.diag(np.exp(theta[3]) * variances + trend.NUGGET)
    cross = dense(theta, points, features)
    expected = dense(theta, points, points) - cross @ np.linalg.solve(covariance, cross.T)
    mean, variance = posterior.moments(points)
    assert mean == pytest.approx(cross @ np.linalg.solve(covariance, values), rel=1e-8, abs=1e-10)
    assert variance == pytest.approx(np.diagonal(expected), rel=1e-8)
    assert posterior.joint(points)[1] == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_gradients_of_the_moments_are_those_of_finite_differences():
    posterior = trend.fit(*example())
    points = np.random.default_rng(6).random((5, D)) - 0.5
    mean, variance, to_mean, to_variance = posterior.moments_and_gradients(points)
    assert np.array([mean, variance]) == pytest.approx(np.array(posterior.moments(points)), rel=1e-9)
    for j, step in enumerate(1e-5 * np.eye(D)):
        up, down = posterior.moments(points + step), posterior.moments(points - step)
        assert to_mean[:, j] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-5, abs=1e-6)
        assert to_variance[:, j] == pytest.approx((up[1] - down[1]) / 2e-5, rel=1e-5, abs=1e-6)


def test_a_fantasy_keeps_the_mean_and_narrows_the_rest():
    posterior = trend.fit(*example())
    points = np.random.default_rng(7).random((20, D)) - 0.5
    before, after = posterior.moments(points), posterior.fantasized(points[:2]).moments(points)
    assert after[0] == pytest.approx(before[0], abs=1e-8)
    assert (after[1] <= before[1] * (1.0 + 1e-8)).all()
    assert (after[1][:2] < 0.8 * before[1][:2]).all()
