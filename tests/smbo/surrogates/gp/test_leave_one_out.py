"""Leave-one-out predictions, against dense algebra and against fits without each value."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from smbo.surrogates import GP, Matern32
from smbo.surrogates.gp.kernels import squared_distances
from smbo.surrogates.gp.leave_one_out import left_out_moments
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import Axis, TrainingData


def training_data_of(n, seed=0, noise=0.1, variances=None):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    return TrainingData(
        axes=(Axis("x", "continuous"), Axis("y", "continuous")),
        numbers=np.arange(n),
        points=points,
        values=np.sin(6 * points[:, 0]) + noise * rng.standard_normal(n),
        variances=np.full(n, np.nan) if variances is None else variances,
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, 2)),
        pending=np.zeros((0, 2)),
    )


def process(noise=0.05, kernel=None):
    theta = Hyperparameters((np.log(0.3), np.log(2.0)), np.log(1.3), float(np.log(noise)))
    return GP(kernel=kernel or Matern32(), hyperparameters=theta)


@pytest.mark.parametrize("variances", [None, np.linspace(1e-3, 0.2, 9)], ids=["learned", "given"])
def test_left_out_moments_are_those_of_leaving_one_out_after_another(variances):
    data = training_data_of(9, variances=variances)
    posterior = process().fit(data)
    means, found = left_out_moments(posterior)
    # dense algebra: the mean's own variance of 1 is in every covariance
    k = posterior.factor @ posterior.factor.T + 1.0
    for row in range(9):
        rest = np.arange(9) != row
        solved = np.linalg.solve(k[np.ix_(rest, rest)], k[rest, row])
        np.testing.assert_allclose(means[row], solved @ posterior.values[rest], rtol=1e-9)
        np.testing.assert_allclose(found[row], k[row, row] - solved @ k[rest, row], rtol=1e-9)
    for part, whole in zip(left_out_moments(posterior, first=6), (means, found)):
        np.testing.assert_allclose(part, whole[6:], rtol=1e-9)


def test_left_out_means_are_those_of_fitting_again_without_the_value():
    data = training_data_of(8)
    posterior = process().fit(data)
    means, _ = left_out_moments(posterior)
    for row in range(8):
        rest = np.flatnonzero(np.arange(8) != row)
        kept = dataclasses.replace(
            posterior,
            scaled=posterior.scaled[rest],
            values=posterior.values[rest],
            factor=np.linalg.cholesky((posterior.factor @ posterior.factor.T)[np.ix_(rest, rest)]),
        )
        solved = np.linalg.solve(kept.factor @ kept.factor.T, np.stack([kept.values, np.ones(7)], axis=1))
        mean = solved[:, 0].sum() / (solved[:, 1].sum() + 1.0)
        cross = posterior.amplitude * posterior.kernel.profile(
            squared_distances(posterior.scaled[row : row + 1], kept.scaled)
        )
        refitted = mean + cross @ (solved[:, 0] - mean * solved[:, 1])
        np.testing.assert_allclose(means[row], refitted[0], rtol=1e-9)
