"""Maximize a criterion over the snapped and allowed points of a mixed space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Criterion, DifferentiableCriterion
from smbo.acquisition.gradient_ascent import ascend
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
    """

    n_candidates: int = 512
    n_local: int = 24
    n_starts: int = 8
    n_calls: int = 30
    n_rounds: int = 2

    @classmethod
    def affordable(cls, n: int) -> Effort:
        """Return the effort for n observed values, where a candidate costs n² operations."""
        if n <= 200:
            return cls()
        return cls(n_candidates=256, n_local=16) if n <= 1000 else cls(128, 8, 4, 20)


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

    points = _candidates(space, rng, start_points, effort)
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
    climbed, _ = ascend(criterion, points, *_steerable(space, points), n_calls)
    return np.asarray(space.snap(climbed))


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


def _candidates(space: Space, rng: np.random.Generator, centres: Array, effort: Effort) -> Array:
    """Return snapped and allowed points from the whole space and near the centres, (m, d)."""
    d = len(space.axes)
    everywhere = space.sample_unit(effort.n_candidates, rng) if effort.n_candidates else np.zeros((0, d))
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
            points, scores = _ascend_snapped(criterion, space, points, scores, effort.n_calls)
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
    n_calls: int,
) -> tuple[Array, Array]:
    """Ascend in the smooth coordinates, snap, and keep the points that improved."""
    assert isinstance(criterion, DifferentiableCriterion)
    climbed, _ = ascend(criterion, points, *_steerable(space, points), n_calls)
    climbed = space.snap(climbed)
    climbed_scores = _finite(criterion(climbed))
    better = (climbed_scores > scores) & space.allowed(climbed)
    return np.where(better[:, None], climbed, points), np.where(better, climbed_scores, scores)


def _steerable(space: Space, points: Array) -> tuple[NDArray[np.bool_], Callable[[Array], NDArray[np.bool_]]]:
    """Return which coordinates of points an ascent may change, (k, d), and the test of allowed steps."""
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

    def allowed(trial: Array) -> NDArray[np.bool_]:
        if not space.constraints:
            return np.ones(len(trial), dtype=np.bool_)
        return space.allowed(space.snap(trial))

    return movable, allowed


def _step_to_neighbours(
    criterion: Criterion, space: Space, points: Array, scores: Array
) -> tuple[Array, Array]:
    """Move each point to its best neighbour (one discrete coordinate changed) while one is better."""
    for _ in range(4 * len(space.axes)):
        rows, neighbours = _neighbours(space.axes, points)
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
