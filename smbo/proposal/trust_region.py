"""Trust region: a box around the best point that grows after successes and shrinks after failures.

Source: Eriksson et al. (2019), "Scalable Global Optimization via Local Bayesian Optimization"
(TuRBO), with one region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, Search
from smbo.acquisition.fantasies import pending_posterior, with_pending
from smbo.acquisition.gradient_ascent import Allowed, ascend
from smbo.acquisition.optimize import MOST_GAIN, NEGLIGIBLE_GAIN
from smbo.errors import RecipeError, SpaceExhausted
from smbo.space import Space
from smbo.space.numeric import Fixed
from smbo.surrogates.base import LearnedProcess, Posterior
from smbo.training_data import Array, Axis, Target, TrainingData

# Candidates, starts of the ascent and its calls for the first point of a batch, and for each later one: with
# less effort for those eight points cost twice one (tests/benchmarks/bench_overhead.py --batch 8).
_EFFORT, _EFFORT_LATER = (512, 6, 30), (128, 2, 6)
# Bound of the expected number of coordinates changed in a candidate (Eriksson et al., sec. 2).
_MEAN_MOVED = 20.0
# A gain below this share of the distance from the best value to the median is no success.
_LEAST_GAIN = 1e-3
# Times that candidates are drawn, in ever wider boxes, before a region counts as exhausted.
_N_DRAWS = 6


@dataclass(frozen=True)
class TrustRegion:
    """A box around the incumbent, wider along the axes with longer length scales.

    Attributes:
        first_length, least_length, most_length: of the box's edge; below the least one the region
            restarts elsewhere, from a new design.
        n_successes: in a row, after which the box doubles.
        n_failures: in a row, after which it is halved; None for max(4, d).
        most_rows: of training data, the nearest to the incumbent, to which the surrogate is fitted.

    Raises:
        RecipeError: figures that are not in order.

    >>> Recipe(GP(), region=TrustRegion(n_failures=6)).region.n_failures
    6
    """

    first_length: float = 0.8
    least_length: float = 0.5**7
    most_length: float = 1.6
    n_successes: int = 3
    n_failures: int | None = None
    most_rows: int = 500
    # several objectives have no single best point
    serves: ClassVar[frozenset[Target]] = frozenset(Target) - {Target.OBJECTIVES}

    def __post_init__(self) -> None:
        if not 0.0 < self.least_length <= self.first_length <= self.most_length:
            raise RecipeError(f"{self!r}: 0 < least_length <= first_length <= most_length is needed")
        if self.n_successes < 1 or (self.n_failures is not None and self.n_failures < 1):
            raise RecipeError(f"{self!r}: a region needs one success or failure at least to change")
        if self.most_rows < 2:
            raise RecipeError(f"most_rows={self.most_rows!r}: a surrogate needs two rows at least")


@dataclass(frozen=True)
class RegionState:
    """State of a region, carried in the proposal's memory.

    Attributes:
        first: trial number of the first evaluation of the region's training data.
        since: trial number from which its successes and failures count.
        length: of the box's edge.
        successes, failures: in a row, up to now.
        restarts: how often a region has restarted.
    """

    first: int = 0
    since: int = 0
    length: float = 0.8
    successes: int = 0
    failures: int = 0
    restarts: int = 0

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RegionState:
        return cls(**data)


def advance(rule: TrustRegion, data: TrainingData, before: RegionState, n_initial: int) -> RegionState:
    """Return the state of a region given all evaluations, or of its successor if it shrank too far.

    The counters are those of the evaluations since the region began, by trial number: the same whatever
    the order in which results were recorded.

    Args:
        before: state of the previous proposal; only its start counts.
        n_initial: first evaluations that are of the design, neither success nor failure.
    """
    rows = np.flatnonzero((data.numbers >= before.first) & data.feasible)
    values, numbers = data.values[rows], data.numbers[rows]
    n_before = max(int((numbers < before.since).sum()), n_initial)
    state = replace(before, length=rule.first_length, successes=0, failures=0)
    if len(values) <= n_before:
        return state
    patience = rule.n_failures if rule.n_failures is not None else max(4, len(data.axes))
    best = float(values[:n_before].min())
    scatter = float(np.median(values[:n_before])) - best
    for value in values[n_before:].tolist():
        is_success = value < best - _LEAST_GAIN * scatter
        best = min(best, value)
        state = _counted(rule, state, patience, is_success=is_success)
        if state.length < rule.least_length:
            # at least the count of trials: some pending ones may be of the region that ends
            n_trials = len(data) + len(data.failed) + len(data.pending)
            start = max(int(data.numbers[-1]) + 1, n_trials)
            return RegionState(start, start, rule.first_length, restarts=before.restarts + 1)
    return state


def _counted(rule: TrustRegion, state: RegionState, patience: int, *, is_success: bool) -> RegionState:
    successes = state.successes + 1 if is_success else 0
    failures = 0 if is_success else state.failures + 1
    if successes == rule.n_successes:
        length = min(2.0 * state.length, rule.most_length)
        return replace(state, length=length, successes=0, failures=0)
    if failures == patience:
        return replace(state, length=0.5 * state.length, successes=0, failures=0)
    return replace(state, successes=successes, failures=failures)


def rows_of_region(rule: TrustRegion, state: RegionState, data: TrainingData) -> TrainingData:
    """Return the training data of a region's surrogate: the nearest rows of its own."""
    rows = np.flatnonzero(data.numbers >= state.first)
    if len(rows) > rule.most_rows:
        centre = data.points[rows[_lowest(data, rows)]]
        gaps = data.points[rows] - centre
        nearest = np.argsort(np.einsum("ij,ij->i", gaps, gaps), kind="stable")[: rule.most_rows]
        rows = np.sort(rows[nearest])
    return data.rows(rows)


