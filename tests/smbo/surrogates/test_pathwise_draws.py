"""Many draws of a posterior together: their moments are the posterior's, their slopes are right."""

from __future__ import annotations

import numpy as np
import pytest
from tune_toy import study_of

from smbo.surrogates import GP, CompositeGP, linalg
from smbo.surrogates.gp.convex_trend import QUADRATIC, ConvexTrend, convex_draws
from smbo.surrogates.gp.model_average import averaged, is_exact
from smbo.surrogates.gp.polynomial_basis import degrees
from smbo.surrogates.gp.universal_kriging import UniversalKriging
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"), Axis("kind", "categorical", 3))
SMOOTH = AXES[:2]


def bowl(points):
    return 3.0 * (points[:, 0] - 0.4) ** 2 + (points[:, 1] - 0.6) ** 2


def data_of(axes=SMOOTH, n=16, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((n, len(axes)))
    if len(axes) == 3:
        points[:, 2] = (np.floor(3 * points[:, 2]) + 0.5) / 3
    return TrainingData.of_values(axes, points, bowl(points) + noise * rng.standard_normal(n))


def trained(data):
    return GP().train(data, {})[0]


def quadratic(data):
    return ConvexTrend(UniversalKriging(QUADRATIC).train(data, {})[0])


POSTERIORS = {
    "process": lambda: trained(data_of()).fit(data_of()),
    "with a category": lambda: trained(data_of(AXES)).fit(data_of(AXES)),
    "convex trend": lambda: quadratic(data_of()).fit(data_of()),
    "outputs": lambda: CompositeGP().fit(study_of(1, n=12)[1]),
}


@pytest.mark.parametrize("name", POSTERIORS)
def test_the_slopes_of_draws_are_their_derivatives(name):
    posterior, rng = POSTERIORS[name](), np.random.default_rng(3)
    draws = posterior.function_draws(rng, 6, 64)
    d = 3 if name in ("with a category", "outputs") else 2
    points, owners = rng.uniform(0.1, 0.9, (5, d)), np.array([0, 5, 2, 2, 1])
    values, slopes = draws.of_rows(points, owners)
    assert values == pytest.approx(draws(points)[np.arange(5), owners], rel=1e-9)
    for column in range(2 if name == "with a category" else d):
        step = 1e-5 * np.eye(d)[column]
        ahead, behind = (draws(points + sign * step)[np.arange(5), owners] for sign in (1, -1))
        assert slopes[:, column] == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("noise", [0.1, 0.0])
def test_draws_have_the_moments_of_the_posterior(noise):
    data = data_of(noise=noise)
    posterior = trained(data).fit(data)
    points = np.random.default_rng(1).random((6, 2))
    # 256 frequencies, which 250 draws share, have errors of their own: several sets of them
    sets = [posterior.function_draws(np.random.default_rng(seed), 250, 256)(points) for seed in range(24)]
    draws = np.concatenate(sets, axis=1)
    mean, std = posterior.standardized.moments(points)
    ones = linalg.solve(posterior.factor, np.ones(posterior.n_rows))
    by_level = 1.0 - posterior.cross_covariance(posterior.encode(points)) @ ones
    std = np.sqrt(std**2 + by_level**2 / (1.0 + ones.sum()))  # the constant mean is drawn too
    assert draws.mean(axis=1) == pytest.approx(mean, abs=0.05 * std.max())
    assert draws.std(axis=1) == pytest.approx(std, rel=0.05)


def test_timid_draws_deviate_less_from_the_mean():
    posterior, points = POSTERIORS["process"](), np.random.default_rng(1).random((6, 2))
    bold, timid = (
        posterior.function_draws(np.random.default_rng(2), 400, 128, factor)(points) for factor in (1.0, 0.5)
    )
    assert timid.std(axis=1) == pytest.approx(0.5 * bold.std(axis=1), rel=1e-6)


def test_drawn_quadratics_are_convex_and_their_share_is_known():
    q = QUADRATIC.count(2)
    found, log_share = convex_draws(np.zeros(q), np.eye(q), 2, 400, np.random.default_rng(0))
    powers = degrees(2, 2).tolist()
    xx, yy, xy = (found[powers.index(each)] for each in ([2, 0], [0, 2], [1, 1]))
    size = np.sqrt(5.0)  # of a square beside a product
    assert (xx > 0).all()
    assert (5.0 * xx * yy >= xy**2 * (1.0 - 1e-9)).all()
    a, b, c = np.random.default_rng(1).standard_normal((3, 100_000))
    share = ((a > 0) & (size * a * size * b >= c**2)).mean()
    assert np.exp(log_share) == pytest.approx(share, rel=0.15)


def test_draws_that_begin_at_convex_quadratics_are_those_by_steps():
    q, rng = QUADRATIC.count(2), np.random.default_rng(0)
    starts, _ = convex_draws(np.zeros(q), np.eye(q), 2, 400, rng)
    centre, root = 0.3 * rng.standard_normal(q), 0.5 * np.eye(q) + 0.1 * rng.random((q, q))
    by_steps, _ = convex_draws(centre, root, 2, 2000, rng)
    begun, log_share = convex_draws(centre, root, 2, 2000, rng, starts)
    assert np.isnan(log_share)
    assert begun.mean(axis=1) == pytest.approx(by_steps.mean(axis=1), abs=0.06)
    assert begun.std(axis=1) == pytest.approx(by_steps.std(axis=1), rel=0.12)


def test_a_convex_trend_predicts_each_value_from_the_others():
    data = data_of(n=10)
    posterior = quadratic(data).fit(data)
    factor, terms, values = posterior.process.factor, posterior.terms, posterior.values
    whole = factor @ factor.T + 1.0 + terms @ terms.T
    left_out = posterior.left_out()
    for row in (0, 7):
        others = np.delete(np.arange(10), row)
        weights = np.linalg.solve(whole[np.ix_(others, others)], whole[others, row])
        assert left_out.errors[0, row] == pytest.approx(values[row] - weights @ values[others], rel=1e-6)
        variance = whole[row, row] - weights @ whole[others, row]
        assert left_out.variances[0, row] == pytest.approx(variance, rel=1e-6)


def test_the_convex_trend_of_a_noisy_bowl_has_its_minimum_near_the_truth():
    data = data_of(n=20, noise=0.05)
    draws = quadratic(data).fit(data).function_draws(np.random.default_rng(0), 64, 64)
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 41)] * 2), axis=-1).reshape(-1, 2)
    minima = grid[draws(grid).argmin(axis=0)]
    assert np.abs(np.median(minima, axis=0) - [0.4, 0.6]).max() < 0.1


