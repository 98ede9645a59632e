"""Boosted quantiles, randomised trees and foreign regressors: what the contract does not ask of all."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge

from smbo import Optimizer, Recipe
from smbo.errors import RecipeError
from smbo.proposal.presets import preset, recipe_from_json, recipe_to_json
from smbo.surrogates import Boosting, ExtraTrees, Forest, Regressor
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))
TREES = [Forest(n_trees=50), ExtraTrees(n_trees=50), Boosting()]


def training_data_of(points, values):
    n = len(values)
    unknown, none = np.full(n, np.nan), np.zeros((0, 2))
    return TrainingData(AXES, np.arange(n), points, values, unknown, unknown, np.ones(n, bool), none, none)


def noisy_wave(n, seed, noise=0.3):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    return points, np.sin(6 * points[:, 0]) + points[:, 1] + noise * rng.standard_normal(n)


@pytest.mark.parametrize("surrogate", TREES, ids=repr)
def test_about_two_thirds_of_new_values_lie_within_a_deviation(surrogate):
    points, values = noisy_wave(250, seed=1)
    mean, std = surrogate.fit(training_data_of(points, values)).moments(noisy_wave(400, seed=2)[0])
    inside = np.abs(noisy_wave(400, seed=2)[1] - mean) < std
    # 68 % for normal noise; trees smooth, which widens, and have seen the noise they quote, which narrows
    assert 0.5 < inside.mean() < 0.9


def test_boosting_tells_where_the_noise_is():
    rng = np.random.default_rng(3)
    points = rng.random((400, 2))
    noise = np.where(points[:, 0] > 0.5, 1.0, 0.05)
    posterior = Boosting().fit(training_data_of(points, noise * rng.standard_normal(400)))
    _, std = posterior.moments(np.array([[0.2, 0.5], [0.8, 0.5]]))
    assert std[1] > 3 * std[0]


@pytest.mark.parametrize("surrogate", [Boosting(), Regressor(BayesianRidge())], ids=repr)
def test_a_fantasy_takes_the_deviation_away_around_itself_only(surrogate):
    posterior = surrogate.fit(training_data_of(*noisy_wave(60, seed=4)))
    points = np.array([[0.5, 0.5], [0.51, 0.5], [0.95, 0.05]])
    mean, std = posterior.moments(points)
    mean_after, std_after = posterior.fantasize(points[:1]).moments(points)
    assert np.array_equal(mean_after, mean)
    assert std_after[0] < 1e-6 * std[0]
    assert std_after[1] < 0.5 * std[1]
    assert std_after[2] == pytest.approx(std[2], rel=1e-3)


def test_a_regressor_gives_its_own_predictions_in_the_units_of_the_values():
    points, values = noisy_wave(40, seed=5)
    mean, std = Regressor(BayesianRidge()).fit(training_data_of(points, values)).moments(points)
    alone = BayesianRidge().fit(points - 0.5, (values - values.mean()) / values.std())
    expected, deviation = alone.predict(points - 0.5, return_std=True)
    np.testing.assert_allclose(mean, values.mean() + values.std() * expected, rtol=1e-12)
    np.testing.assert_allclose(std, values.std() * deviation, rtol=1e-12)


def test_a_regressor_object_is_left_unfitted():
    estimator = BayesianRidge()
    Regressor(estimator).fit(training_data_of(*noisy_wave(20, seed=6)))
    assert not hasattr(estimator, "coef_")


@pytest.mark.parametrize("wrong", [RandomForestRegressor(), BayesianRidge, "ridge", None], ids=repr)
def test_what_tells_no_deviation_is_refused_with_what_to_pass_instead(wrong):
    with pytest.raises(RecipeError, match="return_std"):
        Regressor(wrong)


@pytest.mark.parametrize("name", ["extra-trees", "boosting"])
def test_a_recipe_of_trees_is_stored_as_json(name):
    recipe = preset(name)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


def test_a_stored_recipe_with_a_foreign_regressor_says_to_pass_it_in_code():
    stored = recipe_to_json(Recipe(surrogate=Regressor(BayesianRidge())))
    with pytest.raises(RecipeError, match="pass the recipe in code"):
        recipe_from_json(stored)


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
