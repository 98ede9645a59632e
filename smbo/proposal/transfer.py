"""Transfer from source studies: a rule that adds their models to the surrogate of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from smbo.errors import RecipeError
from smbo.history.winsorize import winsorized
from smbo.problem import Problem
from smbo.proposal.recipe import Choice, Recipe, chosen
from smbo.surrogates.base import Memory, Surrogate, TakesSources, Trainable, Transferable
from smbo.training_data import Array, TrainingData

if TYPE_CHECKING:  # few problems have source studies
    from smbo.surrogates.transfer import SourceData

# Points before the first model where source studies are informative: each one's best and two of a design,
# the fewest that show a slope.
_N_INITIAL = 3


@dataclass(frozen=True)
class WithTransfer:
    """Choose as another recipe does, with the source studies below its surrogate.

    Attributes:
        recipe: the other one.
        transfer: data of the source studies, of each objective.
    """

    recipe: Recipe
    transfer: tuple[tuple[SourceData, ...], ...]

    def choose(self, data: TrainingData, memory: Memory) -> Choice:
        """Return the other recipe's choice, with transfer from the source studies."""
        from smbo.surrogates.transfer import Transfer

        choice = chosen(self.recipe, data, memory)
        recipe = choice.recipe
        learned = memory.get("surrogate", {})
        weights = [
            weight for each in learned.get("objectives", [learned]) for weight in each.get("weights") or ()
        ]
        reason = choice.reason
        if any(weights):
            n_used = np.count_nonzero(np.reshape(weights, (len(self.transfer), -1)).any(axis=0))
            reason += f"; around {n_used} of {len(self.transfer[0])} earlier studies"
        surrogate: Surrogate
        if isinstance(recipe.surrogate, TakesSources):
            surrogate = recipe.surrogate.with_sources(self.transfer)
        else:
            surrogate = Transfer(transfer_base(recipe), self.transfer[0])
        n_initial = recipe.n_initial
        if n_initial is None and (any(weights) or not weights):  # all weights 0: start as without transfer
            n_initial = _N_INITIAL
        return replace(
            choice, recipe=replace(recipe, surrogate=surrogate, n_initial=n_initial), reason=reason
        )


def transfer_base(recipe: Recipe, word: str | None = None) -> Trainable:
    """Return the part of a recipe's surrogate that is fitted on top of the source studies.

    Args:
        word: for the recipe, in messages; its surrogate's if None.

    Raises:
        RecipeError: the surrogate is None, or no Gaussian process.
    """
    surrogate = recipe.surrogate
    base = surrogate.transfer_base if isinstance(surrogate, Transferable) else None
    if base is None:
        has = f"is {word!r}" if word is not None else f"has {type(surrogate).__name__}"
        raise RecipeError(
            f"transfer takes a Gaussian process, and the recipe {has}; use recipe 'auto' or 'gp', or leave "
            "transfer out"
        )
    return base


def with_transfer(problem: Problem, recipe: Recipe) -> Recipe:
    """Return the recipe for a problem: with transfer from its source studies, where it has any."""
    if not problem.transfer:
        return recipe
    return Recipe(rule=WithTransfer(recipe, source_data(problem)), design=recipe.design)


def source_data(problem: Problem) -> tuple[tuple[SourceData, ...], ...]:
    """Return a problem's source studies as arrays, minimised, for each objective."""
    from smbo.surrogates.transfer import SourceData

    goals = problem.multi_objective
    signs = {None: problem.sign} if goals is None else dict(zip(goals.names, goals.signs.tolist()))
    points = [problem.space.snap(problem.space.to_unit(each.points)) for each in problem.transfer]
    return tuple(
        tuple(
            SourceData(rows, winsorized(sign * np.array(each.columns[name])))
            for rows, each in zip(points, problem.transfer)
        )
        for name, sign in signs.items()
    )


def best_of_sources(problem: Problem) -> Array:
    """Return the best point of each source study, for each objective, as a unit point, (k, d)."""
    rows = [each.points[int(np.argmin(each.values))] for one in source_data(problem) for each in one]
    return np.array(rows).reshape(len(rows), len(problem.space.axes))
