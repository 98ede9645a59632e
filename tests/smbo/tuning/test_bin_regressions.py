from __future__ import annotations

import numpy as np
import pytest

from smbo.tuning.bin_regressions import BinRegressions


def regressions_of(rng: np.random.Generator, slopes: np.ndarray, n: int = 50) -> BinRegressions:
    features = rng.uniform(size=(n, slopes.shape[1]))
    values = 3.0 + (features - 0.5) @ slopes.T + 0.1 * rng.standard_normal((n, len(slopes)))
    return BinRegressions.of(features, values, np.full(values.shape, 0.01), np.ones(n))


def test_slopes_far_above_the_noise_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(scale=5.0, size=(20, 3))
    found = regressions_of(rng, truth)
    assert found.slopes == pytest.approx(truth, abs=0.25)
    assert np.median(found.scatter) == pytest.approx(0.01, rel=0.2)


def test_where_nothing_depends_on_the_features_slopes_shrink_below_their_noise() -> None:
    rng = np.random.default_rng(1)
    found = regressions_of(rng, np.zeros((300, 4)))
    features = np.linalg.inv(50.0 / 12.0 * np.eye(4)) * 0.01  # covariance of unshrunk slopes
    assert (found.slopes**2).sum(axis=1).mean() < 0.5 * np.trace(features)


def test_the_stated_noise_of_plain_slopes_is_their_spread_over_repetitions() -> None:
    truth = np.full((1, 2), 2.0)
    found = [regressions_of(np.random.default_rng(seed), truth) for seed in range(200)]
    spread = np.cov(np.array([each.least_squares[0] for each in found]).T)
    stated = np.mean(
        [(each.noise_root**2).sum(axis=1) * each.least_squares_covariance(np.eye(2)) for each in found],
        axis=0,
    )
    assert stated == pytest.approx(spread, rel=0.35, abs=0.2 * stated[0, 0])


def test_a_bin_that_moves_among_many_that_do_not_keeps_its_slopes_and_the_others_lose_theirs() -> None:
    rng = np.random.default_rng(3)
    truth = np.zeros((300, 3))
    truth[7] = (0.0, 2.0, -2.0)  # forty of its errors
    found = regressions_of(rng, truth)
    assert found.slopes[7] == pytest.approx(truth[7], abs=0.15)
    others = np.delete(found.slopes, 7, axis=0)
    plain = np.delete(found.least_squares, 7, axis=0)
    assert (others**2).sum() < 0.01 * (plain**2).sum()


def test_bins_that_scatter_together_are_said_to_err_together() -> None:
    rng = np.random.default_rng(4)
    features = rng.uniform(size=(40, 2))
    common = rng.standard_normal((40, 1)) * np.array([1.0, 1.0, -1.0])
    found = BinRegressions.of(features, 0.1 * common, np.full((40, 3), 0.01), np.ones(40))
    factor = found.errors(np.array([0.9, 0.1]))
    covariance = factor @ factor.T
    assert covariance / covariance[0, 0] == pytest.approx(np.outer([1, 1, -1], [1, 1, -1]), abs=1e-6)
    assert np.diagonal(covariance) == pytest.approx(found.spread(np.array([[0.9, 0.1]]))[0])


def test_the_summed_spread_is_the_sum_of_the_spreads() -> None:
    rng = np.random.default_rng(2)
    found = regressions_of(rng, rng.normal(size=(7, 3)))
    features, metric = rng.uniform(size=(5, 3)), rng.uniform(size=7)
    assert found.summed_spread(features, metric) == pytest.approx(found.spread(features) @ metric)
