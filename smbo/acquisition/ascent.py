"""Gradient ascent of many starts at once inside the unit cube.

One call of the criterion serves all starts: with a Gaussian process a call costs about the same
for ten points as for one, so this is several times faster than one L-BFGS run after another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import DifferentiableCriterion
from smbo.evidence import Array

# Armijo's condition with the usual slope share, and the most a step may be cut within one search.
_SUFFICIENT = 1e-4
_N_CUTS = 6
# A first step has no curvature to go by: this much of the cube's edge.
_FIRST_STEP = 0.1
# A step that gains a smaller share of the score than this was the last: no evaluation can tell.
_LEAST_GAIN = 1e-6


def ascend(
    criterion: DifferentiableCriterion,
    starts: Array,
    movable: NDArray[np.bool_],
    allowed: Callable[[Array], NDArray[np.bool_]],
    n_iterations: int,
) -> tuple[Array, Array]:
    """Return points (k, d) no worse than the starts, and the criterion there (k,).

    Projected BFGS on all rows together, each with its own inverse Hessian; those that fall behind
    are left where they are, so that the last iterations go to the few that may still win.

    Args:
        starts: unit points that are allowed, (k, d).
        movable: coordinates that may change, (k, d).
        allowed: says which of some points (m, d) may be stepped on.
        n_iterations: at most so many steps.
    """
    k, d = starts.shape
    points = starts.copy()
    scores, slopes = criterion.with_gradient(points)
    inverse = np.tile(np.eye(d), (k, 1, 1))
    fresh = np.ones(k, dtype=np.bool_)  # rows whose inverse Hessian knows no curvature yet
    going = np.isfinite(scores)

    for iteration in range(n_iterations):
        _leave_behind(going, scores, 3 * iteration // n_iterations)
        # a coordinate on a bound with its slope pointing out is held there for this step
        held = ~movable | ((points <= 0.0) & (slopes < 0.0)) | ((points >= 1.0) & (slopes > 0.0))
        free_slopes = np.where(held, 0.0, slopes)
        going &= np.abs(free_slopes).max(axis=1) > 1e-8
        rows = np.flatnonzero(going)
        if len(rows) == 0:
            break
        steps = _steps(inverse[rows], free_slopes[rows], held[rows], fresh[rows])
        before, before_slopes, before_scores = points[rows].copy(), slopes[rows].copy(), scores[rows].copy()
        moved = _line_search(criterion, points, scores, slopes, rows, steps, free_slopes[rows], allowed)
        # a row that cannot move tries once more along its bare slope, then it is done
        stuck = rows[~moved]
        going[stuck[fresh[stuck]]] = False
        inverse[stuck], fresh[stuck] = np.eye(d), True

        gained = rows[moved]
        _update(inverse, fresh, gained, points[gained] - before[moved], before_slopes[moved] - slopes[gained])
        # movement below what matters to any evaluation
        tiny = np.abs(points[gained] - before[moved]).max(axis=1) < 1e-7
        tiny |= scores[gained] - before_scores[moved] < _LEAST_GAIN * np.abs(scores[gained])
        going[gained[tiny]] = False
    return points, scores


def _leave_behind(going: NDArray[np.bool_], scores: Array, n_thirds: int) -> None:
    """Stop, in place, all but the best half of the rows after a third, all but a quarter after two."""
    if n_thirds == 0:
        return
    kept = max(len(scores) >> n_thirds, 1)
    going[np.argsort(-scores, kind="stable")[kept:]] = False


def _steps(inverse: Array, slopes: Array, held: NDArray[np.bool_], fresh: NDArray[np.bool_]) -> Array:
    """Return an ascent step of each row, zero in held coordinates, (k, d)."""
    steps = np.einsum("kij,kj->ki", inverse, slopes)
    steps[held] = 0.0
    uphill = np.einsum("ki,ki->k", steps, slopes) > 0.0
    plain = fresh | ~uphill
    largest = np.abs(slopes).max(axis=1)
    steps[plain] = slopes[plain] * (_FIRST_STEP / largest[plain])[:, None]
    # no step leaves the region that its slope knows anything about
    longest = np.abs(steps).max(axis=1)
    return np.asarray(steps * np.minimum(1.0, 0.5 / np.maximum(longest, 1e-300))[:, None])


def _line_search(
    criterion: DifferentiableCriterion,
    points: Array,
    scores: Array,
    slopes: Array,
    rows: NDArray[np.intp],
    steps: Array,
    free_slopes: Array,
    allowed: Callable[[Array], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Move rows of points, scores and slopes in place; return which of ``rows`` moved."""
    moved = np.zeros(len(rows), dtype=np.bool_)
    lengths = np.ones(len(rows))
    for _ in range(_N_CUTS):
        todo = np.flatnonzero(~moved)
        if len(todo) == 0:
            break
        trial = np.clip(points[rows[todo]] + lengths[todo, None] * steps[todo], 0.0, 1.0)
        trial_scores, trial_slopes = criterion.with_gradient(trial)
        expected = np.einsum("ki,ki->k", trial - points[rows[todo]], free_slopes[todo])
        # a NaN compares false and so counts as no gain
        good = (trial_scores > scores[rows[todo]] + _SUFFICIENT * np.maximum(expected, 0.0)) & allowed(trial)
        taken = todo[good]
        points[rows[taken]], scores[rows[taken]] = trial[good], trial_scores[good]
        slopes[rows[taken]] = trial_slopes[good]
        moved[taken] = True
        lengths[todo[~good]] *= 0.25
    return moved


def _update(
    inverse: Array, fresh: NDArray[np.bool_], rows: NDArray[np.intp], moves: Array, falls: Array
) -> None:
    """Apply the BFGS update to rows of the inverse Hessians of minus the criterion, in place."""
    curvature = np.einsum("ki,ki->k", moves, falls)
    sizes = np.einsum("ki,ki->k", falls, falls)
    # convex along the move, or the update would turn an ascent direction downhill
    good = curvature > 1e-10 * np.sqrt(sizes * np.einsum("ki,ki->k", moves, moves))
    good &= curvature > 0.0
    rows, moves, falls = rows[good], moves[good], falls[good]
    if len(rows) == 0:
        return
    curvature, sizes = curvature[good], sizes[good]
    started = fresh[rows]
    inverse[rows[started]] *= (curvature / sizes)[started][:, None, None]
    fresh[rows] = False

    h = inverse[rows]
    h_falls = np.einsum("kij,kj->ki", h, falls)
    weight = (1.0 + np.einsum("ki,ki->k", falls, h_falls) / curvature) / curvature
    crossed = moves[:, :, None] * h_falls[:, None, :]
    inverse[rows] = (
        h
        + weight[:, None, None] * moves[:, :, None] * moves[:, None, :]
        - (crossed + crossed.transpose(0, 2, 1)) / curvature[:, None, None]
    )
