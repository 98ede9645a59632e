"""Check that a recipe serves a problem, by the targets that its parts serve."""

from __future__ import annotations

from smbo.errors import RecipeError
from smbo.problem import Problem
from smbo.proposal.presets import PRESETS
from smbo.proposal.recipe import Recipe
from smbo.proposal.transfer import WithTransfer, transfer_base
from smbo.surrogates.base import takes_replicates
from smbo.training_data import Target, served_by


def targets_of(problem: Problem) -> frozenset[Target]:
    """Return the targets of a problem, one of which surrogate and acquisition have to serve."""
    if problem.level_set is not None:
        return frozenset({Target.LEVEL_SET})
    if problem.multi_objective is not None:
        return frozenset({Target.OBJECTIVES})
    # the loss of vector outputs is one value, and so is the value at one fidelity
    found = {Target.VALUE}
    if problem.loss is not None:
        found.add(Target.OUTPUTS)
    if problem.fidelity is not None:
        found.add(Target.FIDELITIES)
    return frozenset(found)


def refuse_misfit(problem: Problem, recipe: Recipe) -> None:
    """Refuse a recipe whose parts do not serve the problem's targets.

    Raises:
        RecipeError: with the recipes that serve the problem.
    """
    wanted = targets_of(problem)
    if _serves(recipe, wanted):
        return
    surrogate, acquisition = recipe.surrogate, recipe.acquisition
    what = "a trust region is around the best point of one objective"
    for part in (surrogate, acquisition):
        if not served_by(part) & wanted:
            what = f"{type(part).__name__} is for {_in_words(served_by(part))}"
    words = [word for word, make in PRESETS.items() if _serves(make(), wanted)]
    raise RecipeError(
        f"{type(surrogate).__name__} with {type(acquisition).__name__}: {what}, and the problem has "
        f"{_in_words(wanted)}; use recipe {', '.join(map(repr, words))}"
    )


def _serves(recipe: Recipe, wanted: frozenset[Target]) -> bool:
    if recipe.surrogate is None:
        return True
    parts = (recipe.surrogate, recipe.acquisition, *([recipe.region] if recipe.region is not None else []))
    return all(served_by(part) & wanted for part in parts)


def _in_words(targets: frozenset[Target]) -> str:
    return " or ".join(target.value for target in Target if target in targets)


def check_recipe(problem: Problem, recipe: Recipe) -> None:
    """Refuse a recipe that does not serve the problem.

    Raises:
        RecipeError: with the recipes that serve the problem.
    """
    if recipe.replication is not None:
        _refuse_replication(problem, recipe)
    if problem.transfer and recipe.rule is None:
        transfer_base(recipe)
    own_rule = recipe.rule.recipe.rule if isinstance(recipe.rule, WithTransfer) else recipe.rule
    if problem.transfer and own_rule is not None and problem.multi_fidelity is not None:
        raise RecipeError(
            "the process over points and fidelities that 'auto' takes does not know of earlier studies; use "
            "recipe 'gp', which does, or leave out the fidelity or the earlier studies"
        )
    if recipe.rule is None:
        refuse_misfit(problem, recipe)


def _refuse_replication(problem: Problem, recipe: Recipe) -> None:
    """Refuse replication unless the problem has one value and the surrogate is a Gaussian process.

    Raises:
        RecipeError: with what does not support it.
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
    if recipe.rule is None and (recipe.surrogate is None or not takes_replicates(recipe.surrogate)):
        raise RecipeError(
            f"replication is weighed by a Gaussian process, and the surrogate is {recipe.surrogate!r}; use "
            "recipe 'auto', 'gp' or 'noisy', or leave it out"
        )
