"""What to evaluate next: a pure function from what is known to unit points.

    propose(problem, recipe, training data, memory, n, rng) -> Proposal(points, memory)

The first points come from a space-filling design, the rest from a surrogate.  What a recipe carries
on is in ``memory``, plain JSON values: the design's seed and index, and what the surrogate learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smbo.acquisition import (
    LogExpectedImprovement,
    NoisyLogExpectedImprovement,
    SpaceAware,
)
from smbo.acquisition.feasibility import FeasibilityFirst
from smbo.acquisition.prior_weighted import PriorWeighted
from smbo.errors import SpaceExhausted
from smbo.problem import Problem
from smbo.proposal.compatibility import check_recipe, refuse_misfit
from smbo.proposal.initial_design import (
    Taken,
    design_points,
    first_points,
    left_on_grid,
    n_from_design,
    n_initial_of,
)
from smbo.proposal.recipe import Recipe, chosen
from smbo.proposal.recommend import as_told, relevant, trained, with_constraints, with_penalties
from smbo.proposal.replication import repeats_alone, with_repeats
from smbo.proposal.strategies import select_points
from smbo.proposal.trust_region import RegionState, TrustRegion, advance, length_within, training_data_of
from smbo.space import Point, Space
from smbo.space.fixed import subspace
from smbo.space.prior_density import PriorDensity
from smbo.surrogates import Memory, Surrogate
from smbo.surrogates.transfer import Transfer
from smbo.training_data import Array, TrainingData

__all__ = ["Proposal", "check_recipe", "propose"]

# of the user's belief: as much as ten evaluations (Hvarfner et al. 2022: a tenth of the budget)
_STRENGTH = 10.0


@dataclass(frozen=True, eq=False)
class Proposal:
    """Points to evaluate and what the recipe carries to the next call.

    Attributes:
        points: unit points, snapped and allowed, shape (n, d).
        memory: plain JSON values.
    """

    points: Array
    memory: dict[str, Any]


def propose(
    problem: Problem,
    recipe: Recipe,
    data: TrainingData,
    memory: Memory,
    n: int,
    rng: np.random.Generator,
    fixed: Point | None = None,
) -> Proposal:
    """Return n unit points and the memory that the recipe carries to the next call.

    Deterministic in its arguments.  In a finite space no point comes twice, unless ``fixed`` leaves one
    alone.

    Args:
        memory: of the previous proposal, {} at first.
        fixed: values that all of the points are to have, as of ``fixing.checked``.

    Raises:
        SpaceExhausted: a finite space has fewer than n points left.
        SpaceError: no point that meets the known constraints was found.
        RecipeError: the recipe seeks something else than the problem.
        NumericalError: the surrogate found no posterior.
    """
    check_recipe(problem, recipe)
    carried: dict[str, Any] = dict(memory)
    space = subspace(problem.space, fixed or {})
    if fixed and space.size == 1:  # what is asked for in so many words may be known
        return Proposal(np.repeat(space.sample_unit(1, rng), n, axis=0), carried)
    if problem.try_first or problem.transfer:
        first, tried = first_points(problem, space, data, memory, n)
        carried |= tried
        if len(first):
            if len(first) == n:
                return Proposal(first, carried)
            data = replace(data, pending=np.concatenate([data.pending, first]))
            others = propose(problem, recipe, data, carried, n - len(first), rng, fixed)
            return Proposal(np.concatenate([first, others.points]), others.memory)
    choice = chosen(recipe, data, memory)
    if recipe.rule is not None:
        carried["choice"] = {"name": choice.name, "reason": choice.reason}
    replication = recipe.replication
    recipe, here, state = choice.recipe, data, None
    refuse_misfit(problem, recipe)
    if recipe.region is not None:
        state = _region_state(problem.space, recipe, recipe.region, data, memory)
        carried["region"] = state.to_json()
        here = training_data_of(recipe.region, state, data)
        state = replace(state, length=length_within(recipe.region, state, here))
    n_design = n_from_design(problem.space, recipe, here, n)
    design = memory.get("design")
    points, carried["design"] = design_points(space, recipe.design, data, design, n_design, rng)
    if n_design == n or recipe.surrogate is None:
        return Proposal(points, carried)
    here = replace(here, pending=np.concatenate([data.pending, points]))
    known = as_told(recipe.surrogate, with_penalties(here))
    surrogate, learned = trained(recipe.surrogate, known, memory)
    known = with_constraints(relevant(recipe.surrogate, known), memory)
    if known.outcome_constraints is not None:
        carried["constraints"] = [dict(each) for each in known.outcome_constraints.learned]
    taken = np.concatenate([data.points, data.failed, here.pending])
    if isinstance(recipe.acquisition, SpaceAware):  # what is fixed for this ask counts elsewhere too
        recipe = replace(recipe, acquisition=recipe.acquisition.with_space(problem.space, rng))
    n -= n_design
    try:
        more, beside = _selected(space, recipe, surrogate, state, known, n, rng, memory, taken)
    except SpaceExhausted:
        again = None if replication is None else repeats_alone(surrogate, known, space, n)
        if again is None:
            raise
        more, beside = again, {}
    else:
        if replication is not None:
            more = with_repeats(replication, surrogate, known, space, more, rng)
    return Proposal(np.concatenate([points, more]), {**carried, **learned, **beside})


def _region_state(
    space: Space, recipe: Recipe, region: TrustRegion, data: TrainingData, memory: Memory
) -> RegionState:
    """Return where a recipe's trust region stands."""
    stored = memory.get("region")
    if stored is None:
        # what another recipe found before counts for the model, not for the region's successes
        known = len(data) > n_initial_of(space, recipe, data)
        before = RegionState(since=int(data.numbers[-1]) + 1 if known else 0, length=region.first_length)
    else:
        before = RegionState.from_json(stored)
    return advance(region, data, before, n_initial_of(space, recipe, data))


def _selected(
    space: Space,
    recipe: Recipe,
    surrogate: Surrogate,
    state: RegionState | None,
    data: TrainingData,
    n: int,
    rng: np.random.Generator,
    memory: Memory,
    taken: Array,
) -> tuple[Array, dict[str, Any]]:
    """Return n unit points that the acquisition chose, (n, d), and what to carry beside them."""
    acquisition = recipe.acquisition
    if data.outcome_constraints is not None and not data.feasible.any():
        acquisition, state = FeasibilityFirst(), None  # a region would be around something that is no good
    if isinstance(acquisition, NoisyLogExpectedImprovement) and _is_trended(surrogate):
        acquisition = LogExpectedImprovement()  # draws need a bare process
    guidance = PriorDensity.of(space)
    if guidance is not None:
        acquisition = PriorWeighted(acquisition, guidance, _STRENGTH)
    try:
        return select_points(acquisition, surrogate, state, data, space, n, rng, memory, taken)
    except SpaceExhausted:
        # the search may have missed the last few points of a large finite space: look them up
        known = Taken(space, [taken])
        return np.array(left_on_grid(space, known, n, rng)).reshape(n, len(space.axes)), {}


def _is_trended(surrogate: Surrogate) -> bool:
    return isinstance(surrogate, Transfer) and surrogate.is_in_use
