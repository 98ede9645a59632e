"""The posterior of vector outputs and of their loss: gradients, draws, fantasies, leave-one-out."""

from __future__ import annotations

import numpy as np
import pytest
from vector_outputs import LOSS, D, data

from smbo.analysis.explain import leave_one_out
from smbo.problem.losses import FunctionLoss
from smbo.surrogates import CompositeGP
from smbo.surrogates.multi_output import quadratic_trend as trend


@pytest.mark.parametrize("scale", ["loss", "logarithm", "own"])
def test_gradients_are_those_of_finite_differences(scale):
    own = FunctionLoss(lambda outputs: np.abs(outputs - LOSS.data).sum(axis=-1) ** 1.5)
    posterior = CompositeGP().fit(data(loss=own if scale == "own" else LOSS))
    belief = posterior.latent if scale == "logarithm" else posterior
    points = np.random.default_rng(2).random((4, D))
    _, _, to_mean, to_std = belief.moments_and_gradients(points)
    step = 1e-6
    for j in range(D):
        ahead, behind = points.copy(), points.copy()
        ahead[:, j] += step
        behind[:, j] -= step
        mean_slope, std_slope = (
            (a - b) / (2 * step) for a, b in zip(belief.moments(ahead), belief.moments(behind))
        )
        assert to_mean[:, j] == pytest.approx(mean_slope, rel=1e-4, abs=1e-5)
        assert to_std[:, j] == pytest.approx(std_slope, rel=1e-3, abs=1e-4)


def test_a_fantasy_leaves_the_mean_and_takes_from_the_deviation():
    posterior = CompositeGP().fit(data(n=15))
    point = np.array([[0.9, 0.1, 0.8]])
    before, after = posterior.moments(point), posterior.fantasize(point).moments(point)
    assert after[1] < 0.7 * before[1]
    assert abs(after[0] - before[0]) < 2 * before[1]


def test_outputs_at_a_point_have_the_slopes_of_finite_differences():
    posterior = CompositeGP().fit(data())
    point, step = np.array([0.3, 0.7, 0.5]), 1e-5
    mean, slopes, factor = posterior.outputs_at(point)
    ahead, _ = posterior.outputs(point + step * np.eye(D))
    behind, _ = posterior.outputs(point - step * np.eye(D))
    assert slopes == pytest.approx((ahead - behind).T / (2 * step), abs=1e-5)
    alone, std = posterior.outputs(point[None])
    assert mean == pytest.approx(alone[0])
    assert np.sqrt((factor**2).sum(axis=1)) == pytest.approx(std[0])


def test_draws_of_the_loss_scatter_as_its_moments_say():
    posterior = CompositeGP().fit(data(n=15))
    points = np.random.default_rng(8).random((6, D))
    draws = posterior.draws(points, 4000, np.random.default_rng(9))
    mean, std = posterior.moments(points)
    assert draws.mean(axis=1) == pytest.approx(mean, rel=0.1)
    assert draws.std(axis=1) == pytest.approx(std, rel=0.15)


def test_the_score_of_leaving_out_is_that_of_processes_fitted_without_each():
    posterior = CompositeGP().fit(data(n=12))
    score = leave_one_out(posterior)
    found = []
    for component in posterior.components:
        told = (component.noises - trend.NUGGET) / np.exp(component.theta[3])
        for row in range(12):
            rest = np.delete(np.arange(12), row)
            alone = trend.fit(component.theta, component.features[rest], component.values[rest], told[rest])
            mean, variance = alone.moments(component.features[row : row + 1])
            width = np.sqrt(variance[0] + component.noises[row])
            found.append(abs(component.values[row] - mean[0]) <= 1.959964 * width)
    assert score.n == 12
    assert score.covered == pytest.approx(np.mean(found))
    assert 0.5 < score.explained <= 1.0


def test_the_lognormal_of_the_latent_scale_has_the_moments_of_the_loss():
    posterior = CompositeGP().fit(data(n=15))
    points = np.random.default_rng(3).random((20, D))
    mean, std = posterior.moments(points)
    log_mean, log_std = posterior.latent.moments(points)
    above = np.exp(log_mean + 0.5 * log_std**2)
    assert posterior.form.lowest + above == pytest.approx(mean, rel=1e-9)
    assert above * np.sqrt(np.expm1(log_std**2)) == pytest.approx(std, rel=1e-9)
