"""Check that a recipe serves a problem, by the targets that its parts serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from smbo.acquisition.base import TakesContext
from smbo.errors import RecipeError
from smbo.problem import Problem
from smbo.proposal.presets import PRESETS
from smbo.proposal.recipe import Recipe
from smbo.proposal.transfer import takes_sources, transfer_base
from smbo.surrogates.base import Transferable, takes_replicates
from smbo.training_data import Target, served_by

# Objectives up to which the hypervolumes of a thousand fronts are computed in a proposal.
_MOST_REPLICATED = 4


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


def refuse_misfit(problem: Problem, recipe: Recipe, written: object = None) -> None:
    """Refuse a recipe whose parts do not serve the problem's targets.

    Args:
        written: the recipe as the user wrote it; its own parts if None.

    Raises:
        RecipeError: with the recipes that serve the problem.
    """
    wanted = targets_of(problem)
    if _serves(recipe, wanted):
        return
    word = _word(recipe, written)
    parts = {"surrogate": recipe.surrogate, "acquisition": recipe.acquisition}
    what = "a trust region is around the best point of one objective"
    for role, part in parts.items():
        if not served_by(part) & wanted:
            subject = "it" if word is not None else f"the {role} {type(part).__name__}"
            what = f"{subject} is for {_in_words(served_by(part))}"
    said = f"recipe {word!r} does not serve this problem: " if word is not None else ""
    words = [word for word, make in PRESETS.items() if _serves(make(), wanted)]
    raise RecipeError(
        f"{said}{what}, and the problem has {_in_words(wanted)}; use recipe {', '.join(map(repr, words))}"
    )


def _word(recipe: Recipe, written: object) -> str | None:
    """Return the word for a recipe that has one: the one that was written, or that stands for the same."""
    if isinstance(written, Mapping) and len(written) == 1:
        (written,) = written
    if isinstance(written, str) and written in PRESETS:
        return written
    return next((word for word, make in PRESETS.items() if make() == recipe), None)


def _serves(recipe: Recipe, wanted: frozenset[Target]) -> bool:
    if recipe.surrogate is None:
        return True
    parts = (recipe.surrogate, recipe.acquisition, *([recipe.region] if recipe.region is not None else []))
    return all(served_by(part) & wanted for part in parts)


def _takes_context(recipe: Recipe) -> bool:
    acquisition = recipe.acquisition
    is_within = isinstance(acquisition, TakesContext) and acquisition.takes_context
    return recipe.surrogate is not None and recipe.region is None and is_within


def _in_words(targets: frozenset[Target]) -> str:
    return " or ".join(target.value for target in Target if target in targets)


def check_recipe(problem: Problem, recipe: Recipe, written: object = None) -> None:
    """Refuse a recipe that does not serve the problem.

    Args:
        written: the recipe as the user wrote it, for messages.

    Raises:
        RecipeError: with the recipes that serve the problem.
    """
    if not isinstance(recipe.design, str):
        recipe.design.check(problem.space)
    if recipe.replication is not None:
        _refuse_replication(problem, recipe, written)
    if problem.transfer and recipe.rule is None and not takes_sources(recipe.surrogate):
        transfer_base(recipe, _word(recipe, written))
    if recipe.rule is None:
        refuse_misfit(problem, recipe, written)
        if problem.step_limits and recipe.region is not None:
            raise RecipeError(
                f"recipe {_word(recipe, written) or recipe!r} searches a box around the best point, which "
                "step_limits may keep out of reach; use recipe 'auto' or 'gp'"
            )
        if problem.context and recipe.surrogate is not None and not _takes_context(recipe):
            words = [word for word, make in PRESETS.items() if _takes_context(make())]
            word = _word(recipe, written)
            raise RecipeError(
                f"recipe {word or recipe!r} compares values of different contexts, and the problem has the "
                f"context {list(problem.context)}; use recipe 'auto', {', '.join(map(repr, words))}"
            )


def _refuse_replication(problem: Problem, recipe: Recipe, written: object) -> None:
    """Refuse replication unless the surrogate is made of Gaussian processes.

    Raises:
        RecipeError: with what does not support it.
    """
    if (n := len(problem.objectives or ())) > _MOST_REPLICATED:
        raise RecipeError(
            f"repeats are weighed by hypervolumes, which take too long of {n} objectives (up to "
            f"{_MOST_REPLICATED}); leave replication out"
        )
    others = {"a context": problem.context, "step limits": problem.step_limits}
    for name, given in others.items():
        if given:
            raise RecipeError(
                f"a repeat is of a point as it was, which may be out of reach, and the problem has {name}; "
                "leave replication out"
            )
    parts = [recipe.surrogate]
    if isinstance(recipe.surrogate, Transferable):
        parts.append(recipe.surrogate.transfer_base)
    if recipe.rule is None and not any(each is not None and takes_replicates(each) for each in parts):
        word = _word(replace(recipe, replication=None), written)
        what = f"the recipe is {word!r}" if word else f"the surrogate is {type(recipe.surrogate).__name__}"
        raise RecipeError(
            f"replication is weighed by a Gaussian process, and {what}; use recipe 'auto', 'gp' or 'noisy', "
            "or leave replication out"
        )
