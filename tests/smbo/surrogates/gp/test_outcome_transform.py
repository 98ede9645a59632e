"""The scale of the values: there and back, its moments, and when it is bent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, yeojohnson

from smbo.surrogates import GP, WarpedPosterior
from smbo.surrogates.gp.outcome_transform import OutcomeTransform, PowerTransform, bends_of, normal_power
from smbo.training_data import Axis, TrainingData

POWERS = [0.0, 0.3, 1.0, 1.4, 2.0]
BENDS = [
    *map(PowerTransform, POWERS),
    PowerTransform(0.0, 1.0),
    PowerTransform(0.0, 0.1),
    PowerTransform(0.5, 0.1),
]
VALUES = np.array([-3.0, -1.0, 0.5, 2.0, 4.0, 30.0])


def training_data_of(values, points):
    n, d = points.shape
    unknown, nowhere = np.full(n, np.nan), np.zeros((0, d))
    axes = tuple(Axis(f"x{i}", "continuous") for i in range(d))
    return TrainingData(axes, np.arange(n), points, values, unknown, np.ones(n, bool), nowhere, nowhere)


@pytest.mark.parametrize("bend", BENDS)
def test_values_survive_the_trip_through_the_latent_scale(bend):
    scale = OutcomeTransform.of(VALUES, *bend)
    latent = scale.to_latent(VALUES)
    assert latent.mean() == pytest.approx(0.0, abs=1e-12)
    assert latent.std() == pytest.approx(1.0)
    assert (np.diff(latent) > 0).all()
    np.testing.assert_allclose(scale.from_latent(latent), VALUES, rtol=1e-10)


@pytest.mark.parametrize("power", POWERS)
def test_the_bend_is_yeo_and_johnsons(power):
    plain = OutcomeTransform.of(VALUES).to_latent(VALUES)
    bent = yeojohnson(plain, lmbda=power)
    expected = (bent - bent.mean()) / bent.std()
    np.testing.assert_allclose(OutcomeTransform.of(VALUES, power).to_latent(VALUES), expected, rtol=1e-10)


@pytest.mark.parametrize("bend", BENDS)
def test_slopes_are_those_of_the_map(bend):
    scale = OutcomeTransform.of(VALUES, *bend)
    expected = (scale.to_latent(VALUES + 1e-6) - scale.to_latent(VALUES - 1e-6)) / 2e-6
    np.testing.assert_allclose(scale.slopes(VALUES), expected, rtol=1e-6)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.5), (-1.2, 1.0), (1.5, 0.1)])
def test_moments_are_the_integrals_over_the_latent(power, mean, std):
    scale = OutcomeTransform.of(VALUES, power)

    def expectation(function):
        def weighed(z):
            return function(float(scale.from_latent(np.array([mean + std * z]))[0])) * norm.pdf(z)

        return quad(weighed, -9, 9, limit=200, points=[-mean / std])[0]

    first = expectation(lambda v: v)
    second = expectation(lambda v: (v - first) ** 2)
    found = scale.moments(np.array([mean]), np.array([std]))
    # the map has a kink in its second derivative, which limits a quadrature of sixteen nodes
    assert found[0][0] == pytest.approx(first, rel=3e-3, abs=3e-3)
    assert found[1][0] == pytest.approx(np.sqrt(second), rel=1e-2)


@pytest.mark.parametrize("bend", BENDS)
def test_slopes_of_the_moments_are_their_derivatives(bend):
    scale = OutcomeTransform.of(VALUES, *bend)
    mean, std = np.array([0.2, -1.0]), np.array([0.4, 0.9])
    # points whose two coordinates are the latent moments themselves
    to_mean, to_std = np.tile([1.0, 0.0], (2, 1)), np.tile([0.0, 1.0], (2, 1))
    value, deviation, of_value, of_deviation = scale.moments_and_gradients(mean, std, to_mean, to_std)
    np.testing.assert_allclose(np.stack([value, deviation]), np.stack(scale.moments(mean, std)))
    h = 1e-6
    for column, (dm, ds) in enumerate([(h, 0.0), (0.0, h)]):
        up, down = scale.moments(mean + dm, std + ds), scale.moments(mean - dm, std - ds)
        np.testing.assert_allclose(of_value[:, column], (up[0] - down[0]) / (2 * h), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(of_deviation[:, column], (up[1] - down[1]) / (2 * h), rtol=1e-5, atol=1e-5)


def test_a_lognormal_tail_is_brought_in_and_a_normal_sample_is_left_alone():
    rng = np.random.default_rng(0)
    assert normal_power(np.exp(1.5 * rng.standard_normal(200))) < 0.4
    assert normal_power(-np.exp(1.5 * rng.standard_normal(200))) > 1.6
    assert normal_power(rng.standard_normal(200)) == pytest.approx(1.0, abs=0.3)


def test_an_anchored_bend_is_the_logarithm_of_what_lies_above_the_lowest_value():
    lowest, median = VALUES.min(), np.median(VALUES)
    logs = np.log1p((VALUES - lowest) / (0.1 * (median - lowest)))
    expected = (logs - logs.mean()) / logs.std()
    np.testing.assert_allclose(OutcomeTransform.of(VALUES, 0.0, 0.1).to_latent(VALUES), expected, rtol=1e-10)


def test_an_anchored_bend_goes_on_below_the_lowest_value():
    scale = OutcomeTransform.of(VALUES, 0.0, 0.1)
    below = np.array([-10.0, -5.0, -4.0, -3.0])
    assert (np.diff(scale.to_latent(below)) > 0).all()
    np.testing.assert_allclose(scale.from_latent(scale.to_latent(below)), below, rtol=1e-10)


def test_values_most_of_which_are_the_lowest_are_bent_around_their_mean():
    values = np.array([1.0, 1.0, 1.0, 1.0, 50.0])
    np.testing.assert_array_equal(
        OutcomeTransform.of(values, 0.0, 0.1).to_latent(values),
        OutcomeTransform.of(values, 0.0).to_latent(values),
    )


def test_bends_from_the_lowest_value_are_tried_only_where_there_is_a_tail_above():
    sample = norm.ppf((np.arange(100) + 0.5) / 100)
    assert all(bend.anchor == 0.0 for bend in bends_of(sample))
    assert all(bend.anchor == 0.0 for bend in bends_of(-np.exp(2 * sample)))
    assert {bend.anchor for bend in bends_of(np.exp(2 * sample))} == {0.0, 0.1, 1.0}


def test_a_process_sees_the_last_digits_of_values_that_come_down_through_decades():
    points = np.random.default_rng(6).random((40, 2))
    values = 7.0 + np.exp(12.0 * np.abs(points - 0.3).max(axis=1))
    trained, memory = GP().train(training_data_of(values, points), {})
    assert trained.power == 0.0
    assert trained.anchor > 0.0
    again, _ = GP().train(training_data_of(values, points), memory)
    assert (again.power, again.anchor) == (trained.power, trained.anchor)


def test_a_process_bends_what_has_a_long_tail_and_only_that():
    points = np.random.default_rng(1).random((40, 2))
    smooth = np.sin(4 * points).sum(axis=1)
    bent, plain = (GP().train(training_data_of(v, points), {})[0] for v in (np.exp(3 * smooth), smooth))
    assert bent.power < 0.5
    assert plain.power == 1.0
    assert GP(bend_values=False).train(training_data_of(np.exp(3 * smooth), points), {})[0].power == 1.0


def test_a_bent_process_predicts_in_the_units_of_the_values():
    points = np.random.default_rng(2).random((60, 2))
    values = np.exp(3 * np.sin(4 * points).sum(axis=1))
    posterior = GP().fit(training_data_of(values, points))
    assert isinstance(posterior, WarpedPosterior)
    assert not posterior.scale.is_affine
    mean, _ = posterior.moments(points)
    np.testing.assert_allclose(mean, values, rtol=0.05, atol=0.02 * values.std())


def test_the_gradients_of_a_bent_process_are_its_slopes():
    points = np.random.default_rng(3).random((30, 2))
    posterior = GP().fit(training_data_of(np.exp(3 * np.sin(4 * points).sum(axis=1)), points))
    assert not posterior.scale.is_affine
    queries = 0.1 + 0.8 * np.random.default_rng(4).random((5, 2))
    _, _, mean_slope, std_slope = posterior.moments_and_gradients(queries)
    for column in range(2):
        step = np.zeros(2)
        step[column] = 1e-6
        (up, std_up), (down, std_down) = posterior.moments(queries + step), posterior.moments(queries - step)
        np.testing.assert_allclose(mean_slope[:, column], (up - down) / 2e-6, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(std_slope[:, column], (std_up - std_down) / 2e-6, rtol=1e-4, atol=1e-3)
