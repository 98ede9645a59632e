"""What trees and regressors of scikit-learn have in common: deviations, stored recipes, searches."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_waves import noisy_wave, training_data_of
from sklearn.gaussian_process import GaussianProcessRegressor

from smbo import Optimizer, Recipe
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json
from smbo.surrogates import Boosting, ExtraTrees, Forest, Regressor

TREES = [Forest(n_trees=50), ExtraTrees(n_trees=50), Boosting()]


@pytest.mark.parametrize("surrogate", TREES, ids=repr)
def test_about_two_thirds_of_new_values_lie_within_a_deviation(surrogate):
    points, values = noisy_wave(250, seed=1)
    mean, std = surrogate.fit(training_data_of(points, values)).moments(noisy_wave(400, seed=2)[0])
    inside = np.abs(noisy_wave(400, seed=2)[1] - mean) < std
    # 68 % for normal noise; trees smooth, which widens, and have seen the noise they quote, which narrows
    assert 0.5 < inside.mean() < 0.9


@pytest.mark.parametrize("name", ["extra-trees", "boosting"])
def test_a_recipe_of_trees_is_stored_as_json(name):
    recipe = preset(name)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


SMALL = [
    ExtraTrees(n_trees=20),
    Boosting(n_members=2, n_stages=20),
    Regressor(GaussianProcessRegressor(alpha=1e-6, optimizer=None)),
]


@pytest.mark.parametrize("surrogate", SMALL, ids=repr)
def test_an_optimizer_runs_on_it_and_beats_the_middle(surrogate):
    optimizer = Optimizer({"x": (0.0, 1.0), "c": ["a", "b", "d"]}, Recipe(surrogate=surrogate), seed=1)
    for _ in range(20):
        trial = optimizer.ask()
        optimizer.tell(trial, (trial.params["x"] - 0.2) ** 2 + (trial.params["c"] != "b"))
    points = [tuple(trial.params.values()) for trial in optimizer.ask(4)]
    assert len(set(points)) == 4
    assert optimizer.best.value < 0.05
