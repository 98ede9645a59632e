"""Points without a model: those to try first, of a space-filling design, at random, what a grid has left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from smbo.errors import SpaceExhausted
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.proposal.transfer import best_of_sources
from smbo.space import Space
from smbo.space.designs import design_rows
from smbo.space.fixed import describe, rows_in
from smbo.space.prior_density import PriorDensity
from smbo.surrogates import CompositeGP, Memory
from smbo.training_data import Array, TrainingData

__all__ = ["Taken", "design_points", "first_points", "left_on_grid", "n_from_design", "n_initial_of"]

_ROWS_AT_ONCE = 64  # of a design; most are used where there are no constraints
_MOST_ROWS = 2**14  # of a design to look through before random points take over
_MOST_DRAWS = 64  # rounds of random points before a space counts as used up
_DECIMALS = 9  # two snapped rows that agree to so many are the same point
_NEAR = 1e-8  # farther apart than what is rounded to the same


def design_points(
    space: Space,
    design: str,
    data: TrainingData,
    carried: Mapping[str, Any] | None,
    n: int,
    rng: np.random.Generator,
) -> tuple[Array, dict[str, int]]:
    """Return the next n allowed and new points of the design, (n, d), and where it stands then."""
    start = carried or {"seed": int(rng.integers(2**32)), "index": 0}
    seed, index = int(start["seed"]), int(start["index"])
    if n == 0:  # and no need to look through all that is known
        return np.zeros((0, len(space.axes))), {"seed": seed, "index": index}
    known = (data.points, data.failed, data.pending)
    taken = Taken(space, [rows_in(space, each) for each in known])
    if space.size is not None and len(taken) + n > space.size:
        raise SpaceExhausted(
            f"{describe(space)} has {space.size} points, {len(taken)} of them evaluated or under way: "
            f"{n} more cannot be proposed"
        )
    chosen: list[Array] = []
    for row, next_index in _design_stream(space, design, seed, index):
        if len(chosen) == n:
            break
        index = next_index
        if row is not None and row not in taken:
            taken.add(row)
            chosen.append(row)
    chosen += _random_points(space, taken, n - len(chosen), rng)
    return np.array(chosen).reshape(n, len(space.axes)), {"seed": seed, "index": index}


def _design_stream(space: Space, design: str, seed: int, index: int) -> Iterator[tuple[Array | None, int]]:
    """Yield each snapped row of the design (None where it is not allowed) and the index after it."""
    guidance = PriorDensity.of(space)
    for start in range(index, index + _MOST_ROWS, _ROWS_AT_ONCE):
        rows = design_rows(design, len(space.axes), seed, start, _ROWS_AT_ONCE)
        rows = space.snap(rows if guidance is None else guidance.design(rows, start))
        for offset, (row, is_allowed) in enumerate(zip(rows, space.allowed(rows))):
            yield (row if is_allowed else None), start + offset + 1


def _random_points(space: Space, taken: Taken, n: int, rng: np.random.Generator) -> list[Array]:
    """Return n points that are not taken, where the design had no more of them."""
    chosen: list[Array] = []
    draws = 0
    while len(chosen) < n and draws < _MOST_DRAWS:
        draws += 1
        for row in space.sample_unit(_ROWS_AT_ONCE, rng):
            if len(chosen) < n and row not in taken:
                taken.add(row)
                chosen.append(row)
    if len(chosen) < n:
        left = left_on_grid(space, taken, n - len(chosen), rng)
        chosen += left
    return chosen


def left_on_grid(space: Space, taken: Taken, n: int, rng: np.random.Generator) -> list[Array]:
    grid = space.grid()
    left = [] if grid is None else [row for row in grid if row not in taken]
    if len(left) < n:
        raise SpaceExhausted(
            f"no new point was found beside the {len(taken)} evaluated or under way; "
            f"{describe(space)} and its known constraints seem to be used up"
        )
    return [left[row] for row in rng.permutation(len(left))[:n]]


class Taken:
    """The points that are evaluated or under way, to nine decimals.

    A set of all keys takes longer to make than a proposal that takes no thought; in a space without end
    a few points are looked up, so they are compared by one coordinate first.

    Args:
        space: of the points.
        known: unit points, each (k, d).
    """

    def __init__(self, space: Space, known: Sequence[Array]) -> None:
        # the first column without end tells nearly all points apart
        columns = [column for column, axis in enumerate(space.axes) if axis.levels is None]
        self._column = columns[0] if space.size is None and columns else None
        self._known = known
        self._keys = {_key(row) for rows in known for row in rows} if self._column is None else set()

    def __contains__(self, row: Array) -> bool:
        key = _key(row)
        if key in self._keys:
            return True
        column = self._column
        if column is None:
            return False
        near = (rows[np.abs(rows[:, column] - row[column]) < _NEAR] for rows in self._known)
        return any(_key(other) == key for rows in near for other in rows)

    def __len__(self) -> int:
        """Return how many there are; in a space without end those that coincide count each."""
        return len(self._keys) + (0 if self._column is None else sum(map(len, self._known)))

    def add(self, row: Array) -> None:
        self._keys.add(_key(row))


def _key(row: Array) -> bytes:
    # adding 0.0 turns -0.0 into 0.0, which has other bytes
    return (np.round(row, _DECIMALS) + 0.0).tobytes()


_MOST_INITIAL = 10  # of a design for one value: with more axes too, a model soon does better than chance


# Points before the first model where beliefs are borne out: the fewest that show a slope.  Two of them are
# the beliefs'; where those are worse than the third, the search begins as if there were none.
_N_WITH_PRIOR = 3


def first_points(
    problem: Problem, part: Space, data: TrainingData, memory: Memory, n: int
) -> tuple[Array, dict[str, Any]]:
    """Return up to n of the points to try first that are left, (k, d), and the memory of what is through.

    Args:
        part: of the problem's space; points outside it keep for later.
    """
    start = int(memory.get("n_tried_first", 0))
    through = set(memory.get("tried_beyond", ()))  # of those from ``start`` on
    rows = np.concatenate([problem.space.to_unit(problem.try_first), best_of_sources(problem)])
    rows = problem.space.snap(rows)
    taken = Taken(problem.space, [data.points, data.failed, data.pending])
    found: list[Array] = []
    for place in range(start, len(rows)):
        if len(found) == n:
            break
        if place in through or len(rows_in(part, rows[place : place + 1])) == 0:
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


def n_from_design(space: Space, recipe: Recipe, data: TrainingData, n: int) -> int:
    """Return how many of the next n points come from the design."""
    if recipe.surrogate is None or not space.axes:  # constants alone leave nothing to learn
        return n
    # asked for and told by hand alike: what is known need not be asked again
    n_known = len(data) + len(data.failed) + len(data.pending)
    if len(data) == 0:
        return n  # there is nothing to learn from yet, whatever failed or is under way
    return min(n, max(0, n_initial_of(space, recipe, data) - n_known))


def n_initial_of(space: Space, recipe: Recipe, data: TrainingData) -> int:
    """Return how many points come before the surrogate; a few where the user's beliefs are borne out."""
    if recipe.n_initial is not None:
        return recipe.n_initial
    n_initial, guidance = _n_without_belief(space, recipe), PriorDensity.of(space)
    is_of_one_value = data.outputs is None and data.objective_values is None
    if guidance is not None and is_of_one_value and guidance.is_supported(data, _N_WITH_PRIOR):
        return min(n_initial, _N_WITH_PRIOR)
    return n_initial


def _n_without_belief(space: Space, recipe: Recipe) -> int:
    """Return how many points of a design come before the surrogate, but for a user's beliefs."""
    d = len(space.axes)
    # d + 1 points give each of many outputs a plane; of one value, which says less, it takes more
    n_wanted = d + 1 if isinstance(recipe.surrogate, CompositeGP) else min(2 * d, _MOST_INITIAL)
    n_initial = max(5, n_wanted)
    return n_initial if space.size is None else max(1, min(n_initial, space.size // 2))
