"""Axis selection: the axes that a function varies along, found among many."""

import json
from dataclasses import replace

import numpy as np
import pytest

from smbo.proposal.auto import Auto
from smbo.surrogates import GP, AxisSelection, Subset
from smbo.training_data import Axis, TrainingData


def data_of(f, d, n=40, seed=1):
    points = np.random.default_rng(seed).random((n, d))
    return TrainingData.of_values(tuple(Axis(f"x{k}", "continuous") for k in range(d)), points, f(points))


def two_of_many(points):
    return np.sin(6.0 * points[:, 11]) + (points[:, 23] - 0.3) ** 2


def selected(posterior):
    return set(np.flatnonzero(posterior.axis_lengths < 100.0).tolist())


def test_a_function_of_two_of_forty_axes_is_predicted_from_forty_values():
    data, unseen = data_of(two_of_many, 40), data_of(two_of_many, 40, seed=2)
    few, whole = AxisSelection().fit(data), GP().fit(data)
    assert {11, 23} <= selected(few)
    assert len(selected(few)) < 6
    errors = [np.std(each.moments(unseen.points)[0] - unseen.values) for each in (few, whole)]
    assert errors[0] < 0.3 * errors[1]


def test_a_function_of_all_axes_keeps_them_all():
    data = data_of(lambda points: points.sum(axis=1), 30, n=80)
    assert len(selected(AxisSelection().fit(data))) == 30


def test_selected_axes_are_kept_in_the_memory_until_the_values_have_grown():
    data = data_of(two_of_many, 40)
    surrogate, memory = AxisSelection().train(data, {})
    memory = json.loads(json.dumps(memory))
    again, kept = AxisSelection().train(data, memory)
    assert again == surrogate
    assert kept == memory
    more = data_of(two_of_many, 40, n=44)
    assert AxisSelection().train(more, memory)[1]["n_selected"] == 44


@pytest.mark.parametrize("d", [29, 30])
def test_auto_selects_axes_from_thirty_on(d):
    chosen = Auto().choose(data_of(lambda points: points.sum(axis=1), d), {}).recipe.surrogate
    assert isinstance(chosen, Subset)
    assert isinstance(chosen.surrogate, AxisSelection) == (d >= 30)


def test_choices_that_are_not_selected_change_no_prediction():
    data = data_of(two_of_many, 40)
    axes = tuple(
        replace(axis, kind="categorical", levels=4) if axis.name == "x5" else axis for axis in data.axes
    )
    posterior = AxisSelection().fit(replace(data, axes=axes))
    points = np.repeat(data.points[:1], 2, axis=0)
    points[:, 5] = 0.125, 0.875
    mean, _ = posterior.moments(points)
    assert mean[0] == pytest.approx(mean[1], rel=1e-12)
