"""Functions drawn from what is believed of vector outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo.problem.losses import ChiSquare
from smbo.surrogates import CompositeGP
from smbo.surrogates.multi_output.composite_sample import CompositeSample, QuadraticTrendSample, boldness
from smbo.surrogates.multi_output.loss_moments import Quadratic
from smbo.training_data import Axis, TrainingData, VectorOutputs

D, K = 2, 12
_RNG = np.random.default_rng(1)
_LINEAR, _WAVES = _RNG.standard_normal((D, K)), _RNG.standard_normal((D, K))
LOSS = ChiSquare(0.3 * _LINEAR[0], np.full(K, 0.5), np.full(K, 1 / K))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(2)
    points = rng.random((12, D))
    values = (points - 0.5) @ _LINEAR + 0.3 * np.sin(3 * points @ _WAVES) + 0.2 * rng.standard_normal((12, K))
    unknown = np.full(12, np.nan)
    return TrainingData(
        axes=tuple(Axis(f"x{j}", "continuous") for j in range(D)),
        numbers=np.arange(12),
        points=points,
        values=LOSS.of(values),
        variances=unknown,
        feasible=np.ones(12, dtype=np.bool_),
        failed=np.zeros((0, D)),
        pending=np.zeros((0, D)),
        outputs=VectorOutputs(LOSS, values, np.full((12, K), 0.04), np.zeros((12, K, 0))),
    )


def test_drawn_losses_scatter_as_the_processes_say(data):
    posterior = CompositeGP().fit(data)
    form = posterior.form
    # the loadings are not drawn here, so what they are off by is taken out of the deviation too
    certain = replace(
        posterior, form=replace(form, doubt=Quadratic(0.0, 0 * form.doubt.linear, 0 * form.doubt.gram))
    )
    points = np.random.default_rng(3).random((5, D))
    rng = np.random.default_rng(4)

    def draw():
        components = tuple(QuadraticTrendSample.of(each, rng, 256) for each in posterior.components)
        return CompositeSample(posterior, form, components, 1.0)(points)

    drawn = np.array([draw() for _ in range(600)])
    mean, std = certain.moments(points)
    # a tenth of a deviation is 2.5 standard errors of a mean of 600
    assert np.abs(drawn.mean(axis=0) - mean).max() < 0.15 * std.max()
    assert drawn.std(axis=0) == pytest.approx(std, rel=0.25)


@pytest.mark.parametrize("is_read", [True, False])
def test_drawn_loadings_leave_the_loss_where_it_is_on_average(data, is_read):
    posterior = CompositeGP().fit(data)
    rng = np.random.default_rng(7)
    components = 0.5 * rng.standard_normal((4, len(posterior.components)))

    def draw():
        form, basis = posterior.form, posterior.basis
        return form.drawn_given_components(basis, rng) if is_read else form.drawn(basis, rng, 1.0)

    drawn = np.array([draw().of_components(components) for _ in range(800)])
    error = drawn.std(axis=0) / np.sqrt(800)
    assert np.abs(drawn.mean(axis=0) - posterior.form.of_components(components)).max() < 4 * error.max()
    assert (drawn.std(axis=0) > 0).all()


def test_components_are_read_from_outputs_of_drawn_loadings_as_before(data):
    basis = CompositeGP().fit(data).basis
    rng = np.random.default_rng(3)
    components = rng.standard_normal((5, basis.loadings.shape[1]))
    drawn = basis.drawn_given_components(rng)
    assert np.abs(drawn.loadings - basis.loadings).max() > 1e-3 * np.abs(basis.loadings).max()
    read = (drawn.outputs(components) - basis.centre) @ basis.reader
    np.testing.assert_allclose(read, components, atol=1e-9)
    otherwise = basis.drawn(rng, 1.0).outputs(components)
    assert np.abs((otherwise - basis.centre) @ basis.reader - read).max() > 1e-3


def test_noise_that_components_do_not_read_is_what_drawn_outputs_vary_by(data):
    basis = CompositeGP().fit(data).basis
    rng = np.random.default_rng(5)
    centres = np.array([basis.drawn_given_components(rng).centre for _ in range(1500)])
    expected = basis.unread_noise() * float((basis.doubt @ basis.doubt.T)[0, 0])
    assert centres.var(axis=0) == pytest.approx(expected, rel=0.25, abs=1e-3 * expected.max())


def test_outputs_without_noise_have_certain_loadings(data):
    exact = replace(data, outputs=replace(data.outputs, variances=np.zeros_like(data.outputs.variances)))
    basis = CompositeGP().fit(exact).basis
    drawn = basis.drawn_given_components(np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.loadings, basis.loadings)


def test_what_a_draw_is_off_by_along_many_axes_adds_up_to_no_more_than_along_six():
    assert boldness(2) == boldness(6)
    sums = [axes * boldness(axes) ** 2 for axes in (6, 7, 20, 50)]
    assert sums == pytest.approx([sums[0]] * 4)


def test_a_draw_has_the_slopes_of_finite_differences(data):
    function = CompositeSample.of(CompositeGP().fit(data), np.random.default_rng(5), 64)
    points, step = np.random.default_rng(6).random((4, D)), 1e-6
    values, slopes = function.with_gradient(points)
    assert function(points) == pytest.approx(values)
    for j in range(D):
        shift = step * np.eye(D)[j]
        ahead, behind = function(points + shift), function(points - shift)
        assert slopes[:, j] == pytest.approx((ahead - behind) / (2 * step), rel=1e-4, abs=1e-5)
