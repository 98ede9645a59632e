"""Which recipes find what a problem asks for: checked when a study is set up, and again for each choice."""

from __future__ import annotations

from smbo.acquisition import Misclassification, Straddle
from smbo.acquisition.hypervolume_improvement import (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
)
from smbo.acquisition.scalarization import RandomScalarization
from smbo.errors import RecipeError
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.proposal.replication import takes_repeats
from smbo.proposal.transfer import WithTransfer, refuse_without_transfer
from smbo.surrogates import ModelListGP

_OF_SEVERAL = (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
    RandomScalarization,
)


def refuse_misfit(problem: Problem, recipe: Recipe) -> None:
    """Let recipes through that seek what the problem asks for.

    Raises:
        RecipeError: it would go for the best where a level is sought.
    """
    if problem.level_set is None or recipe.surrogate is None:
        return
    if not isinstance(recipe.acquisition, Misclassification | Straddle):
        raise RecipeError(
            f"a level is sought, and {type(recipe.acquisition).__name__} looks for the best; use "
            "recipe 'auto', or Recipe(LevelGP(), Misclassification())"
        )


def check_recipe(problem: Problem, recipe: Recipe) -> None:
    """Refuse a recipe that cannot find what the problem asks for: the best of one, of several, or a level.

    Raises:
        RecipeError: saying which would do.
    """
    surrogate, acquisition = recipe.surrogate, recipe.acquisition
    if recipe.replication is not None:
        _refuse_replication(problem, recipe)
    if problem.transfer and recipe.rule is None:
        refuse_without_transfer(recipe)
    own_rule = recipe.rule.recipe.rule if isinstance(recipe.rule, WithTransfer) else recipe.rule
    if problem.transfer and own_rule is not None and problem.multi_fidelity is not None:
        raise RecipeError(
            "the process over points and fidelities that 'auto' takes does not know of earlier studies; use "
            "recipe 'gp', which does, or leave out the fidelity or the earlier studies"
        )
    if recipe.rule is not None or surrogate is None:
        return
    refuse_misfit(problem, recipe)
    is_of_several = isinstance(surrogate, ModelListGP) and isinstance(acquisition, _OF_SEVERAL)
    if problem.multi_objective is not None and (not is_of_several or recipe.region is not None):
        raise RecipeError(
            f"{type(surrogate).__name__} with {type(acquisition).__name__} is for one objective, and there "
            f"are {len(problem.multi_objective)}; use recipe='auto' or 'pareto', or 'random' or 'sobol'"
        )
    if problem.multi_objective is None and (
        isinstance(surrogate, ModelListGP) or isinstance(acquisition, _OF_SEVERAL)
    ):
        raise RecipeError("recipe 'pareto' is for several objectives, and there is one; use 'auto' or 'gp'")


def _refuse_replication(problem: Problem, recipe: Recipe) -> None:
    """Let repeats through where they are weighed: for one value, by a Gaussian process.

    Raises:
        RecipeError: saying what is in the way.
    """
    others = {
        "several objectives": problem.multi_objective,
        "a level set": problem.level_set,
        "vector outputs": problem.output_loss,
        "a fidelity": problem.fidelity,
        "earlier studies": problem.transfer or None,
    }
    for name, given in others.items():
        if given is not None:
            raise RecipeError(
                f"replication is weighed for one value, and the problem has {name}; leave replication out"
            )
    if recipe.rule is None and (recipe.surrogate is None or not takes_repeats(recipe.surrogate)):
        raise RecipeError(
            f"replication is weighed by a Gaussian process, and the surrogate is {recipe.surrogate!r}; use "
            "recipe 'auto', 'gp' or 'noisy', or leave it out"
        )
