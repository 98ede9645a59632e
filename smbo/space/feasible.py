"""Points that meet the known constraints: drawn uniformly, near given ones, and well spread.

Where random points of the cube meet them rarely, linear constraints make a polytope of the unit cube, which
hit-and-run samples; the other constraints are tested at each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from smbo.errors import SpaceError
from smbo.space.constraints import constraint_name
from smbo.space.derived import Derived
from smbo.space.expressions import Expression
from smbo.space.linear_constraints import LEAST_RADIUS, LinearConstraints, Searched
from smbo.space.polytope import (
    HitAndRun,
    Mask,
    Polytope,
    centre,
    contradiction,
    extreme_points,
    optimum,
)
from smbo.training_data import Array

# Random points by which it is seen how often the constraints hold; below the share they are sampled here.
_N_PROBES, _RARE = 2_048, 1 / 64
_LEAST_COUNT = 20  # probes at which the same dimensions exist, by which a share is judged
_N_PROBES_CALLABLE = 512  # the same where each costs a call of Python code
_N_POOL = 1_024  # points kept of each branch, from which draws start
_N_STARTED = 256  # the same where the search starts from known points, which other asks have more of
_N_STEPS = (
    1  # of hit-and-run from the pool to a draw: the pool is uniform, and a step makes its points new ones
)
_MOST_POOL_STEPS, _MOST_TESTED_STEPS = 400, 80
# Steps from the pool to a draw in which whole numbers exchange levels: after them two of three chosen items
# are others.
_N_EXCHANGES = 4
# Points drawn before a first one counts as not found: the second in each of several branches, and where one
# costs a call of Python code.
_MOST_TRIES, _MOST_TRIES_CALLABLE = 2**18, 2**14
_MOST_BRANCHES = 32
_N_ON_FACE = 0.25  # share of local points that go to the end of their chord: many optima lie there
_ACTIVE = 1e-7  # a face that is nearer is one that a point lies on
_SMALL = (
    "the region may be small: tell or enqueue a point in it, from which the search starts, or loosen the "
    "constraints"
)


Test: TypeAlias = Callable[[Array], Mask]
LogDensity: TypeAlias = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Branch:
    """The part of a space in which the same dimensions exist.

    Attributes:
        pattern: which of the conditional dimensions named by constraints exist.
        share: of the random points of the cube that lie in it.
        texts: the constraint that each inequality is of.
        sampler: of unit points, with the polytope and the test.
        pool: uniform unit points, (k, d).
    """

    pattern: Mask
    share: float
    texts: tuple[str, ...]
    sampler: HitAndRun
    pool: Array


@dataclass(frozen=True, eq=False)
class FeasibleSet:
    """The allowed points of a space with known constraints."""

    space: Searched
    linear: LinearConstraints
    _started: dict[bytes, tuple[Branch, ...]] = field(default_factory=dict, repr=False)
    _designs: dict[tuple[int, int], Array] = field(default_factory=dict, repr=False)

    # ------------------------------------------------------------------------------- what is asked

    @cached_property
    def is_rare(self) -> bool:
        """Whether too few random points of the cube are allowed for drawing until enough are."""
        n = _N_PROBES if self._has_formulas_only else _N_PROBES_CALLABLE
        rows = self.space.snap(np.random.default_rng(0).random((n, len(self.space.axes))))
        allowed = self.space.allowed(rows)
        _, patterns = np.unique(self._existing(rows), axis=0, return_inverse=True)
        counts = np.bincount(patterns.reshape(-1))
        held = np.bincount(patterns.reshape(-1), weights=allowed)
        # where dimensions exist that a constraint is about, it must not leave the others alone to be drawn
        return bool((held < _RARE * counts)[counts >= _LEAST_COUNT].any() or not allowed.any())

    def _existing(self, rows: Array) -> Mask:
        """Return which of the dimensions of ``_branch_columns`` exist at snapped points, (n, k)."""
        columns = self._branch_columns
        return self.space.active(rows)[:, columns] if columns else np.ones((len(rows), 0), dtype=bool)

    def sample(self, n: int, rng: np.random.Generator, starts: Array | None = None) -> Array:
        """Return n random unit points, snapped and allowed, (n, d): uniform in each branch.

        Args:
            starts: points that may be allowed, from which the search starts where it finds none itself.

        Raises:
            SpaceError: the constraints contradict each other, or no point was found that meets them.
        """
        if self._grid is not None:
            return np.asarray(self._grid[rng.integers(len(self._grid), size=n)])
        branches = self._branches_from(starts)
        shares = np.array([branch.share for branch in branches])
        found = np.empty((0, len(self.space.axes)))
        while len(found) < n:
            which = (
                rng.choice(len(branches), size=n, p=shares / shares.sum())
                if len(branches) > 1
                else np.zeros(n)
            )
            rows = np.empty((n, len(self.space.axes)))
            for number, branch in enumerate(branches):
                mine = which == number
                first = branch.pool[rng.integers(len(branch.pool), size=int(mine.sum()))]
                drawn = branch.sampler.run(first, self._n_steps(branch), rng)
                drawn = branch.sampler.exchange(drawn, _N_EXCHANGES, rng)
                rows[mine] = self._redrawn(branch, drawn, rng)
            rows = self.space.snap(rows)
            found = np.concatenate([found, rows[self.space.allowed(rows)]])
        return found[:n]

    def near(self, centres: Array, moved: Array, widths: Array, rng: np.random.Generator) -> Array:
        """Return an unsnapped point near each allowed one, most of them allowed, (n, d).

        Half of the steps run along the faces that a point lies on, and some go to the next face.

        Args:
            centres: unit points, (n, d).
            moved: points near them in the columns that no constraint is about, (n, d).
            widths: longest step in any column, (n,).
        """
        try:
            branches = self._branches_from(centres)
        except SpaceError:  # the centres have other values than those fixed, and are not allowed
            return moved
        found = moved.copy()
        exist = self._existing(centres)
        for branch in branches:
            rows = np.flatnonzero((exist == branch.pattern).all(axis=1))
            rows = rows[branch.sampler.test(centres[rows])] if branch.sampler.test is not None else rows
            if len(rows) == 0 or not branch.sampler.moving.any():
                continue
            sampler, points = branch.sampler, centres[rows]
            directions = sampler.directions(len(rows), rng)
            along = np.flatnonzero(rng.random(len(rows)) < 0.5)
            directions[along] = _along_faces(sampler.polytope, points[along], directions[along])
            step = sampler.step(points, rng, widths[rows], directions)
            to_end = (rng.random(len(rows)) < _N_ON_FACE)[:, None]
            step = np.where(to_end, _to_face(sampler.polytope, points, step), step)
            found[np.ix_(rows, np.flatnonzero(sampler.moving))] = step[:, sampler.moving]
        return found

    def within(self, low: Array, high: Array, centre: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n snapped and allowed points in a box around an allowed one, (m, d) with m <= n."""
        branches = self._branches_from(centre[None])
        sampler = branches[0].sampler
        cell = np.where(sampler.polytope.levels > 0, 0.5 / np.maximum(sampler.polytope.levels, 1), 0.0)
        box = Polytope(
            sampler.polytope.normals,
            sampler.polytope.bounds,
            np.maximum(np.minimum(low, centre) - cell, sampler.polytope.low),
            np.minimum(np.maximum(high, centre) + cell, sampler.polytope.high),
            sampler.polytope.levels,
            sampler.polytope.half,
        )
        shrunk = HitAndRun(box, sampler.moving, sampler.factor * (high - low)[:, None], sampler.test)
        points = np.repeat(centre[None], n, axis=0)
        points = shrunk.adapted(shrunk.run(points, 8, rng)).run(points, 8, rng)
        others = ~sampler.moving & ~self._by_conditions
        points[:, others] = (low + rng.random((n, len(low))) * (high - low))[:, others]
        points = self.space.snap(points)
        return np.asarray(points[self.space.allowed(points)])

    def design(
        self, seed: int, n: int, starts: Array | None = None, log_density: LogDensity | None = None
    ) -> Array:
        """Return a well-spread sequence of allowed points, (n, d): a function of the seed.

        Each point lowers the energy distance between the points so far and uniform ones the most.

        Args:
            starts: as for ``sample``.
            log_density: of unit points (m, d), (m,) and its gradient, by which every second point is drawn.

        Source: Mak & Joseph (2018), "Support points", with one point after another.
        """
        key = (seed, n)
        if key not in self._designs:
            rng = np.random.default_rng(seed)
            pool = self.sample(_N_POOL, rng, starts)
            rows = pool[_spread(pool, n)]
            if log_density is not None:
                said, _ = log_density(pool)
                chances = np.exp(said - said.max())
                liked = pool[rng.choice(len(pool), size=len(pool), p=chances / chances.sum())]
                rows = np.stack([liked[_spread(liked, n)], rows], axis=1).reshape(-1, rows.shape[1])[:n]
                rows[0] = pool[np.argmax(said)]
            self._designs.clear()
            self._designs[key] = rows
        return self._designs[key]

    @cached_property
    def _has_formulas_only(self) -> bool:
        return all(isinstance(rule, Expression) for rule in self.space.rules)

    @cached_property
    def is_polytope(self) -> bool:
        """Whether the faces alone say which points of continuous columns are allowed."""
        return self.linear.is_complete and not self._branch_columns

    def refuse_impossible(self) -> None:
        """Raise SpaceError where linear constraints contradict each other, or where one is an equation.

        In a few milliseconds, without drawing points.
        """
        self.linear.refuse_equations()
        self.linear.refuse_contradictions()

    # ------------------------------------------------------------------------------- branches

    @cached_property
    def _grid(self) -> Array | None:
        grid = self.space.grid()
        if grid is not None and len(grid) == 0:
            self.linear.refuse_contradictions()
            raise SpaceError(
                f"no point of the space meets the constraints {self._texts()}: all combinations of its "
                "levels were tried; loosen them"
            )
        return grid

    @cached_property
    def _branches(self) -> tuple[Branch, ...]:
        return self._branches_of(np.empty((0, len(self.space.axes))))

    def _branches_from(self, starts: Array | None) -> tuple[Branch, ...]:
        """Return the branches, found from some points where they are not found without."""
        missing = self.__dict__.get("_missing")
        if missing is None:
            try:
                return self._branches
            except _NotFound as error:
                self.__dict__["_missing"] = missing = error
        rows = np.empty((0, len(self.space.axes))) if starts is None else self.space.snap(starts)
        rows = np.unique(rows[self.space.allowed(rows)], axis=0)[:64]
        if len(rows) == 0:
            raise missing
        key = rows.tobytes()
        if key not in self._started:
            self._started.clear()
            self._started[key] = self._branches_of(rows)
        return self._started[key]

    @cached_property
    def _branch_columns(self) -> list[int]:
        """Columns of the conditional dimensions that linear constraints are about."""
        named = {name for row in self.linear.rows for name in row.weights if name in self.space.parts}
        return sorted(self.linear.columns[name] for name in named)

    def _branches_of(self, starts: Array) -> tuple[Branch, ...]:
        self.linear.refuse_equations()
        rng = np.random.default_rng(1)
        random = rng.random((4 * _N_POOL, len(self.space.axes)))
        columns = self._branch_columns
        if not columns:
            patterns, members = np.ones((1, 0), dtype=bool), np.zeros(len(random), dtype=np.intp)
        else:
            active = self.space.active(self.space.snap(np.concatenate([random, starts])))[:, columns]
            patterns, members = np.unique(active, axis=0, return_inverse=True)
            members = members.reshape(-1)[: len(random)]
        counts = np.bincount(members, minlength=len(patterns))
        branches, problems = [], list[SpaceError]()
        for number in np.argsort(-counts, kind="stable")[:_MOST_BRANCHES]:
            drawn = random[members == number]
            try:
                branches.append(self._branch(patterns[number], drawn, len(drawn) / len(random), starts, rng))
            except SpaceError as error:
                problems.append(error)
        if not branches:
            raise next((each for each in problems if isinstance(each, _NotFound)), problems[0])
        return tuple(branches)

    def _branch(
        self, pattern: Mask, random: Array, share: float, starts: Array, rng: np.random.Generator
    ) -> Branch:
        """Return the branch in which the dimensions of ``_branch_columns`` exist as in ``pattern``."""
        columns = self._branch_columns
        absent = {self.space.axes[column].name for column, exists in zip(columns, pattern) if not exists}
        polytope, texts = self.linear.polytope(
            [row for row in self.linear.rows if not row.weights.keys() & absent]
        )

        def exact(units: Array) -> Mask:
            snapped = self.space.snap(units)
            passes = self.space.allowed(snapped)
            if columns:
                passes &= (self.space.active(snapped)[:, columns] == pattern).all(axis=1)
            return passes

        moving = self._in_rules & polytope.free
        test: Test | None = exact
        if self.linear.is_complete and not (columns and (self._by_conditions & moving).any()):
            test = polytope.contains_rounded if (polytope.half[moving] > 0.0).any() else None
        wide = polytope.widened()
        sampler = HitAndRun(wide, moving, np.diag(np.where(moving, 0.3, 0.0)), test)
        first = self._first_points(polytope, texts, random, starts, exact)
        if not moving.any():
            return Branch(pattern, max(share, 1e-3), texts, sampler, first)
        points = first[rng.integers(len(first), size=_N_STARTED if len(starts) else _N_POOL)]
        n_moving = int(moving.sum())
        n_steps = min(50 + 10 * n_moving, _MOST_TESTED_STEPS if test is exact else _MOST_POOL_STEPS)
        if len(first) > 1:
            sampler = sampler.adapted(points)
        for _ in range(n_steps // 10):  # directions follow the points as these spread
            points = sampler.exchange(sampler.run(points, 10, rng), 1, rng)
            sampler = sampler.adapted(points)
        return Branch(pattern, max(share, 1e-3), texts, sampler, points)

    def _first_points(
        self, polytope: Polytope, texts: Sequence[str], random: Array, starts: Array, test: Test
    ) -> Array:
        """Return points that pass the test, (k, d): combinations of extreme points, or some of the starts."""
        rng = np.random.default_rng(2)
        ends = self._ends(polytope, texts, rng)
        of_ends = np.flatnonzero((polytope.normals != 0.0).any(axis=0) & polytope.free)
        by_value, linear = self.linear.ends_by_value(rng)
        is_quick = self._has_formulas_only and not self._branch_columns
        n_tried, limit = 0, _MOST_TRIES if is_quick else _MOST_TRIES_CALLABLE
        while n_tried < limit:
            rows = (
                random[rng.integers(len(random), size=_N_POOL)]
                if len(random)
                else rng.random((_N_POOL, len(polytope.low)))
            )
            rows = np.where(polytope.free, rows, polytope.low)
            if n_tried:
                rows[:, ~self._by_conditions] = rng.random(rows.shape)[:, ~self._by_conditions]
            if len(by_value) and n_tried % (2 * _N_POOL):
                share = rng.dirichlet(np.full(len(by_value), 0.5), size=len(rows))
                rows[:, linear] = self.linear.positions(share @ by_value)[:, linear]
            elif len(ends):
                share = rng.dirichlet(np.full(len(ends), 1.0 if n_tried % 2 else 0.3), size=len(rows))
                rows[:, of_ends] = (share @ ends)[:, of_ends]
                rows[: len(ends), of_ends] = ends[: len(rows), of_ends]
            found = rows[test(rows)]
            if n_tried == 0 and len(starts):
                found = np.concatenate([found, starts[test(starts)]])
            if len(found):
                return found
            n_tried += _N_POOL
        raise _NotFound(self._not_found(n_tried))

    @cached_property
    def _in_rules(self) -> Mask:
        """Columns that constraints name, directly or in derived dimensions, (d,).

        All where a constraint is a callable.  Columns by which dimensions exist are not among them, and
        stay as they were drawn.
        """
        if not self._has_formulas_only:
            return np.ones(len(self.space.axes), dtype=bool)
        names = frozenset[str]().union(
            *(rule.names for rule in self.space.rules if isinstance(rule, Expression))
        )
        while True:
            derived = (self.space.dimensions[name] for name in names)
            more = names.union(*(each.formula.names for each in derived if isinstance(each, Derived)))
            if more == names:
                return np.array([axis.name in names for axis in self.space.axes], dtype=bool)
            names = more

    @cached_property
    def _by_conditions(self) -> Mask:
        """Columns by which other dimensions exist, (d,)."""
        names = frozenset().union(*self.space.parts.values()) if self.space.parts else frozenset[str]()
        return np.array([axis.name in names for axis in self.space.axes], dtype=bool)

    def _ends(self, polytope: Polytope, texts: Sequence[str], rng: np.random.Generator) -> Array:
        """Return extreme points of the polytope and its middle, (k, d); refuse an empty or a thin one."""
        if len(texts) == 0:
            return np.empty((0, len(polytope.low)))
        point, decided = optimum(polytope, np.zeros(len(polytope.low)))
        if point is None and decided:
            raise SpaceError(self.linear.contradiction_of(contradiction(polytope, texts)))
        if point is None:
            raise _NotFound(self._not_found(0))
        ends = extreme_points(polytope, rng)
        used = (polytope.normals != 0.0).any(axis=0) & polytope.free & (polytope.levels == 0)
        if used.any():
            middle, radius = centre(polytope)
            if middle is not None and radius < LEAST_RADIUS:
                raise SpaceError(
                    f"the constraints {list(dict.fromkeys(texts))} leave no more than the points of an "
                    "equation, which no point drawn at random meets; write it with a derived dimension, such "
                    "as c: {expression: '1 - a - b'} (in Python Derived('1 - a - b')), and let a dimension "
                    "that must be 0 unless an item is chosen exist only then (active_when)"
                )
            if middle is not None:
                ends = (
                    np.concatenate([0.98 * ends + 0.02 * middle, middle[None]])
                    if not (polytope.levels[polytope.free] > 0).any()
                    else np.concatenate([ends, middle[None]])
                )
        return ends

    # ------------------------------------------------------------------------------- refusals

    def _not_found(self, n_tried: int) -> str:
        linear = list(dict.fromkeys(row.text for row in self.linear.rows))
        others = [text for text in self._texts() if text not in linear]
        if linear and others:
            return (
                f"none of {n_tried} random points that meet the linear constraints {linear} meets {others} "
                f"too; {_SMALL}"
            )
        return (
            f"none of {n_tried} random points meets the constraints {self._texts()}; {_SMALL}, or solve an "
            "equation for one of its dimensions with a derived dimension (expression: '…')"
        )

    def _texts(self) -> list[str]:
        return [
            rule.text if isinstance(rule, Expression) else constraint_name(rule) for rule in self.space.rules
        ]

    # ------------------------------------------------------------------------------- steps

    def _n_steps(self, branch: Branch) -> int:
        return _N_STEPS if branch.sampler.moving.any() else 0

    def _redrawn(self, branch: Branch, rows: Array, rng: np.random.Generator) -> Array:
        """Return the rows with columns that no constraint depends on drawn anew."""
        others = ~branch.sampler.moving & branch.sampler.polytope.free & ~self._by_conditions
        if others.any():
            rows = rows.copy()
            rows[:, others] = rng.random((len(rows), int(others.sum())))
        return rows


class _NotFound(SpaceError):
    """No allowed point was found, which is no proof that there is none."""


def _along_faces(polytope: Polytope, points: Array, directions: Array) -> Array:
    """Return the directions without their parts across the faces that each point lies on."""
    directions = directions.copy()
    lies_on = (polytope.bounds - points @ polytope.normals.T) < _ACTIVE
    for pattern in np.unique(lies_on, axis=0):
        if pattern.any():
            rows = np.flatnonzero((lies_on == pattern).all(axis=1))
            basis = np.linalg.qr(polytope.normals[pattern].T)[0]
            directions[rows] -= directions[rows] @ basis @ basis.T
    return directions


def _to_face(polytope: Polytope, points: Array, moved: Array) -> Array:
    """Return the ends of the chords from some points through the moved ones, in continuous columns."""
    ways = np.where(polytope.levels > 0, 0.0, moved - points)
    _, forth = polytope.chord(points, ways)
    ends = np.clip(points + (forth * (1.0 - 1e-9))[:, None] * ways, 0.0, 1.0)
    return np.where((forth <= 3.0)[:, None], ends, moved)


def _spread(pool: Array, n: int) -> NDArray[np.intp]:
    """Return rows of n points of a pool, each of which brings the energy distance down the most."""
    n = min(n, len(pool))
    distances = cdist(pool, pool)
    to_pool, to_chosen = distances.mean(axis=1), np.zeros(len(pool))
    chosen: list[int] = []
    for count in range(n):
        potential = to_pool - to_chosen / (count + 1)
        potential[chosen] = np.inf
        chosen.append(int(np.argmin(potential)))
        to_chosen += distances[chosen[-1]]
    return np.array(chosen, dtype=np.intp)
