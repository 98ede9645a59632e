"""Points of a polytope: extreme points by linear programs, uniform ones by hit-and-run.

Source: Smith (1984), "Efficient Monte Carlo procedures for generating points uniformly distributed over
    bounded regions"; for the shrinking of a chord where an exact test is beside the polytope, Neal (2003),
    "Slice sampling", fig. 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smbo.training_data import Array

Mask = NDArray[np.bool_]

# Nodes of a mixed-integer program after which it counts as undecided; constraints of a search space take few.
_MOST_NODES = 5_000
# Extreme points are looked for along each axis up to so many axes, along random directions of so many beyond.
_MOST_AXES = 32
# Share of steps along a single axis, which reach corners and levels; the others follow the covariance.
_AXIS_SHARE = 0.3
# Cuts of a chord after which a point stays where it is.
_N_CUTS = 24
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Polytope:
    """The points u with ``normals @ u <= bounds`` and ``low <= u <= high``.

    Attributes:
        normals: (m, d).
        bounds: (m,).
        low, high: (d,).
        levels: of columns whose positions are the middles of levels, (d,); 0 for continuous ones.
        half: half of the widest cell that is rounded to one position, (d,); 0 where nothing is rounded.
    """

    normals: Array
    bounds: Array
    low: Array
    high: Array
    levels: NDArray[np.int64]
    half: Array

    @property
    def free(self) -> Mask:
        """Columns that are not fixed, (d,)."""
        return np.asarray(self.high > self.low)

    def rows(self, kept: Sequence[int] | Mask | NDArray[np.intp]) -> Polytope:
        """Return the polytope with some of its inequalities."""
        return replace(self, normals=self.normals[kept], bounds=self.bounds[kept])

    def widened(self) -> Polytope:
        """Return the polytope that contains the whole cells of its levels."""
        return replace(self, bounds=self.bounds + np.abs(self.normals) @ (self.half * self.free))

    def contains_rounded(self, points: Array) -> Mask:
        """Return which points (n, d) lie in the polytope once they are rounded to their levels, (n,)."""
        columns = np.flatnonzero((self.levels > 0) & self.free)
        count = self.levels[columns]
        points = points.copy()
        points[:, columns] = (np.minimum(np.floor(points[:, columns] * count), count - 1) + 0.5) / count
        return np.asarray((points @ self.normals.T <= self.bounds + 1e-9).all(axis=1))

    def chord(self, points: Array, directions: Array) -> tuple[Array, Array]:
        """Return how far each point can go back and forth along a direction: (n,) <= 0 and (n,) >= 0.

        Args:
            points: in the polytope up to rounding, (n, d).
            directions: zero in fixed columns, (n, d).
        """
        safe = np.where(directions == 0.0, _TINY, directions)
        with np.errstate(over="ignore"):
            to_low, to_high = (self.low - points) / safe, (self.high - points) / safe
        forth = np.where(directions == 0.0, np.inf, np.maximum(to_low, to_high)).min(axis=1)
        back = np.where(directions == 0.0, -np.inf, np.minimum(to_low, to_high)).max(axis=1)
        if len(self.bounds):
            speed = directions @ self.normals.T
            slack = np.maximum(self.bounds - points @ self.normals.T, 0.0)
            speed = np.where(np.abs(speed) < 1e-14, _TINY, speed)
            with np.errstate(over="ignore"):
                reach = slack / speed
            forth = np.minimum(forth, np.where(speed > _TINY, reach, np.inf).min(axis=1))
            back = np.maximum(back, np.where(speed < 0.0, reach, -np.inf).max(axis=1))
        none = ~(np.isfinite(forth) & np.isfinite(back))  # a direction of zeros
        return np.where(none, 0.0, np.minimum(back, 0.0)), np.where(none, 0.0, np.maximum(forth, 0.0))


def optimum(polytope: Polytope, costs: Array) -> tuple[Array | None, bool]:
    """Return a point of the polytope with the lowest costs, on its levels, and whether that was decided.

    (None, True) says that the polytope is empty, (None, False) that the program was given up.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # takes as long to import as numpy

    on_levels = (polytope.levels > 0) & polytope.free
    count = np.where(on_levels, np.maximum(polytope.levels, 1), 1)
    shift = np.where(on_levels, 0.5 / count, 0.0)
    result = milp(
        costs / count,
        integrality=on_levels.astype(int),
        bounds=Bounds(
            np.where(on_levels, 0.0, polytope.low), np.where(on_levels, count - 1.0, polytope.high)
        ),
        constraints=LinearConstraint(
            polytope.normals / count, -np.inf, polytope.bounds - polytope.normals @ shift
        )
        if len(polytope.bounds)
        else (),
        options={"node_limit": _MOST_NODES},
    )
    if result.x is not None:
        rounded = np.where(on_levels, np.rint(result.x), result.x)
        return np.clip(rounded / count + shift, polytope.low, polytope.high), True
    return None, result.status == 2


