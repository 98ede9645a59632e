"""Noisy expected improvement against dense algebra, and where evaluations have no noise."""

import numpy as np
import pytest
from bowl_data import CONTINUOUS, evidence_on, process
from scipy.special import ndtr

from smbo.acquisition import (
    LogExpectedImprovement,
    NoisyLogExpectedImprovement,
)
from smbo.acquisition.noisy_expected_improvement import NoisyImprovement
from smbo.errors import RecipeError
from smbo.surrogates import Forest
from smbo.surrogates.gp.kernels import squared_distances


def test_without_noise_noisy_improvement_is_expected_improvement():
    data = evidence_on(CONTINUOUS, n=9)
    posterior = process(2, noise=1e-7).fit(data)
    points = evidence_on(CONTINUOUS, n=40, seed=6).points
    plain = LogExpectedImprovement().build(posterior, data)(points)
    noisy = NoisyLogExpectedImprovement(n_draws=64).build(posterior, data)(points)
    likely = plain > -8  # in the tail a noise of 3e-4 in the incumbent counts
    # one is in standardised units, the other in the values' own
    offset = np.log(posterior.scale.size)
    np.testing.assert_allclose(noisy[likely] + offset, plain[likely], atol=0.05)


def test_noisy_improvement_is_that_of_a_process_fitted_to_each_draw():
    data = evidence_on(CONTINUOUS, n=7, noise=0.2)
    posterior = process(2, noise=0.1).fit(data).latent
    rng = np.random.default_rng(4)
    normals, errors = rng.standard_normal((7, 6)), rng.standard_normal((7, 6))
    criterion = NoisyImprovement.of(posterior, data, normals, errors)
    points = evidence_on(CONTINUOUS, n=5, seed=6).points
    # dense algebra: K without noise, one draw of the values after another
    k = posterior.amplitude * posterior.kernel.profile(squared_distances(posterior.scaled, posterior.scaled))
    lower = np.linalg.cholesky(k)
    noisy = k + 0.1 * np.eye(7)
    at = posterior.features.encode(points) / posterior.lengths
    cross = posterior.amplitude * posterior.kernel.profile(squared_distances(at, posterior.scaled))
    std = np.sqrt(posterior.amplitude - np.einsum("ij,ji->i", cross, np.linalg.solve(k, cross.T)))
    total = np.zeros(len(points))
    for z, e in zip(normals.T, errors.T):
        prior = lower @ z
        told = posterior.values - posterior.mean - prior - np.sqrt(0.1) * e
        f = prior + k @ np.linalg.solve(noisy, told)
        gap = f.min() - cross @ np.linalg.solve(k, f)
        total += gap * ndtr(gap / std) + std * np.exp(-0.5 * (gap / std) ** 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(criterion(points), np.log(total / 6), rtol=1e-6)


def test_draws_at_known_points_have_the_posterior_s_spread():
    data = evidence_on(CONTINUOUS, n=5, noise=0.3)
    posterior = process(2, noise=0.5).fit(data).latent
    criterion = NoisyLogExpectedImprovement(n_draws=4000).build(posterior, data)
    samples = posterior.sample(data.points, 4000, np.random.default_rng(0))
    lowest = posterior.scale.to_latent(samples).min(axis=1)
    np.testing.assert_allclose(criterion.incumbents.mean(), lowest.mean(), atol=0.06)
    np.testing.assert_allclose(criterion.incumbents.std(), lowest.std(), rtol=0.1)


def test_noisy_improvement_says_that_it_needs_a_process():
    data = evidence_on(CONTINUOUS, n=9)
    with pytest.raises(RecipeError, match="ForestPosterior"):
        NoisyLogExpectedImprovement().build(Forest(n_trees=4).fit(data), data)
