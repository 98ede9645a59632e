"""Fantasies of models that cannot be conditioned: deviations shrink near pending points."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_waves import noisy_wave, training_data_of
from sklearn.linear_model import BayesianRidge

from smbo.surrogates import Boosting, Regressor
from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.sklearn.fantasies import ShrunkPosterior
from smbo.training_data import Axis


@pytest.mark.parametrize("surrogate", [Boosting(), Regressor(BayesianRidge())], ids=repr)
def test_a_fantasy_takes_the_deviation_away_around_itself_only(surrogate):
    posterior = surrogate.fit(training_data_of(*noisy_wave(60, seed=4)))
    points = np.array([[0.5, 0.5], [0.51, 0.5], [0.95, 0.05]])
    mean, std = posterior.moments(points)
    mean_after, std_after = posterior.fantasize(points[:1]).moments(points)
    assert np.array_equal(mean_after, mean)
    assert std_after[0] < 1e-6 * std[0]
    assert std_after[1] < 0.5 * std[1]
    assert std_after[2] == pytest.approx(std[2], rel=1e-3)


class Flat:
    """A posterior with mean 0 and deviation 1 everywhere."""

    def moments(self, points):
        return np.zeros(len(points)), np.ones(len(points))


def test_the_deviation_beside_a_fantasy_is_that_of_a_process_conditioned_there():
    features = Features.of((Axis("x", "continuous"),))
    # gaps to the nearest other point of 0.1, 0.1, 0.2 and 0.3: the median is 0.15
    posterior = ShrunkPosterior.of(Flat(), features, np.array([[-0.5], [-0.4], [-0.2], [0.1]]))
    assert posterior.reach == pytest.approx(0.15)
    pending, points = np.array([[0.5]]), np.array([[0.5], [0.55], [0.8]])
    _, std = posterior.fantasize(pending).moments(points)
    # squared exponential covariance with the fantasy, k = exp(-r²/2ℓ²): the variance left is 1 - k²
    k = np.exp(-0.5 * ((points - pending)[:, 0] / 0.15) ** 2)
    assert std**2 == pytest.approx(1.0 - k**2, abs=1e-12)


def test_fantasies_add_up_in_any_order_and_equal_points_do_not_count_as_gaps():
    features = Features.of((Axis("x", "continuous"),))
    posterior = ShrunkPosterior.of(Flat(), features, np.array([[0.2], [0.2]]))
    assert posterior.reach == 0.1
    first, second, points = np.array([[0.3]]), np.array([[0.6]]), np.linspace(0.0, 1.0, 9)[:, None]
    one_way = posterior.fantasize(first).fantasize(second).moments(points)
    at_once = posterior.fantasize(np.concatenate([second, first])).moments(points)
    assert np.array_equal(one_way, at_once)
