"""Regressors of scikit-learn as surrogates: predictions in the values' units, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_waves import noisy_wave, training_data_of
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import BayesianRidge

from smbo import Recipe
from smbo.errors import RecipeError
from smbo.proposal.presets import recipe_from_json, recipe_to_json
from smbo.surrogates import Regressor


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


def test_a_stored_recipe_with_a_foreign_regressor_says_to_pass_it_in_code():
    stored = recipe_to_json(Recipe(surrogate=Regressor(BayesianRidge())))
    with pytest.raises(RecipeError, match="pass the recipe in code"):
        recipe_from_json(stored)
