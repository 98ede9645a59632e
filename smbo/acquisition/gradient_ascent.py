"""Projected BFGS ascent from many starts at once inside the unit cube.

One call of the criterion evaluates all starts: with a Gaussian process a call costs about the same
for ten points as for one, so a joint ascent is several times faster than one L-BFGS run after another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Batched, DifferentiableCriterion
from smbo.training_data import Array

# Armijo's condition with the usual share of the slope, and the most cuts of a step in a line search.
_SUFFICIENT = 1e-4
_N_CUTS, _CUT = 6, 0.25
# Length of a first step, for which no curvature is known, as a share of the cube's edge.
_FIRST_STEP = 0.1
# An ascent ends where a step gains a smaller share of the score: no evaluation could show the difference.
_LEAST_GAIN = 1e-6


def ascend(
    criterion: DifferentiableCriterion,
    starts: Array,
    movable: NDArray[np.bool_],
    allowed: Callable[[Array], NDArray[np.bool_]],
    n_calls: int,
) -> tuple[Array, Array]:
    """Return points no worse than the starts, and the criterion there (k,).

    Projected BFGS on all rows in step: each call of the criterion tries a point for every row,
    a new step or a cut one.  Each row has its own inverse Hessian.  Rows with low scores stop
    early, so that the last calls go to the few that may still be the highest.

    Args:
        criterion: of all starts, or (stacked) one for each start: then no row stops early.
        starts: unit points that are allowed, (k, d).
        movable: coordinates that may change, (k, d).
        allowed: returns which of some points (m, d) are allowed, (m,).
        n_calls: most calls of the criterion, besides the first.
    """
    k, d = starts.shape
    is_stacked = isinstance(criterion, Batched)
    asked = criterion.of_rows if isinstance(criterion, Batched) else lambda _rows: criterion
    points = starts.copy()
    scores, slopes = criterion.with_gradient(points)
    inverse = np.tile(np.eye(d), (k, 1, 1))
    fresh = np.ones(k, dtype=np.bool_)  # rows whose inverse Hessian has no curvature yet
    going = np.isfinite(scores)
    steps, free_slopes, cuts = np.zeros((k, d)), np.zeros((k, d)), np.zeros(k, dtype=np.intp)
    turns = np.flatnonzero(going)  # rows that need a new step

    for call in range(n_calls):
        if not is_stacked:
            _leave_behind(going, scores, 3 * call // n_calls)
        if len(turns):
            # a coordinate on a bound with its slope pointing out is held there for this step
            at, up = points[turns], slopes[turns]
            held = ~movable[turns] | ((at <= 0.0) & (up < 0.0)) | ((at >= 1.0) & (up > 0.0))
            free = np.where(held, 0.0, up)
            climbs = np.abs(free).max(axis=1) > 1e-8
            going[turns[~climbs]] = False
            turns, free, held = turns[climbs], free[climbs], held[climbs]
            steps[turns] = _steps(inverse[turns], free, held, fresh[turns])
            free_slopes[turns], cuts[turns] = free, 0
        rows = np.flatnonzero(going)
        if len(rows) == 0:
            break
        before = points[rows]
        trial = np.clip(before + (_CUT ** cuts[rows])[:, None] * steps[rows], 0.0, 1.0)
        trial_scores, trial_slopes = asked(rows).with_gradient(trial)
        moves = trial - before
        expected = np.einsum("ki,ki->k", moves, free_slopes[rows])
        # a NaN compares false and so counts as no gain
        good = trial_scores > scores[rows] + _SUFFICIENT * np.maximum(expected, 0.0)
        good &= allowed(trial)
        gained, failed = rows[good], rows[~good]
        cuts[failed] += 1
        # a row without an acceptable step tries once more along its gradient, then stops
        stuck = failed[cuts[failed] == _N_CUTS]
        going[stuck[fresh[stuck]]] = False
        inverse[stuck], fresh[stuck] = np.eye(d), True

        moves, gains = moves[good], trial_scores[good] - scores[gained]
        _update(inverse, fresh, gained, moves, slopes[gained] - trial_slopes[good])
        points[gained], scores[gained], slopes[gained] = trial[good], trial_scores[good], trial_slopes[good]
        # a move or a gain too small for any evaluation to show
        tiny = (np.abs(moves).max(axis=1) < 1e-7) | (gains < _LEAST_GAIN * np.abs(scores[gained]))
        going[gained[tiny]] = False
        turns = np.concatenate([gained[~tiny], stuck[going[stuck]]])
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
    # no step exceeds half the cube's edge: the gradient is local
    longest = np.abs(steps).max(axis=1)
    return np.asarray(steps * np.minimum(1.0, 0.5 / np.maximum(longest, 1e-300))[:, None])


def _update(
    inverse: Array, fresh: NDArray[np.bool_], rows: NDArray[np.intp], moves: Array, falls: Array
) -> None:
    """Apply the BFGS update to rows of the inverse Hessians of minus the criterion, in place."""
    curvature = np.einsum("ki,ki->k", moves, falls)
    sizes = np.einsum("ki,ki->k", falls, falls)
    # only with positive curvature along the move does the inverse Hessian stay positive definite
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
