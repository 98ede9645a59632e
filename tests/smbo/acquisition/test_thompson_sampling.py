"""Thompson sampling: functions drawn from a posterior have its moments, and go through exact values."""

import numpy as np
import pytest
from bowl_data import CONTINUOUS, MIXED, evidence_on, process

from smbo.acquisition import ThompsonSampling
from smbo.acquisition.thompson_sampling import FourierFeatures, draw
from smbo.errors import RecipeError
from smbo.surrogates import Forest, Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.kernels import squared_distances


@pytest.mark.parametrize("kernel", [Matern32(), Matern52(), SquaredExponential()], ids=repr)
def test_random_waves_have_the_kernel_s_covariance(kernel):
    data = evidence_on(CONTINUOUS, n=6)
    posterior = process(2, kernel=kernel).fit(data)
    rng = np.random.default_rng(1)
    draws = np.stack([FourierFeatures.of(kernel, 2.0, 2, 64, rng)(posterior.scaled) for _ in range(4000)])
    wanted = 2.0 * kernel.profile(squared_distances(posterior.scaled, posterior.scaled))
    # a covariance of 4000 draws is known to 2 * sqrt(2 / 4000) = 0.045; five times that
    np.testing.assert_allclose(np.cov(draws.T), wanted, atol=0.2)
    np.testing.assert_allclose(draws.mean(axis=0), 0.0, atol=0.12)


def test_draws_have_the_posterior_s_moments():
    data = evidence_on(MIXED, n=10, noise=0.1)
    posterior = process(4, noise=0.05).fit(data).latent
    points = evidence_on(MIXED, n=8, seed=4).points
    rng = np.random.default_rng(2)
    draws = np.stack([draw(posterior, data, rng, 128)(points) for _ in range(3000)])
    mean, covariance = posterior.joint(points)
    std = np.sqrt(np.diagonal(covariance))
    # five standard errors of 3000 draws
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * std / np.sqrt(3000)).all()
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=5 * np.sqrt(2 / 3000) * (std**2).max())


def test_a_draw_goes_through_exact_values():
    data = evidence_on(CONTINUOUS)
    posterior = process(2, noise=1e-7).fit(data).latent
    values = draw(posterior, data, np.random.default_rng(0), 256)(data.points)
    np.testing.assert_allclose(values, posterior.values, atol=5e-3)  # a few deviations of the noise


def test_a_draw_of_a_forest_has_its_marginals_and_no_slopes():
    data = evidence_on(CONTINUOUS, n=30)
    posterior = Forest(n_trees=16).fit(data)
    points = evidence_on(CONTINUOUS, n=5, seed=8).points
    rng = np.random.default_rng(3)
    draws = np.stack([draw(posterior, data, rng, 64)(points) for _ in range(2000)])
    mean, std = posterior.moments(points)
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * std / np.sqrt(2000)).all()
    np.testing.assert_allclose(draws.std(axis=0), std, rtol=0.1)
    criterion = ThompsonSampling().build(posterior, data)
    assert not hasattr(criterion, "with_gradient")
    assert np.isfinite(criterion(points)).all()


def test_a_kernel_without_a_spectral_density_is_refused_by_name():
    class Strange(Matern52):
        pass

    data = evidence_on(CONTINUOUS)
    with pytest.raises(RecipeError, match="Strange"):
        ThompsonSampling().build(process(2, kernel=Strange()).fit(data), data)
