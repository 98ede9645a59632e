"""Projected BFGS ascent from many starts at once inside the unit cube.

One call of the criterion evaluates all starts: with a Gaussian process a call costs about the same
for ten points as for one, so a joint ascent is several times faster than one L-BFGS run after another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Batched, DifferentiableCriterion
from smbo.space import Space
from smbo.training_data import Array

# Armijo's condition with the usual share of the slope, and the most cuts of a step in a line search.
_SUFFICIENT = 1e-4
_N_CUTS, _CUT = 6, 0.25
_SHARES = (_CUT ** np.arange(_N_CUTS))[:, None]  # of a step, by the number of its cuts
# Length of a first step, for which no curvature is known, as a share of the cube's edge.
_FIRST_STEP = 0.1
# A point this near to the face of a linear constraint lies on it.
_ON_FACE = 1e-9
# Projections of a step that leads out, onto one face after another.
_N_PROJECTIONS = 8
# Times that more coordinates are held at their bounds while a step is turned along a face.
_N_HOLDS = 4
# A slope along faces that is smaller than this share of the whole slope leads nowhere.
_FLAT = 1e-6


@dataclass(frozen=True, eq=False)
class Allowed:
    """Where an ascent may go.

    Attributes:
        test: returns which of some points (m, d) are allowed, (m,); None where all are.
        normals, bounds: of linear constraints, normals @ point <= bounds; an ascent slides along them,
            (m, d) and (m,).
    """

    test: Callable[[Array], NDArray[np.bool_]] | None
    normals: Array
    bounds: Array

    @classmethod
    def of(cls, space: Space) -> Allowed:
        """Return where the known constraints of a space hold."""
        if space.feasible is None:
            return cls(None, np.zeros((0, len(space.axes))), np.zeros(0))
        normals, bounds = space.feasible.linear.faces
        if space.feasible.is_polytope:
            within = bounds + _ON_FACE
            return cls(lambda trial: np.asarray((trial @ normals.T <= within).all(axis=1)), normals, bounds)
        return cls(lambda trial: space.allowed(space.snap(trial)), normals, bounds)

    def moved_inside(self, points: Array, movable: NDArray[np.bool_]) -> Array:
        """Return points (m, d) moved to the linear constraints that they violate, within the unit cube.

        By projections in turn, which may end a little outside: then the test refuses the step.
        """
        for _ in range(_N_PROJECTIONS):
            beyond = points @ self.normals.T - self.bounds
            if beyond.max() <= 0.0:
                break
            worst = beyond.argmax(axis=1)
            rows = np.flatnonzero(beyond[np.arange(len(points)), worst] > 0.0)
            face, at = self.normals[worst[rows]], points[rows]
            # a coordinate on its bound that would leave the cube is no help
            face = face * (movable[rows] & ~((at <= 0.0) & (face > 0.0)) & ~((at >= 1.0) & (face < 0.0)))
            sizes = np.maximum(np.einsum("ij,ij->i", face, face), 1e-300)
            away = beyond[rows, worst[rows]] / sizes
            points[rows] = np.clip(at - away[:, None] * face, 0.0, 1.0)
        return points

    def stretched(self, low: Array, size: Array) -> Allowed:
        """Return the same of points in units of a box: low + points · size."""
        if self.test is None:
            return self
        test = self.test
        return Allowed(
            lambda trial: test(low + trial * size), self.normals * size, self.bounds - self.normals @ low
        )


def ascend(
    criterion: DifferentiableCriterion,
    starts: Array,
    movable: NDArray[np.bool_],
    allowed: Allowed,
    n_calls: int,
    least_gain: float = 1e-6,
    most_gain: float = np.inf,
) -> tuple[Array, Array]:
    """Return points no worse than the starts, and the criterion there (k,).

    Projected BFGS on all rows in step: each call of the criterion tries a point for every row,
    a new step or a cut one.  Each row has its own inverse Hessian.  Rows with low scores stop
    early, so that the last calls go to the few that may still be the highest.

    Args:
        criterion: of all starts, or (stacked) one for each start: then no row stops early.
        starts: unit points that are allowed, (k, d).
        movable: coordinates that may change, (k, d).
        allowed: where steps may go.
        n_calls: most calls of the criterion, besides the first.
        least_gain: a row ends where a step gains a smaller share of its score.
        most_gain: a row is given up where its score and so many times the gain that its quadratic model
            expects of a step (half of the slope along it) are below the best score; infinite for none.
    """
    stacked = criterion if isinstance(criterion, Batched) else None
    points, (scores, slopes) = starts.copy(), criterion.with_gradient(starts)
    scores = np.array(scores)
    rows = np.flatnonzero(np.isfinite(scores))  # that still climb; all arrays below are of these rows
    climb = _Climb.begin(points[rows], scores[rows], slopes[rows], movable[rows])
    best, n_thirds = climb.scores.max(initial=-np.inf), 0
    for call in range(n_calls):
        if stacked is None and 3 * call // n_calls > n_thirds:
            n_thirds += 1
            points[rows], scores[rows] = climb.points, climb.scores
            rows, climb = _kept(_best_half(rows, scores, n_thirds), rows, climb)
        # a coordinate on a bound with its slope pointing out is held there for this step
        at, up = climb.points, climb.slopes
        held = climb.unmovable | np.where(up < 0.0, at <= 0.0, at >= 1.0)
        free = np.where(held, 0.0, up)
        largest = _largest(free)
        climbs = largest > 1e-8
        if not _all(climbs):
            points[rows], scores[rows] = climb.points, climb.scores
            (rows, climb), free, held = _kept(climbs, rows, climb), free[climbs], held[climbs]
            largest = largest[climbs]
        if len(rows) == 0:
            break
        steps = _steps(climb.inverse, free, held, climb.fresh, largest)
        if most_gain < np.inf:
            hopeful = climb.fresh | (0.5 * most_gain * np.vecdot(steps, free) >= best - climb.scores)
            if not _all(hopeful):
                points[rows], scores[rows] = climb.points, climb.scores
                (rows, climb), free, held = _kept(hopeful, rows, climb), free[hopeful], held[hopeful]
                steps = steps[hopeful]
                if len(rows) == 0:
                    break
        before = climb.points
        if len(allowed.bounds):
            _slide(steps, free, before, held, climb.inverse, climb.fresh, allowed)
        if np.count_nonzero(climb.cuts):
            steps *= _SHARES[climb.cuts]
        trial = before + steps
        np.maximum(trial, 0.0, out=trial)
        np.minimum(trial, 1.0, out=trial)
        if len(allowed.bounds):
            trial = allowed.moved_inside(trial, ~climb.unmovable)
        asked = criterion if stacked is None else stacked.of_rows(rows)
        trial_scores, trial_slopes = asked.with_gradient(trial)
        moves = trial - before
        # a NaN compares false and so counts as no gain
        enough = _SUFFICIENT * np.maximum(np.vecdot(moves, free), 0.0)
        good = trial_scores > climb.scores + enough
        if allowed.test is not None:
            good &= allowed.test(trial)
        going = climb.advance(good, trial, trial_scores, trial_slopes, moves, least_gain)
        best = max(best, climb.scores.max())
        if not _all(going):
            points[rows], scores[rows] = climb.points, climb.scores
            rows, climb = _kept(going, rows, climb)
    points[rows], scores[rows] = climb.points, climb.scores
    return points, scores


def _all(holds: NDArray[np.bool_]) -> bool:
    # of few entries, several times as fast as the method ``all``, as ``reduce`` is beside ``max``
    return np.count_nonzero(holds) == len(holds)


def _largest(rows: Array) -> Array:
    """Return the largest size in each row of (k, d), (k,)."""
    return np.asarray(np.maximum.reduce(np.abs(rows), axis=1))


@dataclass(eq=False)
class _Climb:
    """The state of an ascent from several rows, one entry for each; changed in place.

    Attributes:
        points, scores, slopes: where each row is, (k, d), (k,), (k, d).
        unmovable: coordinates that may not change, (k, d).
        inverse: inverse Hessians of minus the criterion, (k, d, d).
        fresh: rows whose inverse Hessian has no curvature yet, (k,).
        cuts: of the step, since the last one that gained, (k,).
    """

    points: Array
    scores: Array
    slopes: Array
    unmovable: NDArray[np.bool_]
    inverse: Array
    fresh: NDArray[np.bool_]
    cuts: NDArray[np.intp]

    @classmethod
    def begin(cls, points: Array, scores: Array, slopes: Array, movable: NDArray[np.bool_]) -> _Climb:
        """Return the state before the first step."""
        k, d = points.shape
        inverse = np.zeros((k, d, d)) + np.eye(d)
        return cls(points, scores, slopes, ~movable, inverse, np.ones(k, np.bool_), np.zeros(k, np.intp))

    def of(self, rows: NDArray[np.bool_]) -> _Climb:
        """Return the state of some rows."""
        return _Climb(
            self.points[rows],
            self.scores[rows],
            self.slopes[rows],
            self.unmovable[rows],
            self.inverse[rows],
            self.fresh[rows],
            self.cuts[rows],
        )

    def advance(
        self,
        good: NDArray[np.bool_],
        trial: Array,
        scores: Array,
        slopes: Array,
        moves: Array,
        least_gain: float,
    ) -> NDArray[np.bool_]:
        """Move the rows whose trial point is good, cut the steps of others; return which rows go on."""
        gains = scores - self.scores
        going: NDArray[np.bool_]
        if _all(good):
            _update(self.inverse, self.fresh, good, moves, self.slopes - slopes)
            self.points, self.scores, self.slopes, self.cuts = trial, scores, slopes, np.zeros_like(self.cuts)
            going = good
        else:
            # a row without an acceptable step tries once more along its gradient, then stops
            cuts = np.where(good, 0, self.cuts + 1)
            stuck = cuts == _N_CUTS
            going = ~(stuck & self.fresh)
            self.inverse[stuck], self.fresh[stuck] = np.eye(trial.shape[1]), True
            self.cuts = np.where(stuck, 0, cuts)
            if np.count_nonzero(good):
                _update(self.inverse, self.fresh, good, moves, self.slopes - slopes)
                self.points = np.where(good[:, None], trial, self.points)
                self.scores = np.where(good, scores, self.scores)
                self.slopes = np.where(good[:, None], slopes, self.slopes)
        # a move or a gain too small for any evaluation to show
        tiny = (_largest(moves) < 1e-7) | (gains < least_gain * np.abs(self.scores))
        return going & ~(good & tiny)


def _kept(kept: NDArray[np.bool_], rows: NDArray[np.intp], climb: _Climb) -> tuple[NDArray[np.intp], _Climb]:
    return (rows, climb) if _all(kept) else (rows[kept], climb.of(kept))


def _slide(
    steps: Array,
    slopes: Array,
    at: Array,
    held: NDArray[np.bool_],
    inverse: Array,
    fresh: NDArray[np.bool_],
    allowed: Allowed,
) -> None:
    """Turn, in place, steps from points that lead through faces along them.

    The slope is projected to the directions in which no face that the point lies on is crossed: the
    nearest point of a cone, by non-negative least squares.
    """
    normals = allowed.normals
    slack = allowed.bounds - at @ normals.T
    lies_on = slack < _ON_FACE
    if not lies_on.any():
        _end_at_faces(steps, slack, normals)
        return
    through = (lies_on & (steps @ normals.T > 0.0)).any(axis=1)
    alone = np.flatnonzero(through & (lies_on.sum(axis=1) == 1))
    if len(alone):
        face = normals[lies_on[alone].argmax(axis=1)]
        steps[alone], slopes[alone] = _along_one(
            at[alone], slopes[alone], face * ~held[alone], inverse[alone], fresh[alone]
        )
    for row in np.flatnonzero(through & (lies_on.sum(axis=1) > 1)):
        walls = normals[lies_on[row]] * ~held[row]
        metric = None if fresh[row] else inverse[row]
        steps[row], slopes[row] = _along_several(at[row], slopes[row], walls, metric)
    _end_at_faces(steps, slack, normals)


def _end_at_faces(steps: Array, slack: Array, normals: Array) -> None:
    """End, in place, steps at the next face where there are several, to be turned there.

    Beyond one face a step is projected back to it; to several at once that takes many projections.
    """
    if len(normals) > 1:
        speed = steps @ normals.T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(speed > 1e-11, np.maximum(slack, 0.0) / speed, np.inf).min(axis=1)
        steps *= np.minimum(1.0, reach)[:, None]


def _along_one(
    at: Array, slopes: Array, face: Array, inverse: Array, fresh: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Return steps and slopes along one face for each row, (k, d) each; zero where none leads up.

    Args:
        face: its normal, zero in coordinates that are held, (k, d).
    """
    free = (face != 0.0) | (slopes != 0.0)
    along = slopes
    for _ in range(_N_HOLDS):
        normal = face * free
        size = np.maximum(np.einsum("ij,ij->i", normal, normal), 1e-300)
        along = (slopes - (np.einsum("ij,ij->i", slopes, normal) / size)[:, None] * normal) * free
        out = free & (((at <= 0.0) & (along < 0.0)) | ((at >= 1.0) & (along > 0.0)))
        if not out.any():
            break
        free = free & ~out
    along = np.where(out, 0.0, along)
    # the step of Newton's method for an equation, in the metric of the inverse Hessian
    across = np.einsum("kij,kj->ki", inverse, normal) * free
    step = np.einsum("kij,kj->ki", inverse, along) * free
    size = np.maximum(np.einsum("ij,ij->i", across, normal), 1e-300)
    step -= (np.einsum("ij,ij->i", step, normal) / size)[:, None] * across
    largest = np.abs(along).max(axis=1)
    out = ((at <= 0.0) & (step < 0.0)) | ((at >= 1.0) & (step > 0.0))
    plain = fresh | out.any(axis=1) | (np.einsum("ij,ij->i", step, along) <= 0.0)
    step = np.where(plain[:, None], along * (_FIRST_STEP / np.maximum(largest, 1e-300))[:, None], step)
    step *= np.minimum(1.0, 0.5 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
    at_top = largest <= _FLAT * np.abs(slopes).max(axis=1)
    return np.where(at_top[:, None], 0.0, step), along


def _along_several(at: Array, slope: Array, walls: Array, inverse: Array | None) -> tuple[Array, Array]:
    """Return a step and slope of one row, (d,) each, along the faces that it lies on.

    Args:
        walls: normals of the faces, (m, d).
        inverse: inverse Hessian, None where nothing is known of it yet.
    """
    from scipy.optimize import nnls

    bounds = np.concatenate([np.eye(len(at))[at >= 1.0], -np.eye(len(at))[at <= 0.0]])
    walls = np.concatenate([walls[(walls != 0.0).any(axis=1)], bounds])
    force, _ = nnls(walls.T, slope)
    along = slope - walls.T @ force
    largest = np.abs(along).max()
    if largest <= _FLAT * np.abs(slope).max():
        return np.zeros_like(slope), along  # the highest point of these faces
    if inverse is not None:
        across = inverse @ walls[force > 0.0].T
        free = inverse @ along
        step = free - across @ np.linalg.lstsq(walls[force > 0.0] @ across, walls[force > 0.0] @ free)[0]
        if step @ along > 0.0 and (walls @ step <= 1e-12).all():
            return step * min(1.0, 0.5 / np.abs(step).max()), along
    return along * (_FIRST_STEP / largest), along


def _best_half(rows: NDArray[np.intp], scores: Array, n_thirds: int) -> NDArray[np.bool_]:
    """Return which rows are of the best half of all after a third of the calls, a quarter after two."""
    n_kept = max(len(scores) >> n_thirds, 1)
    kept = np.zeros(len(scores), dtype=np.bool_)
    kept[np.argsort(-scores, kind="stable")[:n_kept]] = True
    return kept[rows]


def _steps(
    inverse: Array, slopes: Array, held: NDArray[np.bool_], fresh: NDArray[np.bool_], largest: Array
) -> Array:
    """Return an ascent step of each row, zero in held coordinates, (k, d).

    Args:
        largest: size of the steepest slope of each row, above 0, (k,).
    """
    steps = np.where(held, 0.0, (inverse @ slopes[:, :, None])[:, :, 0])
    plain = fresh | (np.vecdot(steps, slopes) <= 0.0)
    if np.count_nonzero(plain):
        steps = np.where(plain[:, None], slopes * (_FIRST_STEP / largest)[:, None], steps)
    # no step exceeds half the cube's edge: the gradient is local
    sizes = _largest(steps)
    if sizes.max(initial=0.0) <= 0.5:
        return steps
    return np.asarray(steps * np.minimum(1.0, 0.5 / np.maximum(sizes, 1e-300))[:, None])


def _update(
    inverse: Array, fresh: NDArray[np.bool_], good: NDArray[np.bool_], moves: Array, falls: Array
) -> None:
    """Apply the BFGS update to good rows of the inverse Hessians of minus the criterion, in place."""
    curvature, sizes = np.vecdot(moves, falls), np.vecdot(falls, falls)
    # only with positive curvature along the move does the inverse Hessian stay positive definite
    good = good & (curvature > 1e-10 * np.sqrt(sizes * np.vecdot(moves, moves)))
    if not _all(good):
        rows = np.flatnonzero(good)
        if len(rows):
            inverse[rows], fresh[rows] = _updated(
                inverse[rows], fresh[rows], moves[rows], falls[rows], curvature[rows], sizes[rows]
            )
        return
    inverse[:], fresh[:] = _updated(inverse, fresh, moves, falls, curvature, sizes)


def _updated(
    inverse: Array, fresh: NDArray[np.bool_], moves: Array, falls: Array, curvature: Array, sizes: Array
) -> tuple[Array, bool]:
    """Return inverse Hessians after the BFGS update, and that none of them is fresh."""
    if np.count_nonzero(fresh):
        inverse = inverse * np.where(fresh, curvature / sizes, 1.0)[:, None, None]
    h_falls = (inverse @ falls[:, :, None])[:, :, 0]
    weight = (1.0 + np.vecdot(falls, h_falls) / curvature) / curvature
    across = 0.5 * weight[:, None] * moves - h_falls / curvature[:, None]
    outer = moves[:, :, None] * across[:, None, :]
    return inverse + (outer + outer.transpose(0, 2, 1)), False
