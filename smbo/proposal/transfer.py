"""Transfer from source studies: a rule that adds their models to the surrogate of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.errors import RecipeError
from smbo.problem import Problem
from smbo.proposal.recipe import Choice, Recipe, chosen
from smbo.surrogates.base import Memory, Trainable, Transferable
from smbo.surrogates.transfer import SourceData, Transfer
from smbo.training_data import Array, TrainingData

# Points before the first model where source studies are informative: each one's best and two of a design,
# the fewest that show a slope.
_N_INITIAL = 3


@dataclass(frozen=True)
class WithTransfer:
    """Choose as another recipe does, with the source studies below its surrogate.

    Attributes:
        recipe: the other one.
        transfer: data of the source studies.
    """

    recipe: Recipe
    transfer: tuple[SourceData, ...]

    def choose(self, data: TrainingData, memory: Memory) -> Choice:
        """Return the other recipe's choice, with transfer from the source studies."""
        choice = chosen(self.recipe, data, memory)
        recipe = choice.recipe
        base = transfer_base(recipe)
        weights = memory.get("surrogate", {}).get("weights") or ()
        reason = choice.reason
        if any(weights):
            reason += f"; around {np.count_nonzero(weights)} of {len(weights)} earlier studies"
        surrogate = Transfer(base, self.transfer)
        n_initial = recipe.n_initial
        if n_initial is None and (any(weights) or not weights):  # all weights 0: start as without transfer
            n_initial = _N_INITIAL
        return replace(
            choice, recipe=replace(recipe, surrogate=surrogate, n_initial=n_initial), reason=reason
        )


def transfer_base(recipe: Recipe) -> Trainable:
    """Return the part of a recipe's surrogate that is fitted on top of the source studies.

    Raises:
        RecipeError: the surrogate is None, or no Gaussian process.
    """
    surrogate = recipe.surrogate
    base = surrogate.transfer_base if isinstance(surrogate, Transferable) else None
    if base is None:
        raise RecipeError(
            f"earlier studies go with a Gaussian process, and the recipe has {surrogate!r}; "
            "use recipe 'auto' or 'gp', or leave transfer out"
        )
    return base


def with_transfer(problem: Problem, recipe: Recipe) -> Recipe:
    """Return the recipe for a problem: with transfer from its source studies, where it has any."""
    if not problem.transfer:
        return recipe
    return Recipe(rule=WithTransfer(recipe, source_data(problem)), design=recipe.design)


def source_data(problem: Problem) -> tuple[SourceData, ...]:
    """Return a problem's source studies as arrays, minimised."""
    return tuple(
        SourceData(
            problem.space.snap(problem.space.to_unit(each.points)), problem.sign * np.array(each.values)
        )
        for each in problem.transfer
    )


def best_of_sources(problem: Problem) -> Array:
    """Return the best point of each source study as a unit point, (k, d)."""
    rows = [each.points[int(np.argmin(each.values))] for each in source_data(problem)]
    return np.array(rows).reshape(len(rows), len(problem.space.axes))
