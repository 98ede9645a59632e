"""Transfer from source studies: a rule that puts another recipe's surrogate around what they found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.errors import RecipeError
from smbo.problem import Problem
from smbo.proposal.recipe import Choice, Recipe, chosen
from smbo.surrogates.base import Memory, Trainable, Transferable
from smbo.surrogates.transfer import SourceData, Transfer
from smbo.training_data import Array, TrainingData

# Points before the first model where earlier studies tell much already: each one's best and two of a design,
# the fewest that show a slope.
_N_INITIAL = 3


@dataclass(frozen=True)
class WithTransfer:
    """Chooses as another recipe does, with the earlier studies below its surrogate.

    Attributes:
        recipe: the other one.
        earlier: what was found in earlier studies.
    """

    recipe: Recipe
    transfer: tuple[SourceData, ...]

    def choose(self, data: TrainingData, memory: Memory) -> Choice:
        """Return the other recipe's choice, informed."""
        choice = chosen(self.recipe, data, memory)
        recipe = choice.recipe
        base = transfer_base(recipe)
        weights = memory.get("surrogate", {}).get("weights") or ()
        reason = choice.reason
        if any(weights):
            reason += f"; around {np.count_nonzero(weights)} of {len(weights)} earlier studies"
        surrogate = Transfer(base, self.transfer)
        n_initial = recipe.n_initial
        if n_initial is None and (any(weights) or not weights):  # else they tell nothing: start as without
            n_initial = _N_INITIAL
        return replace(
            choice, recipe=replace(recipe, surrogate=surrogate, n_initial=n_initial), reason=reason
        )


def transfer_base(recipe: Recipe) -> Trainable:
    """Return what of a recipe's surrogate is put around the source studies.

    Raises:
        RecipeError: the surrogate is none, or something else than a Gaussian process.
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
    """Return a recipe as it works on a problem: with its earlier studies, where it has any."""
    if not problem.transfer:
        return recipe
    return Recipe(rule=WithTransfer(recipe, source_data(problem)), design=recipe.design)


def source_data(problem: Problem) -> tuple[SourceData, ...]:
    """Return a problem's earlier studies as arrays, minimised."""
    return tuple(
        SourceData(
            problem.space.snap(problem.space.to_unit(each.points)), problem.sign * np.array(each.values)
        )
        for each in problem.transfer
    )


def best_of_sources(problem: Problem) -> Array:
    """Return the best point of each earlier study as a unit point, (k, d)."""
    rows = [each.points[int(np.argmin(each.values))] for each in source_data(problem)]
    return np.array(rows).reshape(len(rows), len(problem.space.axes))
