"""Acquisitions that draw: their gradients, their tails, and what they are worth where it is known."""

import mpmath
import numpy as np
import pytest
from scipy.special import ndtr

from smbo.acquisition import (
    GPHedge,
    LogExpectedImprovement,
    LowerConfidenceBound,
    MaxValueEntropySearch,
    NoisyLogExpectedImprovement,
    ProbabilityOfImprovement,
    ThompsonSampling,
)
from smbo.acquisition.max_value_entropy_search import log_gain, sampled_minima
from smbo.acquisition.noisy_expected_improvement import NoisyImprovement
from smbo.acquisition.thompson_sampling import FourierFeatures, draw
from smbo.errors import RecipeError
from smbo.surrogates import GP, Forest, Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.kernels import squared_distances
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import Axis, TrainingData

CONTINUOUS = (Axis("x", "continuous"), Axis("y", "continuous"))
MIXED = (*CONTINUOUS, Axis("n", "ordered", 20), Axis("c", "categorical", 3))
DRAWING = [
    ThompsonSampling(seed=3, n_frequencies=64),
    MaxValueEntropySearch(seed=3),
    NoisyLogExpectedImprovement(seed=3),
]


def evidence_on(axes, n=12, seed=0, noise=0.0, n_failed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((n + n_failed, len(axes)))
    for column, axis in enumerate(axes):
        if axis.levels:
            points[:, column] = (np.floor(points[:, column] * axis.levels) + 0.5) / axis.levels
    values = ((points[:n] - 0.4) ** 2).sum(axis=1) + noise * rng.standard_normal(n)
    return TrainingData(
        axes=axes,
        numbers=np.arange(n),
        points=points[:n],
        values=values,
        variances=np.full(n, np.nan),
        costs=np.full(n, np.nan),
        feasible=np.ones(n, dtype=bool),
        failed=points[n:],
        pending=np.zeros((0, len(axes))),
    )


def process(d, noise=1e-4, kernel=None, bends=()):
    """Return a process whose hyperparameters are given."""
    theta = Hyperparameters((np.log(0.4),) * d, 0.0, float(np.log(noise)), bends)
    return GP(hyperparameters=theta, kernel=kernel or Matern52(), bend_values=False)


@pytest.mark.parametrize("acquisition", DRAWING, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("axes", [CONTINUOUS, MIXED], ids=["continuous", "mixed"])
@pytest.mark.parametrize("n_failed", [0, 3])
@pytest.mark.parametrize("bend", [0.0, 0.4], ids=["plain", "bent axes"])
def test_gradients_agree_with_finite_differences(acquisition, axes, n_failed, bend):
    data = evidence_on(axes, n_failed=n_failed, noise=0.05)
    bends = (bend,) * (2 * len(axes)) if bend else ()
    criterion = acquisition.build(process(len(axes), 0.01, bends=bends).fit(data), data)
    points = evidence_on(axes, n=7, seed=5).points
    worth, slope = criterion.with_gradient(points)
    np.testing.assert_allclose(worth, criterion(points), rtol=1e-9)
    step = 1e-5
    for column, axis in enumerate(axes):
        if axis.kind == "categorical":
            assert (slope[:, column] == 0.0).all()
            continue
        move = np.zeros(len(axes))
        move[column] = step
        numeric = (criterion(points + move) - criterion(points - move)) / (2 * step)
        # central differences err by step², and lose digits where the criterion is flat
        np.testing.assert_allclose(slope[:, column], numeric, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("acquisition", [*DRAWING, GPHedge()], ids=lambda a: type(a).__name__)
def test_the_same_seed_gives_the_same_criterion_and_another_seed_another(acquisition):
    data = evidence_on(CONTINUOUS, noise=0.1)
    posterior = process(2, noise=0.01).fit(data)
    points = evidence_on(CONTINUOUS, n=50, seed=9).points
    one, same = (acquisition.seeded(7).build(posterior, data)(points) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    others = [acquisition.seeded(seed).build(posterior, data)(points) for seed in range(8, 14)]
    assert any((one != other).any() for other in others)


# ------------------------------------------------------------------------------------------ Thompson


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


# ------------------------------------------------------------------------------------------- entropy


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


# --------------------------------------------------------------------------------- noisy improvement


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


# ----------------------------------------------------------------------------------------- portfolio


def test_a_member_whose_nominee_turned_out_low_gains_on_the_others():
    data = evidence_on(CONTINUOUS, n=20)
    posterior = process(2).fit(data)
    portfolio = GPHedge((LogExpectedImprovement(), LowerConfidenceBound()))
    low, high = data.points[np.argmin(data.values)], data.points[np.argmax(data.values)]
    carried = {"gains": [0.0, 0.0], "nominees": [low.tolist(), high.tolist()]}
    gains = portfolio.gains(posterior, data, carried)
    mean, _ = posterior.latent.moments(np.stack([low, high]))
    assert gains[0] > 0 > gains[1]
    assert gains[0] - gains[1] == pytest.approx(
        (mean[1] - mean[0]) / posterior.latent.moments(data.points)[0].std()
    )
    shares = portfolio.shares(gains)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] / shares[1] == pytest.approx(np.exp(gains[0] - gains[1]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: GPHedge((ProbabilityOfImprovement(),)),
        lambda: GPHedge(rate=0.0),
        lambda: NoisyLogExpectedImprovement(n_draws=3),
        lambda: MaxValueEntropySearch(n_minima=0),
        lambda: ThompsonSampling(n_frequencies=0),
    ],
)
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(RecipeError):
        make()


def test_a_place_without_deviation_is_the_minimum_where_it_is_the_lowest():
    # a forest whose trees agree there, and do not elsewhere
    mean, std = np.array([-3.7, 1.0, 2.0]), np.array([1e-150, 0.3, 0.5])
    found = sampled_minima(mean, std, np.array([0.1, 0.5, 0.9]))
    np.testing.assert_allclose(found, -3.7, rtol=1e-9)