def centre(polytope: Polytope) -> tuple[Array | None, float]:
    """Return the middle of the largest ball of free continuous columns in the polytope, and its radius.

    (None, 0) where the polytope is empty or the program was given up.
    """
    ball = polytope.free & (polytope.levels == 0)
    d = len(polytope.low)
    reach = np.where(ball, 1.0, 0.0)
    faces = np.concatenate([np.eye(d)[ball], -np.eye(d)[ball]])
    lifted = Polytope(
        np.vstack(
            [
                np.column_stack([polytope.normals, np.linalg.norm(polytope.normals * reach, axis=1)]),
                np.column_stack([faces, np.ones(len(faces))]),
            ]
        ),
        np.concatenate([polytope.bounds, polytope.high[ball], -polytope.low[ball]]),
        np.append(polytope.low, 0.0),
        np.append(polytope.high, 1.0),
        np.append(polytope.levels, 0),
        np.append(polytope.half, 0.0),
    )
    found, _ = optimum(lifted, np.append(np.zeros(d), -1.0))
    return (None, 0.0) if found is None else (found[:-1], float(found[-1]))


def extreme_points(polytope: Polytope, rng: np.random.Generator) -> Array:
    """Return points at the ends of the polytope along its axes, or along random directions, (k, d)."""
    d = len(polytope.low)
    axes = np.flatnonzero(polytope.free & (polytope.normals != 0.0).any(axis=0))
    if len(axes) <= _MOST_AXES:
        costs = np.concatenate([np.eye(d)[axes], -np.eye(d)[axes]])
    else:
        costs = np.zeros((2 * _MOST_AXES, d))
        costs[:, axes] = rng.standard_normal((len(costs), len(axes)))
    ends = [optimum(polytope, each)[0] for each in costs]
    return np.array([end for end in ends if end is not None]).reshape(-1, d)


def contradiction(polytope: Polytope, texts: Sequence[str]) -> list[str]:
    """Return constraints of an empty polytope that cannot hold together, none of which can be left out.

    Args:
        texts: the constraint that each inequality is of, (m,).
    """
    kept = list(dict.fromkeys(texts))
    for text in list(kept):
        others = [each for each in kept if each != text]
        rows = [row for row, each in enumerate(texts) if each in others]
        point, decided = optimum(polytope.rows(rows), np.zeros(len(polytope.low)))
        if point is None and decided:
            kept = others
    return kept


