"""Values are searched alike in any unit: times a power of two, from the smallest to the largest floats."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from smbo import Optimizer, Problem, Real, Space
from smbo.history.encode import encode
from smbo.history.incremental import Columns

SPACE = {"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}


def bowl(point):
    return (point["x"] - 0.3) ** 2 + 2.0 * (point["y"] - 0.6) ** 2 * (1.0 + point["x"]) + 0.1


def searched(scale, n=14, maximize=False, sem=None):
    optimizer = Optimizer(Problem(Space(SPACE), maximize=maximize), seed=3)
    for _ in range(n):
        trial = optimizer.ask()
        value = scale * bowl(trial.params)
        optimizer.tell(trial, -value if maximize else value, sem=None if sem is None else sem * scale)
    return optimizer


@pytest.mark.parametrize("sem", [None, 0.02])
def test_a_search_far_from_one_is_the_same_at_every_power_of_two(sem):
    small, large = searched(2.0**-1000, sem=sem), searched(2.0**1000, sem=sem)
    assert [trial.params for trial in small.trials] == [trial.params for trial in large.trials]
    one, other = small.recommend(), large.recommend()
    assert one.params == other.params
    assert (other.mean / 2.0**1000, other.std / 2.0**1000) == (one.mean * 2.0**1000, one.std * 2.0**1000)


@pytest.mark.parametrize("scale", [1e300, 1e100, 1e-100, 1e-290])
@pytest.mark.parametrize("maximize", [False, True])
def test_values_of_any_magnitude_are_searched_and_given_back_in_their_unit(scale, maximize):
    optimizer, sign = searched(scale, maximize=maximize), -1.0 if maximize else 1.0
    found = optimizer.recommend()
    assert bowl(found.params) < 0.105
    assert found.mean == pytest.approx(sign * scale * bowl(found.params), rel=1e-3, abs=0.0)
    predicted = optimizer.predict({"x": 0.4, "y": 0.5})
    assert predicted.mean[0] == pytest.approx(sign * scale * bowl({"x": 0.4, "y": 0.5}), rel=0.05, abs=0.0)
    assert 0.0 < predicted.std[0] < 0.1 * scale
    explained = optimizer.explain()
    assert 0.01 * scale < explained.amplitude < 100.0 * scale
    assert explained.noise < 0.1 * scale


def test_a_penalty_is_no_magnitude_of_the_values():
    told = np.array([3e-100, 1e-100, 2e-100, 4e-100, 1e30, 1e308])
    optimizer = Optimizer(SPACE, seed=0)
    for value in told:
        optimizer.tell(optimizer.ask(), value)
    data = encode(optimizer.problem, optimizer.trials)
    np.testing.assert_allclose(data.told(data.values)[:4], told[:4], rtol=1e-12, atol=0.0)
    assert data.values.max() < 10.0 * data.values[:4].max()


def test_columns_have_the_unit_too():
    optimizer = searched(1e200, n=6, sem=0.1)
    columns = Columns(optimizer.problem)
    columns.put(optimizer.trials)
    whole, found = encode(optimizer.problem, optimizer.trials), columns.data()
    assert math.frexp(whole.unit)[0] == 0.5
    assert whole.unit == found.unit
    np.testing.assert_array_equal(found.values, whole.values)
    np.testing.assert_array_equal(found.variances, whole.variances)


def test_values_at_the_largest_float_have_finite_answers():
    optimizer = Optimizer(SPACE, seed=1)
    for _ in range(9):
        optimizer.tell(optimizer.ask(), 1.79e308)
    found = optimizer.recommend()
    assert math.isfinite(found.mean)
    json.dumps([found.mean, found.std], allow_nan=False)


def test_several_objectives_far_from_one_are_searched_and_given_back_in_their_units():
    goals = {"cost": "min", "gain": "max"}
    plain, scaled = (Optimizer(Problem(Space(SPACE), objectives=goals), seed=4) for _ in range(2))
    units = {"cost": 2.0**400, "gain": 2.0**-400}
    for number in range(10):
        point = dict(zip(SPACE, np.random.default_rng(number).random(2).tolist()))
        told = {"cost": bowl(point), "gain": point["x"] + 0.5}
        plain.tell(point, told)
        scaled.tell(point, {name: value * units[name] for name, value in told.items()})
    one, other = plain.pareto().recommended, scaled.pareto().recommended
    assert one.params == other.params
    here = {"x": 0.4, "y": 0.5}
    for name, unit in units.items():
        assert other.means[name] == pytest.approx(one.means[name] * unit, rel=1e-6, abs=0.0)
        assert other.stds[name] == pytest.approx(one.stds[name] * unit, rel=1e-2, abs=0.0)
        expected = plain.predict(here).means[name][0] * unit
        assert scaled.predict(here).means[name][0] == pytest.approx(expected, rel=1e-6, abs=0.0)
    ahead, also = plain.ask().params, scaled.ask().params
    assert ahead == pytest.approx(also, abs=1e-3)
