"""A process for each of several objectives, and the compression of their tails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo.errors import RecipeError
from smbo.problem.hypervolume import nondominated
from smbo.surrogates import GP, ModelListGP
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.surrogates.multi_output.model_list import TailCompression
from smbo.training_data import Axis, ObjectiveValues, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))
FIXED = GP(hyperparameters=Hyperparameters((-0.7, -0.5), 0.0, -6.0), bend_values=False)


def data(n=20, seed=0):
    points = np.random.default_rng(seed).random((n, 2))
    x, y = points.T
    values = np.stack([x**2 + y, (1.0 - x) ** 2 + y], axis=1)
    # a reference above all values: tails are left as they are
    several = ObjectiveValues(values, np.full((n, 2), np.nan), np.full(2, 9.0), np.ones(2))
    return replace(TrainingData.of_values(AXES, points, values[:, 0]), objective_values=several)


def test_what_lies_far_beyond_the_reference_is_brought_in_and_let_out_again():
    values = np.concatenate([np.linspace(0.0, 2.0, 9), [1e6, 1e9]])[:, None] * [1.0, -1.0]
    several = ObjectiveValues(values, np.full(values.shape, np.nan), np.array([1.5, np.nan]), np.ones(2))
    tails = TailCompression.of(several, np.ones(11, dtype=bool))
    near = values[:, 0] <= 1.5
    np.testing.assert_array_equal(tails.brought_in(values)[near, 0], values[near, 0])
    assert tails.brought_in(values)[-1, 0] < 40.0
    np.testing.assert_allclose(tails.let_out(tails.brought_in(values)), values, rtol=1e-9)
    step = 1e-6 * np.maximum(np.abs(values), 1.0)
    rise = tails.brought_in(values + step) - tails.brought_in(values - step)
    off_the_corner = np.abs(values - tails.start) > 1e-3
    np.testing.assert_allclose(
        (rise / (2 * step))[off_the_corner], tails.slopes(values)[off_the_corner], rtol=1e-3
    )


def test_each_objective_is_modelled_as_if_it_were_alone():
    told = data()
    posterior = ModelListGP(trained=(FIXED, FIXED)).fit(told)
    points = np.random.default_rng(1).random((7, 2))
    means, stds = posterior.all_moments(points)
    for j in range(2):
        alone = FIXED.fit(TrainingData.of_values(AXES, told.points, told.objective_values.values[:, j]))
        mean, std = alone.moments(points)
        assert means[:, j] == pytest.approx(mean, rel=1e-12)
        assert stds[:, j] == pytest.approx(std, rel=1e-12)


def test_of_too_many_evaluations_the_whole_front_is_kept():
    told = data(n=300)
    kept = ModelListGP(most=100).relevant(told)
    front = nondominated(told.objective_values.values)
    assert len(kept) == len(set(kept.numbers)) == 100
    assert set(told.numbers[front]) <= set(kept.numbers)
    assert (np.diff(kept.numbers) > 0).all()
    assert ModelListGP(most=300).relevant(told) is told


def test_a_single_objective_is_refused_with_what_to_use_instead():
    with pytest.raises(RecipeError, match=r"use GP\(\)"):
        ModelListGP().fit(replace(data(), objective_values=None))
