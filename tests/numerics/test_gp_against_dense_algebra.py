"""The Gaussian process against plain inverses, mpmath and finite differences."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from smbo.surrogates import GP, Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters, Likelihood, Priors
from smbo.training_data import Axis, TrainingData

KERNELS = [Matern52(), Matern32(), SquaredExponential()]
AXES = (Axis("a", "continuous"), Axis("b", "ordered", 5), Axis("c", "categorical", 3))
THETA = Hyperparameters((-0.7, 0.2, 0.5), 0.4, -3.0)
BENT = (0.4, -0.3, 0.0, -0.5, 0.2, 0.0)  # log a, then log b, of each axis


def mixed_points(n, rng):
    points = rng.random((n, 3))
    points[:, 1] = (rng.integers(5, size=n) + 0.5) / 5
    points[:, 2] = (rng.integers(3, size=n) + 0.5) / 3
    return points


def training_data_of(points, values, variances=None, axes=AXES):
    n, d = points.shape
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=axes,
        numbers=np.arange(n),
        points=points,
        values=values,
        variances=unknown if variances is None else variances,
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, d)),
        pending=np.zeros((0, d)),
    )


def squared_distance(a, b, theta=THETA):
    """Squared scaled distance written out by hand: coordinates, and 0 or 1 between categories."""
    lengths = np.exp(theta.log_lengths)
    return (
        ((a[0] - b[0]) / lengths[0]) ** 2
        + ((a[1] - b[1]) / lengths[1]) ** 2
        + float(a[2] != b[2]) / lengths[2] ** 2
    )


def precise_profile(kernel, squared):
    r = mpmath.sqrt(squared)
    if isinstance(kernel, Matern52):
        s = mpmath.sqrt(5) * r
        return (1 + s + s**2 / 3) * mpmath.exp(-s)
    if isinstance(kernel, Matern32):
        s = mpmath.sqrt(3) * r
        return (1 + s) * mpmath.exp(-s)
    return mpmath.exp(-(r**2) / 2)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_a_posterior_agrees_with_fifty_digit_algebra(kernel):
    rng = np.random.default_rng(3)
    points, values = mixed_points(7, rng), rng.normal(5.0, 3.0, 7)
    variances = np.array([np.nan, 0.3, np.nan, 0.1, np.nan, np.nan, 1.0])
    posterior = GP(kernel=kernel, hyperparameters=THETA).fit(training_data_of(points, values, variances))
    queries = mixed_points(4, rng)
    mean, std = posterior.moments(queries)

    with mpmath.workdps(50):
        shift, scale = mpmath.mpf(float(values.mean())), mpmath.mpf(float(values.std()))
        amplitude, noise = mpmath.exp(THETA.log_amplitude), mpmath.exp(THETA.log_noise)

        def k(a, b):
            return amplitude * precise_profile(kernel, squared_distance(a, b))

        cov = mpmath.matrix(7, 7)
        for i in range(7):
            for j in range(7):
                cov[i, j] = k(points[i], points[j])
            given = variances[i]
            cov[i, i] += noise if np.isnan(given) else given / scale**2
        y = mpmath.matrix([(v - shift) / scale for v in values])
        ones = mpmath.matrix([1] * 7)
        inverse = cov**-1
        constant = (ones.T * inverse * y)[0] / ((ones.T * inverse * ones)[0] + 1)
        for row, query in enumerate(queries):
            cross = mpmath.matrix([k(query, p) for p in points])
            expected = constant + (cross.T * inverse * (y - constant * ones))[0]
            variance = amplitude - (cross.T * inverse * cross)[0]
            # double precision through a covariance of condition number ~ 1e2
            assert mean[row] == pytest.approx(float(shift + scale * expected), rel=1e-11)
            assert std[row] == pytest.approx(float(scale * mpmath.sqrt(variance)), rel=1e-10)


@pytest.mark.parametrize("bent", [(), BENT], ids=["straight", "bent"])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_gradient_of_the_likelihood_is_its_slope(kernel, bent):
    rng = np.random.default_rng(5)
    points, values = mixed_points(12, rng), rng.normal(size=12)
    variances = np.where(np.arange(12) % 3 == 0, 0.05, np.nan)
    features = Features.of(AXES)
    likelihood = Likelihood(kernel, features, Priors(), 3, points, features.encode(points), values, variances)
    at = replace(THETA, log_warps=bent).vector()
    _, gradient = likelihood.negative_with_gradient(at)
    for i in range(len(at)):
        step = np.zeros_like(at)
        step[i] = 1e-5
        above, below = (likelihood.negative_with_gradient(at + s * step)[0] for s in (1, -1))
        # central differences err by h² ~ 1e-10 and by rounding / h ~ 1e-10
        assert gradient[i] == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-7)


def test_the_likelihood_is_the_density_of_a_normal_vector_and_the_priors():
    rng = np.random.default_rng(6)
    points, values = mixed_points(6, rng), rng.normal(size=6)
    features, priors = Features.of(AXES), Priors()
    likelihood = Likelihood(
        Matern52(), features, priors, 3, points, features.encode(points), values, np.full(6, np.nan)
    )
    kernel = Matern52()

    def dense(theta):
        squared = np.array([[squared_distance(a, b, theta) for b in points] for a in points])
        cov = np.exp(theta.log_amplitude) * kernel.profile(squared) + np.exp(theta.log_noise) * np.eye(6)
        inverse = np.linalg.inv(cov)
        ones = np.ones(6)
        mean = ones @ inverse @ values / (ones @ inverse @ ones + 1)
        residual = values - mean
        means, stds = priors.moments(3, n_levels=features.n_levels)
        log_density = -0.5 * residual @ inverse @ residual - 0.5 * np.linalg.slogdet(cov)[1] - 0.5 * mean**2
        return log_density - 0.5 * (((theta.vector() - means) / stds) ** 2).sum()

    other = Hyperparameters((0.3, -0.5, 0.1), -0.2, -2.0)
    found = [likelihood.negative_with_gradient(t.vector())[0] for t in (THETA, other)]
    assert found[1] - found[0] == pytest.approx(dense(THETA) - dense(other), rel=1e-10)


@pytest.mark.parametrize("bent", [(), BENT], ids=["straight", "bent"])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_gradients_of_the_moments_are_their_slopes(kernel, bent):
    rng = np.random.default_rng(7)
    points, values = mixed_points(9, rng), rng.normal(100.0, 7.0, 9)
    posterior = GP(kernel=kernel, hyperparameters=replace(THETA, log_warps=bent)).fit(
        training_data_of(points, values)
    )
    queries = mixed_points(5, rng)
    mean, std, mean_slope, std_slope = posterior.moments_and_gradients(queries)
    np.testing.assert_allclose(np.stack([mean, std]), np.stack(posterior.moments(queries)), rtol=1e-12)
    for column in range(2):
        step = np.zeros(3)
        step[column] = 1e-5
        (up, std_up), (down, std_down) = posterior.moments(queries + step), posterior.moments(queries - step)
        np.testing.assert_allclose(mean_slope[:, column], (up - down) / 2e-5, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(std_slope[:, column], (std_up - std_down) / 2e-5, rtol=1e-6, atol=1e-6)
    assert (mean_slope[:, 2] == 0).all()
    assert (std_slope[:, 2] == 0).all()


def test_conditioning_equals_fitting_to_all_of_it():
    rng = np.random.default_rng(8)
    points, values = mixed_points(10, rng), rng.normal(size=10)
    posterior = GP(hyperparameters=THETA).fit(training_data_of(points[:7], values[:7]))
    extended = posterior.condition_on(points[7:], values[7:])
    queries = mixed_points(6, rng)

    # the constant mean and the scaling stay those of the first fit, so the reference is dense
    kernel = Matern52()

    def cov(left, right):
        squared = np.array([[squared_distance(a, b) for b in right] for a in left])
        return np.exp(THETA.log_amplitude) * kernel.profile(squared)

    full = np.linalg.inv(cov(points, points) + np.exp(THETA.log_noise) * np.eye(10))
    shift, scale = posterior.scale.shift, posterior.scale.size
    residual = (values - shift) / scale - posterior.mean
    cross = cov(queries, points)
    mean, std = extended.moments(queries)
    np.testing.assert_allclose(mean, shift + scale * (posterior.mean + cross @ full @ residual), rtol=1e-9)
    variance = np.exp(THETA.log_amplitude) - np.einsum("ij,jk,ik->i", cross, full, cross)
    np.testing.assert_allclose(std, scale * np.sqrt(variance), rtol=1e-9)


def test_a_fantasy_at_the_mean_leaves_the_mean_and_narrows_the_rest():
    rng = np.random.default_rng(9)
    points, values = mixed_points(8, rng), rng.normal(size=8)
    posterior = GP(hyperparameters=THETA).fit(training_data_of(points, values))
    pending, queries = mixed_points(3, rng), mixed_points(50, rng)
    extended = posterior.fantasize(pending)
    before, after = posterior.moments(queries), extended.moments(queries)
    np.testing.assert_allclose(after[0], before[0], rtol=0, atol=1e-10)
    assert (after[1] <= before[1] + 1e-12).all()
    assert (extended.moments(pending)[1] < posterior.moments(pending)[1]).all()


def test_joint_covariance_agrees_with_the_moments_and_its_samples():
    rng = np.random.default_rng(10)
    points, values = mixed_points(8, rng), rng.normal(size=8)
    posterior = GP(hyperparameters=THETA).fit(training_data_of(points, values))
    queries = mixed_points(4, rng)
    mean, covariance = posterior.joint(queries)
    shift, size = posterior.scale.shift, posterior.scale.size
    mean, covariance = shift + size * mean, size**2 * covariance
    np.testing.assert_allclose(mean, posterior.moments(queries)[0], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diagonal(covariance)), posterior.moments(queries)[1], rtol=1e-9)
    draws = posterior.sample(queries, 40_000, rng)
    # four standard errors of a mean and of a variance of that many draws
    assert (np.abs(draws.mean(axis=0) - mean) < 4 * np.sqrt(np.diagonal(covariance) / 40_000)).all()
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=4 * 1.5 * covariance.max() / 200)