def length_within(rule: TrustRegion, state: RegionState, data: TrainingData) -> float:
    """Return the edge of a region's box, given the rows of ``rows_of_region``.

    Where these are the nearest of many, the box is no wider than the cube they fill: a surrogate without
    data farther away would predict promising values there.
    """
    if len(data) < rule.most_rows:
        return state.length
    gaps = data.points - data.points[_lowest(data, np.arange(len(data)))]
    # the edge of a cube whose uniform distribution has the same variance
    filled = float(np.sqrt(12.0 * np.mean(gaps**2)))
    return float(np.clip(filled, rule.least_length, state.length))


def _lowest(data: TrainingData, rows: NDArray[np.intp]) -> int:
    values = data.values[rows]
    if data.feasible[rows].any():
        values = np.where(data.feasible[rows], values, np.inf)
    return int(np.argmin(values))


@dataclass(frozen=True, eq=False)
class Box:
    """Edges of a region on the unit cube: centre, low and high, each (d,)."""

    centre: Array
    low: Array
    high: Array


def box_around(posterior: Posterior, data: TrainingData, length: float) -> Box:
    """Return the box around the evaluated feasible point with the lowest posterior mean.

    Its volume is that of a cube with edge ``length`` where no side of the unit cube cuts it; the
    edges go with the length scales.  A grid's step always fits into it.
    """
    points = data.points[data.feasible] if data.feasible.any() else data.points
    mean, _ = posterior.moments(points)
    centre = points[np.argmin(mean)]
    weights = np.ones(len(centre))
    if isinstance(posterior, LearnedProcess):
        # a length scale beyond the cube means no dependence: one such axis must not thin all others
        weights = np.clip(posterior.axis_lengths, 1e-2, 1e1)
        weights /= np.exp(np.log(weights).mean())
    half = 0.5 * length * weights
    for column, axis in enumerate(data.axes):
        if axis.levels is not None:
            half[column] = max(half[column], 1.0 / axis.levels)
    return Box(centre, np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0))


def select_within(search: Search, acquisition: Acquisition, length: float) -> Array:
    """Return ``search.n`` unit points (n, d) in the box, distinct from each other and from those taken.

    Args:
        search: with the data of the region.
        acquisition: of the recipe.
        length: of the box's edge.

    Raises:
        SpaceExhausted: no new point was found in the box, however wide.
        NumericalError: no posterior could be found.
    """
    search = replace(search, posterior=pending_posterior(search))
    box = box_around(search.posterior, search.data, length)
    found: list[Array] = []
    while True:
        criterion = acquisition.build(search.posterior, search.data)
        found.append(_best_within(criterion, search, box, is_first=not found))
        if len(found) == search.n:
            return np.stack(found)
        search = with_pending(search, found[-1][None])