@dataclass(frozen=True, eq=False)
class HitAndRun:
    """Uniform points of a polytope, or of the part of it that passes a test.

    Attributes:
        polytope: that contains the points.
        moving: columns that change, (d,).
        factor: of the covariance of the points, by which directions are drawn, (d, d).
        test: of unit points (n, d), (n,); None where the polytope says all.
    """

    polytope: Polytope
    moving: Mask
    factor: Array
    test: Callable[[Array], Mask] | None

    def adapted(self, points: Array) -> HitAndRun:
        """Return the sampler with directions of the covariance of some of its points, (n, d)."""
        centred = (points - points.mean(axis=0)) * self.moving
        covariance = centred.T @ centred / max(len(points) - 1, 1)
        values, vectors = np.linalg.eigh(covariance)
        return replace(self, factor=vectors * np.sqrt(np.maximum(values, 0.0)))

    def run(self, points: Array, n_steps: int, rng: np.random.Generator) -> Array:
        """Return the points after some steps of one chain each, (n, d)."""
        for _ in range(n_steps):
            points = self.step(points, rng)
        return points

    def step(
        self,
        points: Array,
        rng: np.random.Generator,
        widths: Array | None = None,
        directions: Array | None = None,
    ) -> Array:
        """Return points after one step each along a random direction.

        Args:
            points: (n, d), each of which passes the test.
            widths: longest step in any column, (n,); None for no bound.
            directions: (n, d), in place of random ones.
        """
        points = self._anywhere_in_cells(points, rng)
        if directions is None:
            directions = self.directions(len(points), rng)
        back, forth = self.polytope.chord(points, directions)
        if widths is not None:
            longest = widths / np.maximum(np.abs(directions).max(axis=1), _TINY)
            back, forth = np.maximum(back, -longest), np.minimum(forth, longest)
        moved = points + (back + rng.random(len(points)) * (forth - back))[:, None] * directions
        moved = np.clip(moved, self.polytope.low, self.polytope.high)
        if self.test is None:
            return moved
        waiting = np.flatnonzero(~self.test(moved))
        for _ in range(_N_CUTS):
            if len(waiting) == 0:
                return moved
            way, gone = directions[waiting], moved[waiting] - points[waiting]
            lead = np.abs(way).argmax(axis=1)
            rows = np.arange(len(waiting))
            t = gone[rows, lead] / np.where(way[rows, lead] == 0.0, 1.0, way[rows, lead])
            back[waiting] = np.where(t < 0.0, t, back[waiting])
            forth[waiting] = np.where(t > 0.0, t, forth[waiting])
            t = back[waiting] + rng.random(len(waiting)) * (forth[waiting] - back[waiting])
            moved[waiting] = np.clip(
                points[waiting] + t[:, None] * way, self.polytope.low, self.polytope.high
            )
            waiting = waiting[~self.test(moved[waiting])]
        moved[waiting] = points[waiting]
        return moved

    def exchange(self, points: Array, n_steps: int, rng: np.random.Generator) -> Array:
        """Return the points after some steps in which one column goes a level up and another one down.

        A chord through the cells of many items of which few are chosen hardly ever ends at another choice.
        Steps are accepted by Metropolis and Hastings' rule, so that uniform points stay uniform.

        Args:
            points: (n, d), each of which passes the test.
        """
        columns = np.flatnonzero((self.polytope.levels > 0) & self.moving)
        if len(columns) < 2 or self.test is None:
            return points
        count = self.polytope.levels[columns]
        rows = np.arange(len(points))
        for _ in range(n_steps):
            at = np.clip(np.floor(points[:, columns] * count), 0, count - 1)
            up = _drawn(at < count - 1, rng)
            others = (at > 0) & (np.arange(len(columns)) != up[:, None])
            down = _drawn(others, rng)
            moved = points.copy()
            moved[rows, columns[up]] += 1.0 / count[up]
            moved[rows, columns[down]] -= 1.0 / count[down]
            after = np.clip(np.floor(moved[:, columns] * count), 0, count - 1)
            forth = (at < count - 1).sum(axis=1) * others.sum(axis=1)
            back = (after < count - 1).sum(axis=1) * (
                (after > 0) & (np.arange(len(columns)) != down[:, None])
            ).sum(axis=1)
            is_step = (at < count - 1).any(axis=1) & others.any(axis=1)
            is_step &= rng.random(len(points)) * back < forth
            is_step[is_step] = self.test(moved[is_step])
            points = np.where(is_step[:, None], moved, points)
        return points

    def directions(self, n: int, rng: np.random.Generator) -> Array:
        """Return random directions, most by the covariance, some along an axis or two, (n, d)."""
        d = len(self.moving)
        found = (rng.standard_normal((n, d)) @ self.factor.T) * self.moving
        axes = np.flatnonzero(self.moving)
        single = np.flatnonzero(rng.random(n) < _AXIS_SHARE)
        found[single] = 0.0
        found[single, axes[rng.integers(len(axes), size=len(single))]] = 1.0
        levels = self.polytope.levels
        on_levels = axes[levels[axes] > 0]
        if len(on_levels) > 1:  # one level up and another down, which keeps sums
            pairs = single[rng.random(len(single)) < 0.5]
            first, second = rng.integers(len(on_levels), size=(2, len(pairs)))
            found[pairs] = 0.0
            found[pairs, on_levels[first]] = 1.0 / levels[on_levels[first]]
            found[pairs, on_levels[second]] -= 1.0 / levels[on_levels[second]]
        return found

    def _anywhere_in_cells(self, points: Array, rng: np.random.Generator) -> Array:
        """Return the points with each coordinate on levels anywhere in its level's cell."""
        columns = np.flatnonzero((self.polytope.levels > 0) & self.moving)
        if len(columns) == 0:
            return points
        count = self.polytope.levels[columns]
        at = np.clip(np.floor(points[:, columns] * count), 0, count - 1)
        points = points.copy()
        points[:, columns] = (at + rng.random(at.shape)) / count
        return points


def _drawn(allowed: Mask, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return one of the allowed columns of each row, with equal chances, (n,); any where none is."""
    return np.asarray((rng.random(allowed.shape) * allowed).argmax(axis=1), dtype=np.intp)
