"""The initial design: points to try first, then a space-filling design, random or remaining grid points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from smbo.errors import SpaceExhausted
from smbo.proposal.recipe import Recipe
from smbo.proposal.request import ProposalRequest
from smbo.proposal.transfer import best_of_sources
from smbo.space import Space
from smbo.space.designs import design_rows
from smbo.space.fixed import describe, subspace
from smbo.space.grid_design import Grid
from smbo.space.point_set import PointSet
from smbo.space.prior_density import PriorDensity
from smbo.training_data import Array, Target, TrainingData, served_by

__all__ = ["design_points", "first_points", "left_on_grid", "n_from_design", "n_initial_of"]

_ROWS_AT_ONCE = 64  # of a design, computed together; without constraints most are used
_MOST_SPREAD = 256  # points of a design in a small region before random ones are used
_MOST_ROWS = 2**14  # of a design that are tried before random points are used
_STEPS_TRIED = 65  # lengths of a step towards a row of the design
_MOST_DRAWS = 64  # rounds of random points before the remaining grid points are listed


def design_points(request: ProposalRequest, n: int) -> tuple[Array, dict[str, int]]:
    """Return the next n allowed and new points of the recipe's design, (n, d), and its seed and index."""
    space, rng = request.space, request.rng
    start = request.memory.get("design") or {"seed": int(rng.integers(2**32)), "index": 0}
    seed, index = int(start["seed"]), int(start["index"])
    if n == 0:  # without comparing with the points taken
        return np.zeros((0, len(space.axes))), {"seed": seed, "index": index}
    taken = PointSet.within(space, [each[request.holds(each)] for each in request.taken])
    if space.size == 0:
        space.sample_unit(1, rng)  # raises SpaceError with the constraints that leave no point
    if space.size is not None and len(taken) + n > space.size:
        raise SpaceExhausted(
            f"{describe(space)} has {space.size} points, {len(taken)} of them evaluated or under way: "
            f"{n} more cannot be proposed"
        )
    chosen: list[Array] = []
    starts = np.concatenate([space.to_unit(request.problem.try_first), *request.taken])
    stream = _walk(request, seed, index, starts) if request.present else None
    for row, next_index in stream or _design_stream(space, request.recipe.design, seed, index, starts):
        if len(chosen) == n:
            break
        index = next_index
        if row is not None and row not in taken:
            taken.add(row)
            chosen.append(row)
    if len(chosen) < n and request.recipe.surrogate is None and not isinstance(request.recipe.design, str):
        raise SpaceExhausted(f"the grid is used up: {len(taken)} of its points are evaluated or under way")
    chosen += _random_points(space, taken, n - len(chosen), rng, starts)
    return np.array(chosen).reshape(n, len(space.axes)), {"seed": seed, "index": index}


def _design_stream(
    space: Space, design: str | Grid, seed: int, index: int, starts: Array
) -> Iterator[tuple[Array | None, int]]:
    """Yield each snapped row of the design (None where it is not allowed) and the index after it."""
    if not isinstance(design, str):
        # from the first: with other fixed values another part of it is left
        yield from ((row, place) for place, row in enumerate(design.rows(space, seed), 1))
        return
    guidance = PriorDensity.of(space)
    if (
        space.feasible is not None and space.feasible.is_rare
    ):  # too few rows of a design of the cube are allowed
        if design != "random" and space.size is None:
            weights = None if guidance is None else guidance.log_density
            rows = space.feasible.design(seed, _MOST_SPREAD, starts, weights)
            yield from ((row, index + place + 1) for place, row in enumerate(rows[index:]))
        return
    for start in range(index, index + _MOST_ROWS, _ROWS_AT_ONCE):
        rows = design_rows(design, len(space.axes), seed, start, _ROWS_AT_ONCE)
        rows = space.snap(rows if guidance is None else guidance.design(rows, start))
        for offset, (row, is_allowed) in enumerate(zip(rows, space.allowed(rows))):
            yield (row if is_allowed else None), start + offset + 1


def _walk(
    request: ProposalRequest, seed: int, index: int, starts: Array
) -> Iterator[tuple[Array | None, int]]:
    """Yield steps towards the rows of the design, as long as allowed; a row counts once it is reached."""
    space, whole = request.space, subspace(request.problem.space, request.fixed)
    dimensions = request.problem.space.dimensions
    for goal, after in _design_stream(whole, request.recipe.design, seed, index, starts):
        if goal is None:
            continue
        here = goal.copy()
        for column, axis in enumerate(space.axes):
            if axis.name in request.present:
                here[column] = dimensions[axis.name].to_unit([request.present[axis.name]])[0]
        rows = space.snap(here + np.linspace(1.0, 0.0, _STEPS_TRIED)[:-1, None] * (goal - here))
        rows = rows[space.allowed(rows)]
        if len(rows):
            yield rows[0], after if (rows[0] == goal).all() else index