def _best_within(criterion: Criterion, search: Search, box: Box, *, is_first: bool) -> Array:
    """Return the new point in the box with the highest criterion that was found, (d,).

    Args:
        is_first: of a batch: the others, of which there may be many, are searched for with less effort.
    """
    space, taken = search.space, search.taken
    n_candidates, n_starts, n_calls = _EFFORT if is_first else _EFFORT_LATER
    for _ in range(_N_DRAWS):
        points = _candidates(space, box, search.rng, n_candidates)
        points = points[~taken.hits(points)]
        if len(points):
            break
        # a small box on a grid is soon exhausted
        reach = np.maximum(box.high - box.low, 1e-3)
        box = Box(box.centre, np.clip(box.low - reach, 0, 1), np.clip(box.high + reach, 0, 1))
    else:
        raise SpaceExhausted("no new point was found around the best one, however wide the search")
    scores = _scores(criterion, points)
    if isinstance(criterion, DifferentiableCriterion):
        starts = np.argsort(-scores, kind="stable")[:n_starts]
        climbed = _climbed(criterion, space, box, points[starts], n_calls)
        climbed = climbed[~taken.hits(climbed)]
        if len(climbed):
            points = np.concatenate([climbed, points])
            scores = np.concatenate([_scores(criterion, climbed), scores])
    return np.asarray(points[np.argmax(scores)])


def _scores(criterion: Criterion, points: Array) -> Array:
    scores = criterion(points)
    return np.where(np.isnan(scores), -np.inf, scores)


def _candidates(space: Space, box: Box, rng: np.random.Generator, n: int) -> Array:
    """Return snapped and allowed points of the box, each with some coordinates of its centre, (m, d)."""
    d = len(box.centre)
    if space.feasible is not None and space.feasible.is_rare:
        return space.feasible.within(box.low, box.high, box.centre, n, rng)
    moved = rng.random((n, d)) < min(1.0, _MEAN_MOVED / d)
    moved[np.arange(n), rng.integers(d, size=n)] = True
    fresh = box.low + rng.random((n, d)) * (box.high - box.low)
    for column, axis in enumerate(space.axes):
        if axis.kind == "categorical":
            # categorical levels have no distance: the box contains all, and most points keep the centre's
            moved[:, column] &= rng.random(n) < max(0.1, min(1.0, 2.0 / d))
            fresh[:, column] = rng.random(n)
    points = space.snap(np.where(moved, fresh, box.centre))
    return np.asarray(points[space.allowed(points)])


@dataclass(frozen=True, eq=False)
class _Stretched:
    """A criterion in coordinates in which the box is the unit cube: one step length fits all axes."""

    criterion: DifferentiableCriterion
    low: Array
    size: Array

    def __call__(self, points: Array) -> Array:
        return self.criterion(self.low + points * self.size)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        worth, slope = self.criterion.with_gradient(self.low + points * self.size)
        return worth, slope * self.size


def _climbed(
    criterion: DifferentiableCriterion, space: Space, box: Box, starts: Array, n_calls: int
) -> Array:
    """Return the snapped and allowed results of an ascent inside the box, (k, d)."""
    low, size = box.low.copy(), box.high - box.low
    is_fixed = [isinstance(space.dimensions[axis.name], Fixed) for axis in space.axes]
    is_still = np.array([not _is_smooth(axis) for axis in space.axes]) | is_fixed | (size <= 0.0)
    # coordinates that do not move stay in units of the cube
    low[is_still], size[is_still] = 0.0, 1.0
    stretched = _Stretched(criterion, low, size)

    allowed = Allowed.of(space).stretched(low, size)
    movable = np.tile(~is_still, (len(starts), 1))
    first = np.clip((starts - low) / size, 0.0, 1.0)
    climbed, _ = ascend(stretched, first, movable, allowed, n_calls, NEGLIGIBLE_GAIN, MOST_GAIN)
    points = space.snap(low + climbed * size)
    return np.asarray(points[space.allowed(points)])


def _is_smooth(axis: Axis) -> bool:
    return axis.levels is None or (axis.kind == "ordered" and axis.levels > 12)
