"""Transfer from source studies: a rule that adds their models to the surrogate of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from smbo.errors import RecipeError
from smbo.history.winsorize import winsorized
from smbo.problem import Problem
from smbo.proposal.recipe import Choice, Recipe, chosen
from smbo.space.neighbourhood import to_unit_beyond
from smbo.surrogates.base import Memory, Surrogate, TakesSources, Transferable, learner_of
from smbo.training_data import Array, TrainingData, VectorOutputs

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
        weights = _weights_of(memory.get("surrogate", {}))
        reason = choice.reason
        if any(weights):
            n_used = np.count_nonzero(np.reshape(weights, (-1, len(self.transfer[0]))).any(axis=0))
            reason += f"; around {n_used} of {len(self.transfer[0])} earlier studies"
        if takes_sources(recipe.surrogate):
            surrogate: Surrogate = recipe.surrogate.with_sources(self.transfer)
        else:
            surrogate = Transfer(transfer_base(recipe), self.transfer[0])
        n_initial = recipe.n_initial
        # all weights 0: start as without transfer; of outputs points anywhere tell as much, and trees that
        # begin with few points stay near the best of these
        is_short = data.outputs is None and (
            takes_sources(recipe.surrogate) or isinstance(learner_of(transfer_base(recipe)), Transferable)
        )
        if n_initial is None and is_short and (any(weights) or not weights):
            n_initial = _N_INITIAL
        return replace(
            choice, recipe=replace(recipe, surrogate=surrogate, n_initial=n_initial), reason=reason
        )


def _weights_of(learned: Memory) -> list[float]:
    """Return the weights of the source studies, by what is modelled, from the memory of a surrogate."""
    functions = learned.get("functions", {}).values()
    parts = [each["scales"][each["scale"]].get("transfer", {}) for each in functions]
    return [
        weight
        for each in parts or learned.get("objectives", [learned])
        for weight in each.get("weights") or ()
    ]


def takes_sources(surrogate: Surrogate | None) -> TypeGuard[TakesSources]:
    """Return whether a surrogate, or the one that it wraps, models each quantity around its sources."""
    return surrogate is not None and isinstance(learner_of(surrogate), TakesSources)


def transfer_base(recipe: Recipe, word: str | None = None) -> Surrogate:
    """Return the part of a recipe's surrogate that is fitted on top of the source studies, else all of it.

    Args:
        word: for the recipe, in messages; its surrogate's if None.

    Raises:
        RecipeError: the surrogate is None.
    """
    surrogate = recipe.surrogate
    if surrogate is None:
        which = "the recipe" if word is None else f"recipe {word!r}"
        raise RecipeError(
            f"transfer needs a model of the values, and {which} has none: its points follow from no values; "
            "use recipe 'auto', 'gp' or 'forest', or leave transfer out"
        )
    return surrogate.transfer_base if isinstance(surrogate, Transferable) else surrogate


def with_transfer(problem: Problem, recipe: Recipe) -> Recipe:
    """Return the recipe for a problem: with transfer from its source studies, where it has any."""
    if not problem.transfer:
        return recipe
    return Recipe(rule=WithTransfer(recipe, source_data(problem)), design=recipe.design)


def source_data(problem: Problem) -> tuple[tuple[SourceData, ...], ...]:
    """Return a problem's source studies as arrays, minimised, for each objective; of outputs the loss."""
    from smbo.surrogates.transfer import SourceData

    goals, loss = problem.multi_objective, problem.output_loss
    points = [to_unit_beyond(problem.space, each.points) for each in problem.transfer]
    if loss is not None:
        vectors = [
            VectorOutputs(loss, each.outputs, each.outputs_variance, np.zeros((*each.outputs.shape, 0)))
            for each in problem.transfer
        ]
        pairs = zip(points, vectors, strict=True)
        return (tuple(SourceData(rows, winsorized(loss.of(each.values)), each) for rows, each in pairs),)
    signs = {None: problem.sign} if goals is None else dict(zip(goals.names, goals.signs.tolist()))
    return tuple(
        tuple(
            SourceData(rows, winsorized(sign * np.array(each.columns[name])))
            for rows, each in zip(points, problem.transfer)
        )
        for name, sign in signs.items()
    )


def best_of_sources(problem: Problem) -> Array:
    """Return the best allowed point of each source study, for each objective, as a unit point, (k, d).

    Of outputs none: their weights follow from points anywhere, and where a source is best this study need
    not be.
    """
    rows: list[Array] = []
    for each in (each for one in source_data(problem) for each in one if each.outputs is None):
        is_inside = np.equal(each.points, np.clip(each.points, 0.0, 1.0)).all(axis=1)
        usable = np.flatnonzero(is_inside & problem.space.allowed(np.clip(each.points, 0.0, 1.0)))
        if len(usable):
            rows.append(each.points[usable[np.argmin(each.values[usable])]])
    return np.array(rows).reshape(len(rows), len(problem.space.axes))