def test_hyperparameters_are_proposed_around_the_most_probable_ones():
    data = data_of()
    process = trained(data)
    found = process.proposed(data, 40, np.random.default_rng(0))
    assert found.thetas[0].vector() == pytest.approx(process.hyperparameters.vector())
    spread = np.array([theta.vector() for theta in found.thetas]).std(axis=0)
    assert (spread > 0.1).all()
    again = process.proposed(data, 40, np.random.default_rng(0))
    assert again.logs.tolist() == found.logs.tolist()


def test_a_bowl_is_believed_to_be_one():
    data = data_of(n=24, noise=0.05)
    members = averaged(trained(data), data, 16, np.random.default_rng(0))
    assert sum(member.times for member in members) == 16
    convex = sum(each.times for each in members if type(each.posterior).__name__ == "ConvexTrendPosterior")
    assert convex >= 12


def test_values_without_noise_count_as_exact():
    exact, noisy = data_of(n=24, noise=0.0), data_of(n=24)
    assert is_exact(trained(exact), exact)
    assert not is_exact(trained(noisy), noisy)
    told = TrainingData.of_values(SMOOTH, noisy.points, noisy.values, np.full(24, 1e-12))
    assert is_exact(trained(told), told)


def test_beside_a_quadratic_nothing_may_be_left():
    data = data_of(n=20, noise=0.0)
    members = averaged(trained(data), data, 8, np.random.default_rng(0))
    assert all(type(each.posterior).__name__ == "ConvexTrendPosterior" for each in members)
    assert max(each.posterior.process.amplitude for each in members) < 5e-4
