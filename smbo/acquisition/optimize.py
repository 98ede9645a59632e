"""Maximize a criterion over the snapped and allowed points of a mixed space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Criterion, DifferentiableCriterion
from smbo.acquisition.gradient_ascent import Allowed, ascend
from smbo.errors import SpaceExhausted
from smbo.space import Space
from smbo.space.numeric import Fixed
from smbo.space.point_set import PointSet
from smbo.training_data import Array, Axis

# Up to so many combinations of levels a finite space is searched exhaustively; up to the second figure
# its points are listed where sampling finds no new one.
_MOST_ENUMERATED = 2_000
_MOST_LISTED = 1_000_000
# An axis with more levels than this is optimised as if it were continuous, then snapped.
_MOST_DISCRETE_LEVELS = 12
# So many exchanges of levels between two discrete axes under linear constraints are tried from a point: all
# of 24 axes; where there are more, as many of them, evenly.
_MOST_EXCHANGES = 24 * 23
# Share of the score below which the gain of a step ends the ascent of a proposal: of the logarithm of an
# expected improvement some thousandths, which no evaluation could show.
NEGLIGIBLE_GAIN = 1e-4
# Times the gain that the model of a row expects, beyond which the row is given up where it does not reach the
# best one: of 23 calls at d = 6 these two save 10, and .0004 of the logarithm is lost (docs/notes/engine.md).
MOST_GAIN = 8.0
# So many of the best points tried are handed to a search that follows.
_N_PROMISING = 64


@dataclass(frozen=True)
class Effort:
    """How many points a search tries.

    Attributes:
        n_candidates: drawn from the whole space.
        n_local: drawn around each start point.
        n_starts: of the ascent, good candidates distant from each other.
        n_calls: of the criterion in an ascent, which tries a point from every start at each.
        n_rounds: of ascent and neighbourhood search in turn.
        least_gain, most_gain: when a start's ascent ends, see ``ascend``.
    """

    n_candidates: int = 512
    n_local: int = 24
    n_starts: int = 8
    n_calls: int = 30
    n_rounds: int = 2
    least_gain: float = 1e-6
    most_gain: float = np.inf

    @classmethod
    def affordable(cls, n: int) -> Effort:
        """Return the effort for n observed values, where a candidate costs n² operations."""
        search = cls(least_gain=NEGLIGIBLE_GAIN)
        if n <= 200:
            return search
        if n <= 1000:
            return replace(search, n_candidates=256, n_local=16)
        return replace(search, n_candidates=128, n_local=8, n_starts=4, n_calls=20)

    def of_one(self, axes: Sequence[Axis]) -> Effort:
        """Return the effort for a single point.

        Later points of a batch start from all that the first search drew and climbed to, and combinations of
        levels are drawn alone: neither is here to be found by an ascent from fewer places.
        """
        search = replace(self, most_gain=MOST_GAIN)
        if any(axis.levels is not None for axis in axes):
            return search
        return replace(search, n_candidates=min(self.n_candidates, 256), n_starts=min(self.n_starts, 6))


def maximize(
    criterion: Criterion,
    space: Space,
    rng: np.random.Generator,
    *,
    start_points: Array,
    exclude: PointSet,
    effort: Effort | None = None,
) -> Array:
    """Return the unit point (d,) with the highest criterion that was found.

    Args:
        criterion: what to maximise; gradients are used where it has them.
        space: the point is snapped to it and allowed by its constraints.
        start_points: centres of local candidates (the best evaluated points), (k, d).
        exclude: points that must not be returned (evaluated, pending).
        effort: how many points to try.

    Raises:
        SpaceExhausted: every allowed point of a finite space is excluded.
    """
    return find_maximum(
        criterion, space, rng, start_points=start_points, exclude=exclude, effort=effort
    ).point


@dataclass(frozen=True, eq=False)
class Found:
    """The result of a search.

    Attributes:
        point: the new point with the highest criterion, (d,).
        promising: the best of all points tried, for another search on a similar criterion, (m, d).
    """

    point: Array
    promising: Array


def find_maximum(
    criterion: Criterion,
    space: Space,
    rng: np.random.Generator,
    *,
    start_points: Array,
    exclude: PointSet,
    effort: Effort | None = None,
    promising: Array | None = None,
) -> Found:
    """Return the new point with the highest criterion and other promising ones; see ``maximize``.

    Args:
        promising: points of an earlier search to try too, (m, d).
    """
    effort = effort or Effort()
    n_grid = _grid_size(space)
    if n_grid is not None and n_grid <= _MOST_ENUMERATED:
        points = _remaining(space, exclude)
        return Found(np.asarray(points[np.argmax(_finite(criterion(points)))]), points[:0])

    points = candidates(space, rng, start_points, effort)
    if promising is not None:
        points = np.concatenate([promising, points])
    scores = _finite(criterion(points))
    chosen = _spread(points, scores, effort.n_starts)
    climbed, climbed_scores = _climb(criterion, space, points[chosen], scores[chosen], effort)
    points, scores = np.concatenate([climbed, points]), np.concatenate([climbed_scores, scores])
    best = _best_new(points, scores, exclude)
    if best is None and n_grid is not None and n_grid <= _MOST_LISTED:
        points = _remaining(space, exclude)
        scores = _finite(criterion(points))
        best = int(np.argmax(scores))
    if best is None:
        raise SpaceExhausted(
            f"none of {len(points)} points tried is new; the {len(exclude)} evaluated and pending ones "
            "seem to be all that the space and its constraints allow"
        )
    kept = np.argsort(-scores, kind="stable")[:_N_PROMISING]
    return Found(np.asarray(points[best]), points[kept])


def best_of(criterion: Criterion, points: Array, excluded: PointSet) -> Array | None:
    """Return the point with the highest criterion among (m, d), (d,), None if all are excluded."""
    best = _best_new(points, _finite(criterion(points)), excluded) if len(points) else None
    return None if best is None else np.asarray(points[best])


def polish(criterion: DifferentiableCriterion, space: Space, points: Array, n_calls: int) -> Array:
    """Return snapped and allowed points (k, d) no worse than the given ones, by an ascent from each.

    Only smooth coordinates change.
    """
    climbed, _ = ascend(criterion, points, *steerable(space, points), n_calls)
    climbed = space.snap(climbed)
    return np.asarray(np.where(space.allowed(climbed)[:, None], climbed, points)) if space.rules else climbed


def _best_new(points: Array, scores: Array, excluded: PointSet) -> int | None:
    """Return the row of the best point that is not excluded, None if all are."""
    for row in np.argsort(-scores, kind="stable"):
        if not excluded.hits(points[row : row + 1])[0]:
            return int(row)
    return None


def _finite(scores: Array) -> Array:
    return np.where(np.isnan(scores), -np.inf, scores)


def _grid_size(space: Space) -> int | None:
    """Return the number of combinations of levels, None with a continuous axis that is free."""
    size = 1
    for axis in space.axes:
        if _is_fixed(space, axis):
            continue
        if axis.levels is None:
            return None
        size *= axis.levels
    return size


def _is_fixed(space: Space, axis: Axis) -> bool:
    return isinstance(space.dimensions[axis.name], Fixed)


def _remaining(space: Space, excluded: PointSet) -> Array:
    """Return every allowed point of a finite space that is not excluded, (m, d)."""
    counts = [1 if _is_fixed(space, axis) else axis.levels or 1 for axis in space.axes]
    levels = [(np.arange(count) + 0.5) / count for count in counts]  # fixed coordinates snap to their value
    grid = np.stack(np.meshgrid(*levels, indexing="ij"), axis=-1).reshape(-1, len(space.axes))
    # combinations that differ in inactive coordinates only are one point
    points = np.unique(space.snap(grid), axis=0)
    points = points[space.allowed(points)]
    left = points[~excluded.hits(points)]
    if len(left) == 0:
        raise SpaceExhausted(
            f"all {len(points)} points of the space are evaluated or pending: none is left to propose"
        )
    return np.asarray(left)


def candidates(space: Space, rng: np.random.Generator, centres: Array, effort: Effort) -> Array:
    """Return snapped and allowed points from the whole space and near the centres, (m, d)."""
    d = len(space.axes)
    everywhere = np.zeros((0, d))
    if effort.n_candidates:
        everywhere = space.sample_unit(effort.n_candidates, rng, centres)
    if len(centres) == 0 or effort.n_local == 0:
        return everywhere
    near = np.repeat(centres, effort.n_local, axis=0)
    # from a tenth of the cube down to a thousandth, for optima of any width
    widths = 10.0 ** rng.uniform(-3.0, -1.0, size=(len(near), 1))
    moved = near + widths * rng.standard_normal(near.shape)
    # where d is large most coordinates stay: a good point has good values in most of them
    stays = rng.random(near.shape) > max(min(1.0, 5.0 / d), 0.3)
    moved = np.where(stays, near, np.clip(moved, 0.0, 1.0))
    for column, axis in enumerate(space.axes):
        if axis.levels is None:
            continue
        others = (rng.integers(axis.levels, size=len(near)) + 0.5) / axis.levels
        if axis.kind == "categorical":
            jumps = rng.random(len(near)) < 1.0 / d
            moved[:, column] = np.where(jumps, others, near[:, column])
        else:
            hops = near[:, column] + rng.integers(-1, 2, size=len(near)) / axis.levels
            moved[:, column] = np.where(widths[:, 0] < 0.01, np.clip(hops, 0.0, 1.0), moved[:, column])
    if space.feasible is not None and space.feasible.is_rare:
        moved = space.feasible.near(near, moved, widths[:, 0], rng)
    moved = space.snap(moved)
    return np.concatenate([everywhere, moved[space.allowed(moved)]])


def _spread(points: Array, scores: Array, n: int) -> NDArray[np.intp]:
    """Return rows of n starts: the best point, then good ones not near a chosen one."""
    order = np.argsort(-scores, kind="stable")[: 16 * n]
    good = points[order]
    near = 0.05 * np.sqrt(points.shape[1])
    chosen: list[int] = []
    free = np.ones(len(order), dtype=np.bool_)
    while len(chosen) < n and free.any():
        row = int(np.argmax(free))
        chosen.append(row)
        gaps = good - good[row]
        free &= np.einsum("ij,ij->i", gaps, gaps) > near**2
    rest = [row for row in range(len(order)) if row not in chosen]
    return np.asarray(order[(chosen + rest)[:n]], dtype=np.intp)


def _climb(
    criterion: Criterion, space: Space, points: Array, scores: Array, effort: Effort
) -> tuple[Array, Array]:
    """Return points no worse than the given ones, snapped and allowed, and their scores."""
    smooth = np.array([_is_smooth(axis) for axis in space.axes])
    with_gradient = isinstance(criterion, DifferentiableCriterion)
    for _ in range(effort.n_rounds):
        before = scores.copy()
        if with_gradient and smooth.any():
            points, scores = _ascend_snapped(criterion, space, points, scores, effort)
        if all(axis.levels is None for axis in space.axes):
            break  # the ascent converged, and there are no discrete neighbours to try
        points, scores = _step_to_neighbours(criterion, space, points, scores)
        if not (scores > before).any():
            break
    return points, scores


def _is_smooth(axis: Axis) -> bool:
    return axis.levels is None or (axis.kind == "ordered" and axis.levels > _MOST_DISCRETE_LEVELS)


def _ascend_snapped(
    criterion: Criterion,
    space: Space,
    points: Array,
    scores: Array,
    effort: Effort,
) -> tuple[Array, Array]:
    """Ascend in the smooth coordinates, snap, and keep the points that improved."""
    assert isinstance(criterion, DifferentiableCriterion)
    movable, allowed = steerable(space, points)
    climbed, _ = ascend(
        criterion, points, movable, allowed, effort.n_calls, effort.least_gain, effort.most_gain
    )
    climbed = space.snap(climbed)
    climbed_scores = _finite(criterion(climbed))
    better = (climbed_scores > scores) & space.allowed(climbed)
    return np.where(better[:, None], climbed, points), np.where(better, climbed_scores, scores)


def steerable(space: Space, points: Array) -> tuple[NDArray[np.bool_], Allowed]:
    """Return which coordinates of points an ascent may change, (k, d), and the steps that are allowed."""
    smooth = np.array([_is_smooth(axis) for axis in space.axes])
    movable = np.zeros(points.shape, dtype=np.bool_)
    conditional = any(
        space.dimensions[axis.name].active_when is not None or _is_fixed(space, axis) for axis in space.axes
    )
    if not conditional:
        movable[:, smooth] = True
    for column in np.flatnonzero(smooth & conditional):
        # an inactive or fixed coordinate snaps back from any value; a step of half the cube's edge
        # is more than any grid rounds away
        probe = points.copy()
        probe[:, column] = np.where(points[:, column] < 0.5, 0.95, 0.05)
        movable[:, column] = space.snap(probe)[:, column] != points[:, column]

    return movable, Allowed.of(space)


def _step_to_neighbours(
    criterion: Criterion, space: Space, points: Array, scores: Array
) -> tuple[Array, Array]:
    """Move each point to its best neighbour (one discrete coordinate changed) while one is better."""
    for _ in range(4 * len(space.axes)):
        rows, neighbours = _neighbours(space.axes, points)
        if space.rules:
            rows, neighbours = _with_exchanges(space, points, rows, neighbours)
        neighbours = space.snap(neighbours)
        keep = space.allowed(neighbours)
        rows, neighbours = rows[keep], neighbours[keep]
        if len(rows) == 0:
            break
        found = _finite(criterion(neighbours))
        moved = False
        for row in np.unique(rows):
            mine = np.flatnonzero(rows == row)
            best = mine[np.argmax(found[mine])]
            if found[best] > scores[row]:
                points, scores = points.copy(), scores.copy()
                points[row], scores[row], moved = neighbours[best], found[best], True
        if not moved:
            break
    return points, scores


def _neighbours(axes: tuple[Axis, ...], points: Array) -> tuple[NDArray[np.intp], Array]:
    """Return unsnapped points with one discrete coordinate changed, and the row each came from.

    An ordered coordinate changes by one level, a categorical one to every other level.
    """
    rows, out = [], []
    for column, axis in enumerate(axes):
        if axis.levels is None:
            continue
        at = np.minimum(np.floor(points[:, column] * axis.levels), axis.levels - 1)
        shifts = range(1, axis.levels) if axis.kind == "categorical" else (-1, 1)
        for shift in shifts:
            level = at + shift
            if axis.kind == "categorical":
                level %= axis.levels
            inside = np.flatnonzero((level >= 0) & (level < axis.levels))
            changed = points[inside].copy()
            changed[:, column] = (level[inside] + 0.5) / axis.levels
            rows.append(inside)
            out.append(changed)
    if not out:
        return np.zeros(0, dtype=np.intp), np.zeros((0, points.shape[1]))
    return np.concatenate(rows), np.concatenate(out)


def _with_exchanges(
    space: Space, points: Array, rows: NDArray[np.intp], neighbours: Array
) -> tuple[NDArray[np.intp], Array]:
    """Return neighbours with those in which one discrete coordinate goes a level up and another one down.

    Where a sum of levels is bounded, the best point often leaves no level to add.
    """
    assert space.feasible is not None
    columns = np.flatnonzero(
        (space.feasible.linear.faces[0] != 0.0).any(axis=0)
        & np.array([axis.levels is not None for axis in space.axes])
    )
    steps = np.array([0.0 if axis.levels is None else 1.0 / axis.levels for axis in space.axes])
    more_rows, more = [rows], [neighbours]
    for row, point in enumerate(points):
        up = columns[point[columns] + steps[columns] < 1.0]
        down = columns[point[columns] - steps[columns] > 0.0]
        pairs = np.array([(i, j) for i in up for j in down if i != j], dtype=np.intp).reshape(-1, 2)
        if len(pairs) > _MOST_EXCHANGES:
            pairs = pairs[np.linspace(0, len(pairs) - 1, _MOST_EXCHANGES).astype(np.intp)]
        moved = np.repeat(point[None], len(pairs), axis=0)
        moved[np.arange(len(pairs)), pairs[:, 0]] += steps[pairs[:, 0]]
        moved[np.arange(len(pairs)), pairs[:, 1]] -= steps[pairs[:, 1]]
        more_rows.append(np.full(len(pairs), row, dtype=np.intp))
        more.append(moved)
    return np.concatenate(more_rows), np.concatenate(more)
