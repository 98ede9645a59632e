"""The weight of plateaus: when they are seen, and what it does to an acquisition."""

import numpy as np
import pytest

from smbo import Optimizer, Real
from smbo.acquisition import LogExpectedImprovement, OffPlateaus
from smbo.acquisition.plateaus import plateau_reach
from smbo.surrogates import GP
from smbo.training_data import Axis, TrainingData


@pytest.fixture
def rng():
    return np.random.default_rng(3)


AXES = (Axis("x", "continuous"), Axis("y", "continuous"))


def stepped(n=30, seed=0, steps=5):
    """Return training data of a bowl whose coordinates are rounded to steps."""
    points = np.random.default_rng(seed).random((n, 2))
    values = ((np.floor(points * steps) / steps - 0.4) ** 2).sum(axis=1)
    return TrainingData.of_values(AXES, points, values)


def test_the_reach_of_plateaus_is_near_their_width():
    data = stepped(60)
    assert 0.05 < plateau_reach(data.points, data) < 0.4


def test_values_without_equals_leave_the_acquisition_as_it_is(rng):
    points = rng.random((20, 2))
    data = TrainingData.of_values(AXES, points, ((points - 0.3) ** 2).sum(axis=1))
    posterior, places = GP().fit(data), rng.random((9, 2))
    first = LogExpectedImprovement().build(posterior, data)
    np.testing.assert_array_equal(
        OffPlateaus(LogExpectedImprovement()).build(posterior, data)(places), first(places)
    )


def test_rounded_values_that_are_equal_by_chance_are_no_plateaus(rng):
    points = rng.random((40, 2))
    data = TrainingData.of_values(AXES, points, np.round(rng.random(40), 1))
    assert plateau_reach(points, data) is None


def test_beside_an_evaluated_point_nothing_is_to_be_gained():
    data = stepped()
    posterior = GP().fit(data)
    beside = data.points[[int(data.values.argmin())]] + 1e-4
    plain = LogExpectedImprovement().build(posterior, data)(beside)
    assert OffPlateaus(LogExpectedImprovement(), repeats=100).build(posterior, data)(beside) < plain - 3.0


def test_the_gradient_is_that_of_finite_differences(rng):
    data = stepped()
    criterion = OffPlateaus(LogExpectedImprovement(), repeats=100).build(GP().fit(data), data)
    points, step = rng.uniform(0.1, 0.9, (12, 2)), 1e-6
    _, slope = criterion.with_gradient(points)
    for column in range(2):
        up, down = points.copy(), points.copy()
        up[:, column] += step
        down[:, column] -= step
        # step of 1e-6: what is left of curvature and rounding
        found = (criterion(up) - criterion(down)) / (2 * step)
        np.testing.assert_allclose(slope[:, column], found, rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_where_all_values_are_equal_there_is_nothing_to_learn_from(value, rng):
    points = rng.random((12, 2))
    assert plateau_reach(points, TrainingData.of_values(AXES, points, np.full(12, value))) is None


def test_auto_leaves_a_plateau_that_it_has_found_several_times():
    optimizer = Optimizer({"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}, seed=1)
    values = []
    for _ in range(30):
        trial = optimizer.ask()
        x, y = (np.floor(6 * trial.params[name]) / 6 for name in ("x", "y"))
        values.append(float((x - 0.5) ** 2 + (y - 0.5) ** 2))
        optimizer.tell(trial, values[-1])
    assert min(values) == 0.0
    assert values.count(0.0) < 12
