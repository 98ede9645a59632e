"""The process over points and fidelities: slopes, what another evaluation would tell, what it predicts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from smbo.surrogates import MultiFidelityGP
from smbo.surrogates.gp.kernels import SquaredExponential
from smbo.surrogates.gp.multi_fidelity import _NOISE_PRIOR, _Data, _departures, _negative, _prior
from smbo.surrogates.gp.outcome_transform import PowerTransform
from smbo.surrogates.gp.polynomial_basis import Polynomials
from smbo.training_data import Axis, FidelityResults, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))
SHORTFALLS = np.array([1.0, 0.5, 0.0])
MODELS = [MultiFidelityGP(), MultiFidelityGP(kernel=SquaredExponential(), trend=Polynomials(2))]
with_and_without_trend = pytest.mark.parametrize("model", MODELS, ids=["plain", "quadratic"])


def truth(points):
    return (points[:, 0] - 0.3) ** 2 + 2.0 * (points[:, 1] - 0.6) ** 2


def seen(points, fidelity_gaps):
    """At low fidelities another optimum, and an offset of all points."""
    return truth(points) + fidelity_gaps * (0.5 + 0.4 * points[:, 0])


def results(numbers, points, gaps, values, variances, growth):
    data = TrainingData.of_values(AXES, points, values, variances)
    return FidelityResults(replace(data, numbers=numbers), gaps, growth)


def curves(n_by_rung=(24, 10, 5), seed=0):
    points = np.random.default_rng(seed).random((n_by_rung[0], 2))
    rows = [(i, k) for i in range(len(points)) for k in range(3) if i < n_by_rung[k]]
    numbers, rungs = (np.array(column) for column in zip(*rows, strict=True))
    fidelity_gaps = SHORTFALLS[rungs]
    values = seen(points[numbers], fidelity_gaps)
    return results(
        numbers, points[numbers], fidelity_gaps, values, np.full(len(rows), np.nan), np.ones(len(rows))
    )


def data(given):
    n = len(given)
    nan = np.full(n, np.nan)
    return TrainingData(
        AXES,
        given.numbers,
        given.points,
        given.values,
        nan,
        np.ones(n, dtype=np.bool_),
        np.zeros((0, 2)),
        np.zeros((0, 2)),
        fidelities=given,
    )


@with_and_without_trend
def test_the_density_has_the_slope_of_its_differences(model):
    given = curves((8, 4, 2))
    rng = np.random.default_rng(1)
    variances = np.where(rng.random(len(given)) < 0.3, 0.01, np.nan)
    given = results(
        given.numbers, given.points, given.fidelity_gaps, given.values, variances, 1.0 + given.fidelity_gaps
    )
    data = _Data.of(model, AXES, given, PowerTransform())
    means, widths = _prior(2, _NOISE_PRIOR)
    theta = means + 0.5 * widths * rng.standard_normal(len(means))
    by_differences = approx_fprime(theta, lambda vector: _negative(data, vector)[0], 1e-6)
    # forward differences of 1e-6 of a function of size 10 to 100 are right to some 1e-5
    assert _negative(data, theta)[1] == pytest.approx(by_differences, rel=1e-4, abs=1e-4)


@with_and_without_trend
def test_the_moments_at_the_highest_fidelity_have_the_slopes_of_their_differences(model):
    posterior = model.fit(data(curves())).latent
    point = np.array([0.42, 0.71])
    _, _, to_mean, to_std = posterior.moments_and_gradients(point[None])
    for which, slope in enumerate((to_mean, to_std)):
        found = approx_fprime(point, lambda x, which=which: float(posterior.moments(x[None])[which][0]), 1e-6)
        assert slope[0] == pytest.approx(found, rel=1e-3, abs=1e-4)


def test_low_fidelities_tell_what_the_highest_would_be():
    given = curves()
    posterior = MultiFidelityGP().fit(data(given))
    others = np.random.default_rng(5).random((200, 2))
    mean, _ = posterior.moments(others)
    assert np.corrcoef(mean, truth(others))[0, 1] > 0.9
    whole = given.rows(np.flatnonzero(given.fidelity_gaps == 0.0))
    alone, _ = MultiFidelityGP().fit(data(whole)).moments(others)
    assert np.abs(mean - truth(others)).mean() < 0.5 * np.abs(alone - truth(others)).mean()


@with_and_without_trend
@pytest.mark.parametrize("fidelity_gap", [0.0, 0.5, 1.0])
def test_what_one_more_evaluation_moves_is_what_it_takes_from_the_uncertainty(model, fidelity_gap):
    given = curves()
    surrogate, _ = model.train(data(given), {})
    belief = surrogate.fit_curves(data(given))
    point = np.array([[0.8, 0.1]])
    before = belief.highest.latent.moments(point)[1][0]
    growth = 1.0 + fidelity_gap
    more = results(
        np.append(given.numbers, 99),
        np.concatenate([given.points, point]),
        np.append(given.fidelity_gaps, fidelity_gap),
        # between the lowest and the highest value, so that the scale stays what it was
        np.append(given.values, np.median(given.values)),
        np.append(given.variances, np.nan),
        np.append(given.noise_growth, growth),
    )
    extended = surrogate.fit_curves(data(more))
    # the scale is standardised with one value more: compare shares of the amplitude
    after = extended.highest.latent.moments(point)[1][0]
    moved = belief.one_more(point, fidelity_gap, growth)[0]
    assert before**2 - after**2 == pytest.approx(moved**2, rel=1e-6)


def test_a_trend_and_its_fantasies_are_conditioned_as_one_process():
    given = curves()
    highest = MODELS[1].fit(data(given)).latent
    points = np.array([[0.8, 0.1], [0.2, 0.9]])
    mean, std = highest.moments(points)
    believed = highest.fantasize(points)
    others = np.random.default_rng(5).random((20, 2))
    assert believed.moments(others)[0] == pytest.approx(highest.moments(others)[0], abs=1e-8)
    told = highest.condition_on(points[:1], mean[:1] + 0.1)
    gain = highest.covariance(points, points[:1])[:, 0] / (std[0] ** 2 + highest.noise)
    assert told.moments(points)[0] == pytest.approx(mean + 0.1 * gain, abs=1e-8)


def test_few_results_in_full_determine_a_quadratic_trend():
    given = data(curves((12, 4, 2)))
    others = np.random.default_rng(5).random((200, 2))
    plain, quadratic = (
        np.abs(replace(model, log_noise=(-11.0, 3.0)).fit(given).moments(others)[0] - truth(others)).mean()
        for model in MODELS
    )
    assert quadratic < 0.5 * plain


def test_hyperparameters_come_back_from_memory():
    given = data(curves())
    first, memory = MultiFidelityGP().train(given, {})
    again, unchanged = MultiFidelityGP().train(given, memory)
    assert (again, unchanged) == (first, memory)


def test_more_curves_than_it_takes_are_left_out_from_below():
    given = curves()
    few = MultiFidelityGP(n_rows=12).kept(given)
    assert len(few) == 12
    assert (few.fidelity_gaps == 0.0).sum() == 5  # all that were evaluated in full
    assert (few.fidelity_gaps == 1.0).sum() == 0


def test_departures_of_curves_are_a_covariance_that_vanishes_at_the_highest_fidelity():
    gaps = np.linspace(0.0, 1.0, 9)
    matrix = _departures(gaps, gaps, 27.0)
    assert matrix[-1, -1] == pytest.approx(1.0)
    assert matrix[0] == pytest.approx(0.0, abs=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12
    # Swersky et al. 2014, eq. 7, alpha = beta = 1, conditioned on the value at the end by dense algebra
    t = 27.0 ** (1.0 - gaps)
    free = 1.0 / (t[:, None] + t + 1.0)
    tied = free - np.outer(free[:, 0], free[0]) / free[0, 0]
    assert matrix == pytest.approx(tied / tied[-1, -1], abs=1e-12)


def test_the_slope_of_a_curve_tells_how_far_it_still_falls():
    def fall(values, ratio=27.0):
        """The change from epoch 9 to 27 that is predicted of a curve at 9, 3 and 1."""
        known, end = _departures(gaps[1:], gaps[1:], ratio), _departures(gaps[:1], gaps[1:], ratio)
        # an unknown level, and departures from it
        level = 100.0
        weights = np.linalg.solve(known + level + 1e-8 * np.eye(3), values)
        return float(((end + level) @ weights)[0] - values[0])

    gaps = np.array([0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0])
    steep, flat = np.array([0.3, 0.5, 1.0]), np.array([0.3, 0.3, 0.3])
    assert abs(fall(flat)) < 0.01
    assert fall(steep) < -0.015
    assert abs(fall(steep, None)) < 0.005  # a Wiener process stays where it is


def test_densities_of_learning_curves_have_the_slopes_of_their_differences():
    given = replace(curves((8, 4, 2)), ratio=27.0)
    data = _Data.of(MultiFidelityGP(), AXES, given, PowerTransform())
    theta = _prior(2, _NOISE_PRIOR)[0] + 0.1
    by_differences = approx_fprime(theta, lambda vector: _negative(data, vector)[0], 1e-6)
    # forward differences of 1e-6 of a function of size 10 to 100 are right to some 1e-5
    assert _negative(data, theta)[1] == pytest.approx(by_differences, rel=1e-4, abs=1e-4)
