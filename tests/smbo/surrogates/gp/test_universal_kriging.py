"""A process around a polynomial: its algebra, and what it makes of functions that are one."""

from __future__ import annotations

import numpy as np
import pytest
from sampled_functions import bump, quartic, quiet, told
from scipy.stats import multivariate_normal

from smbo import Categorical
from smbo.surrogates import GP, SquaredExponential
from smbo.surrogates.gp.kernel_selection import log_density
from smbo.surrogates.gp.polynomial_basis import Polynomials
from smbo.surrogates.gp.universal_kriging import UniversalKriging
from smbo.surrogates.linalg import cholesky


def prior(posterior, left, right):
    """The covariance of both parts in plain algebra."""
    process, smooth = posterior.process, posterior.process.features.coordinates
    gaps = process.encode(left)[:, None] - process.encode(right)[None]
    columns = process.features.columns[smooth]
    terms = [posterior.trend.terms(points[:, columns]) for points in (left, right)]
    return process.amplitude * process.kernel.profile((gaps**2).sum(axis=2)) + terms[0] @ terms[1].T


@pytest.mark.parametrize("bend", [False, True])
def test_moments_and_slopes_are_those_of_dense_algebra(bend):
    data = told(quartic, 30, kind=Categorical(["a", "b"]))
    process = GP(kernel=SquaredExponential(), bend_values=bend)
    posterior = UniversalKriging(Polynomials(2), process).fit(data)
    points = np.random.default_rng(0).random((6, 3))
    factor = cholesky(prior(posterior, data.points, data.points) + posterior.noise * np.eye(len(data)))
    half = np.linalg.solve(factor, prior(posterior, data.points, points))
    residual = np.linalg.solve(factor, posterior.process.values - posterior.process.mean)
    latent = posterior.latent
    mean, std = latent.moments(points)
    assert mean == pytest.approx(posterior.process.mean + half.T @ residual, abs=1e-6)
    covariance = prior(posterior, points, points) - half.T @ half
    assert std**2 == pytest.approx(np.diagonal(covariance), rel=1e-4, abs=1e-9)
    assert latent.covariance(points[:2], points) == pytest.approx(covariance[:2], rel=1e-4, abs=1e-9)

    again, spread, to_mean, to_std = posterior.moments_and_gradients(points)
    assert np.array([again, spread]) == pytest.approx(np.array(posterior.moments(points)))
    for column in (0, 1):
        step = np.zeros(3)
        step[column] = 1e-4
        up, down = posterior.moments(points + step), posterior.moments(points - step)
        for slope, above, below in zip((to_mean, to_std), up, down):
            assert slope[:, column] == pytest.approx((above - below) / 2e-4, rel=1e-3, abs=1e-5)
    assert (to_mean[:, 2] == 0.0).all(), "a category has no slope"


def test_the_density_that_chooses_is_that_of_dense_algebra():
    data = told(bump, 25)
    posterior = UniversalKriging(Polynomials(2), GP(bend_values=False)).fit(data)
    process = posterior.process
    covariance = prior(posterior, data.points, data.points) + posterior.noise * np.eye(25)
    expected = multivariate_normal(np.full(25, process.mean), covariance).logpdf(process.values)
    expected += np.log(process.scale.slopes(data.values)).sum()
    constant = -12.5 * np.log(2.0 * np.pi) + 0.5 * process.mean**2
    assert log_density(process, data.values) == pytest.approx(expected - constant, abs=1e-4)


def test_a_fantasy_leaves_the_mean_and_takes_the_doubt_there():
    posterior = UniversalKriging(Polynomials(2), quiet()).fit(told(bump, 15)).latent
    points = np.random.default_rng(0).random((40, 2))
    fantasized = posterior.fantasize(points[:2])
    before, after = posterior.moments(points), fantasized.moments(points)
    assert after[0] == pytest.approx(before[0], abs=1e-6)
    assert (after[1] <= before[1] * (1.0 + 1e-6)).all()
    assert (after[1][:2] < 0.1 * before[1][:2]).all()


def test_values_taken_in_are_as_if_told_from_the_start():
    data = told(quartic, 24)
    posterior = UniversalKriging(Polynomials(3), quiet(bend_values=False)).fit(data)
    new, values = np.array([[0.2, 0.9], [0.7, 0.1]]), np.array([0.3, -0.4])
    points = np.random.default_rng(0).random((5, 2))
    later = posterior.latent.condition_on(new, values)
    every = np.concatenate([data.points, new])
    covariance = prior(posterior, every, every) + posterior.noise * np.eye(26)
    weights = np.linalg.solve(
        covariance, np.append(posterior.process.values, values) - posterior.process.mean
    )
    expected = posterior.process.mean + prior(posterior, points, every) @ weights
    assert later.moments(points)[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_as_many_values_as_coefficients_and_a_few_settle_a_polynomial():
    data = told(quartic, 20)
    places = np.random.default_rng(1).random((500, 2))
    truth = np.array([quartic(*place) for place in places])

    def error(surrogate):
        return float(np.abs(surrogate.fit(data).moments(places)[0] - truth).max() / truth.std())

    assert error(UniversalKriging(Polynomials(4), quiet())) < 0.01 < 0.1 < error(quiet())
