"""Which recipes serve a problem: what their parts say that they serve."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest

from smbo import Problem, Real, Recipe, Space
from smbo.acquisition import (
    ExpectedImprovementPerCost,
    GPHedge,
    LogExpectedHypervolumeImprovement,
    LogExpectedImprovement,
    Misclassification,
    Straddle,
)
from smbo.acquisition.prior_weighted import PriorWeighted
from smbo.errors import RecipeError
from smbo.problem.level_set import LevelSet
from smbo.problem.losses import ChiSquare
from smbo.proposal.compatibility import check_recipe
from smbo.proposal.presets import PRESETS, preset
from smbo.proposal.trust_region import TrustRegion
from smbo.surrogates import GP, CompositeGP, Forest, KernelSelection, LevelGP, ModelListGP, Subset, TorchGP
from smbo.surrogates.base import takes_replicates
from smbo.training_data import ONE_VALUE, Target, served_by

SPACE = Space({"x": Real(0, 1), "y": Real(0, 1)})
PROBLEMS = {
    Target.VALUE: Problem(SPACE),
    Target.OBJECTIVES: Problem(SPACE, objectives={"a": "min", "b": "min"}),
    Target.OUTPUTS: Problem(SPACE, loss=ChiSquare(np.zeros(3), np.ones(3))),
    Target.LEVEL_SET: Problem(SPACE, level_set=LevelSet(0.5, of=["f"])),
}


@dataclass(frozen=True)
class Foreign:
    """A surrogate that does not say what it serves."""

    def fit(self, data):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("recipe", "targets"),
    [
        (Recipe(GP()), {Target.VALUE, Target.OUTPUTS}),
        (Recipe(Foreign()), {Target.VALUE, Target.OUTPUTS}),
        (Recipe(CompositeGP()), {Target.OUTPUTS}),
        (Recipe(ModelListGP(), LogExpectedHypervolumeImprovement()), {Target.OBJECTIVES}),
        (Recipe(Subset(LevelGP(), n_rows=1500), Straddle()), {Target.LEVEL_SET}),
        (Recipe(LevelGP()), set()),
        (Recipe(GP(), Misclassification()), set()),
        (Recipe(ModelListGP(), LogExpectedHypervolumeImprovement(), region=TrustRegion()), set()),
        (Recipe(design="sobol"), set(PROBLEMS)),
        (preset("auto"), set(PROBLEMS)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_recipe_goes_with_the_problems_that_its_parts_serve(recipe, targets):
    for target, problem in PROBLEMS.items():
        if target in targets:
            check_recipe(problem, recipe)
        else:
            with pytest.raises(RecipeError, match=target.value):
                check_recipe(problem, recipe)


@pytest.mark.parametrize("target", PROBLEMS, ids=lambda target: target.name)
def test_a_refusal_names_recipes_that_would_do(target):
    problem = PROBLEMS[target]
    with pytest.raises(RecipeError) as caught:
        check_recipe(problem, Recipe(Subset(GP()), Misclassification()))
    words = re.findall(r"'([a-z-]+)'", str(caught.value))
    assert {"auto", "random", "sobol"} <= set(words)
    for word in PRESETS:
        if word in words:
            check_recipe(problem, preset(word))
        else:
            with pytest.raises(RecipeError):
                check_recipe(problem, preset(word))


def test_a_wrapper_serves_what_its_part_serves():
    levels, values = frozenset({Target.LEVEL_SET}), ONE_VALUE
    assert served_by(Subset(LevelGP(), n_rows=1500)) == levels
    assert served_by(Subset(Foreign())) == values
    assert served_by(ExpectedImprovementPerCost(Straddle())) == levels
    assert served_by(PriorWeighted(Straddle(), None, 1.0)) == levels
    assert served_by(GPHedge((Straddle(), Misclassification()))) == levels
    assert served_by(GPHedge((Straddle(), LogExpectedImprovement()))) == frozenset()


def test_a_wrapper_honours_replicates_where_its_part_does():
    assert all(takes_replicates(each) for each in (GP(), KernelSelection(), Subset(GP())))
    assert not any(takes_replicates(each) for each in (Forest(), TorchGP(), Subset(Forest()), Foreign()))
