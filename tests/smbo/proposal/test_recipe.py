"""Recipes, and the rules that choose one."""

import numpy as np
import pytest

from smbo.errors import RecipeError
from smbo.proposal.recipe import Choice, Recipe, chosen
from smbo.surrogates import GP
from smbo.training_data import Axis, TrainingData


def evidence_with(d=3, n=20, n_pending=0, variance=np.nan, values=None):
    rng = np.random.default_rng(0)
    return TrainingData(
        axes=tuple(Axis(f"x{i}", "continuous") for i in range(d)),
        numbers=np.arange(n),
        points=rng.random((n, d)),
        values=rng.standard_normal(n) if values is None else np.array(values, dtype=float),
        variances=np.full(n, variance),
        feasible=np.ones(n, dtype=bool),
        failed=np.zeros((0, d)),
        pending=rng.random((n_pending, d)),
    )


def test_a_rule_that_chooses_a_rule_is_refused():
    class Endless:
        def choose(self, data, memory):
            return Choice(Recipe(rule=self), "endless", "it never decides")

    with pytest.raises(RecipeError, match="one rule must decide"):
        chosen(Recipe(rule=Endless()), evidence_with(), {})


def test_a_recipe_without_a_rule_is_what_it_is():
    recipe = Recipe(GP())
    assert chosen(recipe, evidence_with(), {}).recipe is recipe
