"""Quantile gradient boosting: deviations that follow the noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from noisy_waves import noisy_wave, training_data_of

from smbo.surrogates import Boosting
from smbo.surrogates.gp.outcome_transform import OutcomeTransform


def test_boosting_tells_where_the_noise_is():
    rng = np.random.default_rng(3)
    points = rng.random((400, 2))
    noise = np.where(points[:, 0] > 0.5, 1.0, 0.05)
    posterior = Boosting().fit(training_data_of(points, noise * rng.standard_normal(400)))
    _, std = posterior.moments(np.array([[0.2, 0.5], [0.8, 0.5]]))
    assert std[1] > 3 * std[0]


class Constant:
    """A model that predicts one number everywhere."""

    def __init__(self, value):
        self.value = value

    def predict(self, rows):
        return np.full(len(rows), self.value)


def test_moments_are_those_of_the_mixture_of_members_whose_quantiles_may_cross():
    fitted = Boosting(n_members=1, n_stages=1).fit(training_data_of(*noisy_wave(10, seed=1))).posterior
    members = tuple(tuple(map(Constant, member)) for member in [(-1.0, 0.0, 1.0), (5.0, 1.0, 4.0)])
    posterior = replace(fitted, members=members, scale=OutcomeTransform())
    mean, std = posterior.moments(np.full((2, 2), 0.3))
    # medians 0 and 4, half distances 1 and (5 - 1) / 2: mean square 2.5 within, variance 4 between
    assert mean == pytest.approx([2.0, 2.0])
    assert std**2 == pytest.approx([6.5, 6.5])