def _random_points(
    space: Space, taken: PointSet, n: int, rng: np.random.Generator, starts: Array
) -> list[Array]:
    """Return n random points that are not taken, for when the design has no more new ones."""
    chosen: list[Array] = []
    draws = 0
    while len(chosen) < n and draws < _MOST_DRAWS:
        draws += 1
        for row in space.sample_unit(_ROWS_AT_ONCE, rng, starts):
            if len(chosen) < n and row not in taken:
                taken.add(row)
                chosen.append(row)
    if len(chosen) < n:
        left = left_on_grid(space, taken, n - len(chosen), rng)
        chosen += left
    return chosen


def left_on_grid(space: Space, taken: PointSet, n: int, rng: np.random.Generator) -> list[Array]:
    """Return n points of a finite space that are not taken, in random order.

    Raises:
        SpaceExhausted: there are fewer, or the space is infinite.
    """
    grid = space.grid()
    left = [] if grid is None else [row for row in grid if row not in taken]
    if len(left) < n:
        raise SpaceExhausted(
            f"no new point was found beside the {len(taken)} evaluated or under way; "
            f"{describe(space)} and its known constraints seem to be used up"
        )
    return [left[row] for row in rng.permutation(len(left))[:n]]


_MOST_OF_DESIGN = 10  # of a design for one value: with more axes too a model soon does better than chance


# Points before the first model where the user's prior is supported: the fewest that show a slope.  Two come
# from the prior; where they are worse than the third the search begins as if there were no prior.
_N_WITH_PRIOR = 3


def first_points(request: ProposalRequest) -> tuple[Array, dict[str, Any]]:
    """Return up to n remaining points to try first, (k, d), and the memory of those used.

    Points outside the subspace of this ask are kept for later.
    """
    problem, memory, n = request.problem, request.memory, request.n
    start = int(memory.get("n_tried_first", 0))
    through = set(memory.get("tried_beyond", ()))  # used ones from ``start`` on
    rows = np.concatenate([problem.space.to_unit(problem.try_first), best_of_sources(problem)])
    rows = problem.space.snap(request.data.in_context(rows))
    taken = PointSet.within(problem.space, request.taken)
    found: list[Array] = []
    for place in range(start, len(rows)):
        if len(found) == n:
            break
        if place in through or not request.holds(rows[place : place + 1])[0]:
            continue
        through.add(place)
        if rows[place] not in taken:
            taken.add(rows[place])
            found.append(rows[place])
    while start in through:
        through.remove(start)
        start += 1
    beyond = {"tried_beyond": sorted(through)} if through or "tried_beyond" in memory else {}
    return np.array(found).reshape(len(found), len(problem.space.axes)), {"n_tried_first": start, **beyond}


def n_from_design(request: ProposalRequest, data: TrainingData) -> int:
    """Return how many of the next n points come from the design, given the surrogate's data.

    All of them while every value is the same: a model of equal values learns a constant, by which only the
    cube's corners are worth a look.
    """
    space, recipe, n = request.problem.space, request.recipe, request.n
    if recipe.surrogate is None or not space.axes:  # constants alone leave nothing to learn
        return n
    # evaluations recorded by hand count too
    n_known = len(data) + len(data.failed) + len(data.pending)
    if len(data) == len(data.outside):
        return n  # nothing to improve on, whatever failed or is pending
    if recipe.n_initial is None and not request.problem.transfer and _is_flat(request.data):
        return n
    return min(n, max(0, n_initial_of(space, recipe, data) - n_known))


def _is_flat(data: TrainingData) -> bool:
    """Return whether all of several evaluations gave one and the same value, and nothing else is known."""
    others = (data.outputs, data.objective_values, data.fidelities, data.outcome_constraints)
    if len(data) < 2 or len(data.failed) or any(each is not None for each in others):
        return False
    return bool(data.feasible.all()) and float(np.ptp(data.values)) == 0.0


def n_initial_of(space: Space, recipe: Recipe, data: TrainingData) -> int:
    """Return the size of the initial design; a few points where the user's prior is supported."""
    if recipe.n_initial is not None:
        return recipe.n_initial
    if not isinstance(recipe.design, str):
        return len(recipe.design.rows(space, 0))
    n_initial, guidance = _n_without_prior(space, recipe), PriorDensity.of(space)
    is_of_one_value = data.outputs is None and data.objective_values is None
    if guidance is not None and is_of_one_value and guidance.is_supported(data, _N_WITH_PRIOR):
        return min(n_initial, _N_WITH_PRIOR)
    return n_initial


def _n_without_prior(space: Space, recipe: Recipe) -> int:
    """Return the size of the initial design without a user's prior."""
    d = len(space.axes)
    is_of_outputs = recipe.surrogate is not None and Target.OUTPUTS in served_by(recipe.surrogate)
    # d + 1 points determine a plane for each of many outputs; one value needs more points
    n_wanted = d + 1 if is_of_outputs else min(2 * d, _MOST_OF_DESIGN)
    n_initial = max(5, n_wanted)
    return n_initial if space.size is None else max(1, min(n_initial, space.size // 2))
