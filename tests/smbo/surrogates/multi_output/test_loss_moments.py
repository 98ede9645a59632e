"""Moments of a loss of normal components: exact for sums of squares, from draws for other losses."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from vector_outputs import LOSS, D, data, outputs_at

from smbo.problem.losses import ChiSquare, FunctionLoss
from smbo.surrogates import CompositeGP
from smbo.surrogates.multi_output.loss_moments import DrawnForm, SquaredForm
from smbo.surrogates.multi_output.pca import Basis


def random_basis(k=6, c=2):
    rng = np.random.default_rng(7)
    centre, loadings, doubt = rng.standard_normal(k), rng.standard_normal((k, c)), 0.1 * np.eye(1 + c)
    return Basis(centre, loadings, np.linalg.pinv(loadings).T, np.full(k, 0.2), doubt)


def some_moments(n=5, c=2):
    rng = np.random.default_rng(8)
    return rng.standard_normal((n, c)), rng.uniform(0.1, 1.0, (n, c))


def test_a_loss_of_ones_own_is_believed_as_the_same_loss_that_is_known_to_be_a_sum_of_squares():
    own = FunctionLoss(lambda outputs: LOSS.of(outputs))
    points = np.random.default_rng(1).random((30, D))
    exact, drawn = CompositeGP().fit(data()), CompositeGP().fit(data(loss=own))
    assert drawn.moments(points)[0] == pytest.approx(exact.moments(points)[0], rel=0.1)
    off = drawn.moments(points)[0] - LOSS.of(outputs_at(points))
    assert np.abs(off / drawn.moments(points)[1]).mean() < 2.0


@pytest.mark.parametrize("excess", [-0.5, 0.003, 0.5])
def test_a_loss_freed_of_noise_is_between_zero_and_the_loss_of_the_noisy_means(excess):
    # the second output is off by one, and its loading about as large as what noise makes of it
    doubt = 0.1 * np.eye(3)
    noise = np.ones(3)
    loading = np.sqrt((1.0 + excess) * noise.sum() * doubt[2, 2] ** 2)
    loadings = np.array([[1.0, 0.0], [0.0, loading], [0.0, 0.0]])
    basis = Basis(np.array([0.0, 1.0, 0.0]), loadings, loadings, noise, doubt)
    loss = ChiSquare(np.zeros(3), np.ones(3))
    form = SquaredForm.of(loss, basis)
    components = 3.0 * np.random.default_rng(1).standard_normal((200, 2))
    freed, noisy = form.of_components(components), loss.of(basis.outputs(components))
    assert (freed >= 0.0).all()
    assert (freed <= noisy * (1 + 1e-9)).all()
    assert 0.0 <= form.lowest <= freed.min()


def test_moments_of_a_sum_of_squares_are_those_of_quadrature():
    form = SquaredForm.of(ChiSquare(np.zeros(6), np.ones(6)), random_basis())
    means, variances = some_moments()
    # five nodes are exact for polynomials of degree nine; the square of the loss has degree four
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    normals = np.array(list(product(nodes, repeat=2)))
    shares = np.array([np.prod(pair) for pair in product(weights / weights.sum(), repeat=2)])
    losses = form.of_components(means[:, None] + np.sqrt(variances)[:, None] * normals)
    expected = losses @ shares
    spread = (losses - expected[:, None]) ** 2 @ shares
    mean, variance = form.moments(means, variances)
    assert mean == pytest.approx(expected, rel=1e-10)
    # errors of centre and loadings are no part of the components' scatter
    assert variance == pytest.approx(spread + 4.0 * form.leverage(means) * form.doubt(means), rel=1e-10)


def test_the_mean_of_a_linear_loss_is_exact_with_few_draws():
    basis, slope = random_basis(), np.arange(6.0)
    form = DrawnForm.of(FunctionLoss(lambda outputs: outputs @ slope), basis)
    means, variances = some_moments()
    mean, variance = form.moments(means, variances)
    assert mean == pytest.approx(basis.outputs(means) @ slope, rel=1e-9)
    # 32 quasi-random draws know a variance to a tenth or so
    assert variance == pytest.approx(variances @ (slope @ basis.loadings) ** 2, rel=0.2)


@pytest.mark.parametrize("kind", [SquaredForm, DrawnForm])
def test_slopes_of_the_moments_are_those_of_finite_differences(kind):
    form = kind.of(ChiSquare(np.zeros(6), np.ones(6)), random_basis())
    means, variances = some_moments()
    mean_m, mean_v, variance_m, variance_v = form.slopes(means, variances)
    for c, step in enumerate(1e-5 * np.eye(2)):
        up, down = form.moments(means + step, variances), form.moments(means - step, variances)
        assert mean_m[:, c] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-5, abs=1e-5)
        assert variance_m[:, c] == pytest.approx((up[1] - down[1]) / 2e-5, rel=1e-5, abs=1e-4)
        up, down = form.moments(means, variances + step), form.moments(means, variances - step)
        assert mean_v[:, c] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-5, abs=1e-5)
        assert variance_v[:, c] == pytest.approx((up[1] - down[1]) / 2e-5, rel=1e-5, abs=1e-4)
