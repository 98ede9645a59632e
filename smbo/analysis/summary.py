"""Summary of a study: convergence, slices of the posterior, uncertainty of the optimum, comparison of
re-evaluated points, failures.  Pure functions from trials and posterior to arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from smbo.problem import Outcome, Problem
from smbo.space import Space
from smbo.surrogates import linalg
from smbo.surrogates.base import DrawnPosterior, JointPosterior, Posterior
from smbo.training_data import Array, Axis
from smbo.trial import Trial, TrialState

# (unit points (m, d), n, generator) -> n joint draws of whether an evaluation there succeeds, shape (m, n)
Drawn: TypeAlias = Callable[[Array, int, np.random.Generator], NDArray[np.bool_]]
# re-evaluations as (point, outcome) pairs, by "recommended" and the baseline's name
Checks: TypeAlias = Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]
RECOMMENDED = "recommended"

# a recommended coordinate this close to an end of its range (as a fraction of it) counts as on the bound
BOUND_FRACTION = 0.01


@dataclass(frozen=True, eq=False)
class Convergence:
    """Values in the order of trial numbers, in the user's sign and units.

    Attributes:
        numbers: numbers of the complete trials, shape (n,).
        values, sems: shape (n,); a sem is NaN where it was not given.
        feasible: shape (n,).
        best_so_far: lowest (or highest, as the problem wants) feasible value up to each trial,
            shape (n,); NaN before the first feasible one.
        failed: numbers of the trials that failed, shape (n_failed,).
    """

    numbers: NDArray[np.int64]
    values: Array
    sems: Array
    feasible: NDArray[np.bool_]
    best_so_far: Array
    failed: NDArray[np.int64]


def convergence(problem: Problem, trials: Sequence[Trial]) -> Convergence:
    """Return values and best value so far in the order of trial numbers."""
    ordered = sorted(trials, key=lambda trial: trial.number)
    complete = [t for t in ordered if t.state is TrialState.COMPLETE and t.value is not None]
    values = np.array([t.value for t in complete], dtype=np.float64)
    feasible = np.array([t.feasible is not False for t in complete], dtype=np.bool_)
    minimised = np.where(feasible, problem.sign * values, np.inf)
    best = np.minimum.accumulate(minimised) if len(minimised) else minimised
    return Convergence(
        numbers=np.array([t.number for t in complete], dtype=np.int64),
        values=values,
        sems=np.array([math.nan if t.sem is None else t.sem for t in complete], dtype=np.float64),
        feasible=feasible,
        best_so_far=np.where(np.isfinite(best), problem.sign * best, np.nan),
        failed=np.array([t.number for t in ordered if t.state is TrialState.FAILED], dtype=np.int64),
    )


@dataclass(frozen=True, eq=False)
class Slice:
    """The posterior along one axis, with all other coordinates fixed.

    Attributes:
        axis: the axis along which the posterior is evaluated.
        positions: m values of the dimension in the user's units, in ascending unit coordinate.
        mean, std: the posterior there in the user's sign and units, shape (m,); NaN where a known
            constraint forbids the point.
    """

    axis: Axis
    positions: tuple[Any, ...]
    mean: Array
    std: Array


def slices(problem: Problem, posterior: Posterior, params: Mapping[str, Any], n: int = 101) -> list[Slice]:
    """Return one slice per axis through ``params``; axes inactive there are left out.

    Args:
        n: points along a continuous axis; an axis of levels has one point per level, thinned
            to about n where there are more.
    """
    space = problem.space
    center = space.to_unit([params])[0]
    found = []
    for column, axis in enumerate(space.axes):
        if axis.name not in params:
            continue
        units = _along(space, center, column, n)
        points = space.from_unit(units)
        keep = np.array([axis.name in point for point in points])
        units, points = units[keep], [point for point, kept in zip(points, keep) if kept]
        if not points:
            continue
        mean, std = posterior.moments(units)
        allowed = space.allowed(units)
        found.append(
            Slice(
                axis=axis,
                positions=tuple(point[axis.name] for point in points),
                mean=np.where(allowed, problem.sign * mean, np.nan),
                std=np.where(allowed, std, np.nan),
            )
        )
    return found


def _along(space: Space, center: Array, column: int, n: int) -> Array:
    """Return distinct unit points along one axis through ``center``, at most about n of them."""
    levels = space.axes[column].levels
    # levels of a logarithmic grid are not evenly spaced, so they are found by snapping a fine line
    coordinates = np.linspace(0.0, 1.0, n if levels is None else 20 * min(levels, 5 * n) + 1)
    units = np.tile(center, (len(coordinates), 1))
    units[:, column] = coordinates
    units = space.snap(units)
    _, first = np.unique(units[:, column], return_index=True)
    kept = first if len(first) <= n else first[np.linspace(0, len(first) - 1, n).round().astype(int)]
    return units[kept]


def optimum_samples(
    space: Space,
    posterior: Posterior,
    params: Mapping[str, Any],
    rng: np.random.Generator,
    *,
    n_samples: int = 400,
    n_candidates: int = 800,
    well: Drawn | None = None,
) -> Array | None:
    """Return unit points at which functions drawn from the posterior are lowest, shape (n_samples, d).

    Each row is the unit point, among random candidates, at which one joint draw from the
    posterior is lowest.  Half of the candidates cover the space; the others lie around
    ``params`` at widths from 2 to 30 percent of each range, since random points of the whole
    space leave wide gaps around the optimum.  None when the posterior has no joint covariance.

    Args:
        well: draws of where evaluations succeed and meet the constraints; each draw of the function has
            its optimum where the same draw of this is true, or at ``params`` where it is true nowhere.
    """
    if not isinstance(posterior, JointPosterior | DrawnPosterior):
        return None
    center = space.to_unit([params])[0]
    candidates = _candidates(space, center, rng, n_candidates)
    if isinstance(posterior, DrawnPosterior):
        draws = posterior.draws(candidates, n_samples, rng)
    else:
        draws = linalg.draws(*posterior.joint(candidates), n_samples, rng)
    if well is None:
        return candidates[np.argmin(draws, axis=0)]
    holds = well(candidates, n_samples, rng)
    best = np.argmin(np.where(holds, draws, np.inf), axis=0)
    return np.where(np.any(holds, axis=0, keepdims=True).T, candidates[best], center)


def _candidates(space: Space, center: Array, rng: np.random.Generator, n: int) -> Array:
    wide = space.sample_unit(n // 2, rng)
    widths = rng.choice([0.02, 0.05, 0.1, 0.3], size=(n - n // 2, 1))
    near = center + widths * rng.standard_normal((n - n // 2, len(center)))
    near = space.snap(np.clip(near, 0.0, 1.0))
    points = np.vstack([center[None], wide, near[space.allowed(near)]])
    return np.unique(points, axis=0)


@dataclass(frozen=True)
class Parameter:
    """A parameter of the recommended point.

    Attributes:
        name, value: name of the parameter, and its recommended value in the user's units; None if inactive.
        low, high: bounds of the range in the user's units; None for choices without order.
        position: unit coordinate of the value; None where inactive or without order.
        interval: central 68 % of the optimum's distribution, in the user's units; None if unknown.
        interval_positions: the interval in unit coordinates.
        bound: "lower" or "upper" if the value lies on that bound, else None.
        baseline: value at the point that the recommended one is compared with, or None.
    """

    name: str
    value: Any
    low: Any = None
    high: Any = None
    position: float | None = None
    interval: tuple[Any, Any] | None = None
    interval_positions: tuple[float, float] | None = None
    bound: str | None = None
    baseline: Any = None


def parameters(
    space: Space,
    params: Mapping[str, Any],
    optima: Array | None = None,
    baseline: Mapping[str, Any] | None = None,
) -> list[Parameter]:
    """Return every dimension of the space at a recommended point.

    Args:
        optima: unit points from ``optimum_samples``, shape (n_samples, d).
        baseline: point to compare with, in the user's units.
    """
    center = space.to_unit([params])[0]
    baseline = baseline or {}
    found = {
        name: Parameter(name=name, value=params.get(name), baseline=baseline.get(name))
        for name in space.names
    }
    for column, axis in enumerate(space.axes):
        if axis.name not in params or axis.kind == "categorical":
            continue
        name, position = axis.name, float(center[column])
        in_user_units = _decoder(space, params, column, name)
        ends = None
        if optima is not None:
            # numbers on a grid sit at (k + 1/2) / K, so "lower" and "higher" keep them on it
            low = float(np.quantile(optima[:, column], 0.16, method="lower"))
            high = float(np.quantile(optima[:, column], 0.84, method="higher"))
            ends = (low, high)
        found[name] = Parameter(
            name=name,
            value=params[name],
            low=in_user_units(0.0),
            high=in_user_units(1.0),
            position=position,
            interval=None if ends is None else (in_user_units(ends[0]), in_user_units(ends[1])),
            interval_positions=ends,
            bound=_bound(space, center, column),
            baseline=baseline.get(name),
        )
    return list(found.values())


def _decoder(space: Space, params: Mapping[str, Any], column: int, name: str) -> Callable[[float], Any]:
    """Return a function from the unit coordinate of one axis to the user's units."""
    center = space.to_unit([params])[0]

    def decode(coordinate: float) -> Any:
        unit = center.copy()
        unit[column] = coordinate
        return space.from_unit(space.snap(unit[None]))[0].get(name)

    return decode


def _bound(space: Space, center: Array, column: int) -> str | None:
    """Return "lower" or "upper" if a coordinate lies on that bound of its range, else None."""
    axis = space.axes[column]
    # with two levels every value is on a bound, which does not suggest a wider range
    if axis.levels is not None and axis.levels <= 2:
        return None
    ends = np.tile(center, (2, 1))
    ends[:, column] = (0.0, 1.0)
    low, high = space.snap(ends)[:, column]
    margin = BOUND_FRACTION if axis.levels is None else 1e-9
    if center[column] <= low + margin:
        return "lower"
    return "upper" if center[column] >= high - margin else None


@dataclass(frozen=True)
class Measured:
    """Repeated check evaluations of one point: mean and standard error of n values.

    The standard error is estimated from the spread of the repeats; for a single evaluation it is the
    reported one (NaN if none was reported).
    """

    mean: float
    sem: float
    n: int


def measured(problem: Problem, outcomes: Sequence[Outcome]) -> Measured | None:
    """Return mean and standard error over check evaluations; None if none has a finite value."""
    known = [problem.outcome(outcome) for outcome in outcomes]
    values = np.array([o.value for o in known if o.value is not None and math.isfinite(o.value)])
    if len(values) == 0:
        return None
    if len(values) == 1:
        sem = next((o.sem for o in known if o.value is not None and math.isfinite(o.value)), None)
        return Measured(float(values[0]), math.nan if sem is None else sem, 1)
    return Measured(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))), len(values))


@dataclass(frozen=True)
class Comparison:
    """Comparison of two points by fresh evaluations of both.

    Attributes:
        recommended, baseline: mean and standard error at each point; None without a baseline.
        baseline_name: name of the baseline.
        gain: by how much the recommended point is better (negative: worse), in the value's units.
        standard_errors: gain over its standard error; NaN where the error is unknown.
        threshold: value of |standard_errors| from which on the difference is significant: the two-sided
            95 % point of Student's t (Welch's degrees of freedom).
        winner: "recommended", "baseline", or None where the difference is not significant.
    """

    recommended: Measured
    baseline: Measured | None = None
    baseline_name: str | None = None
    gain: float = math.nan
    standard_errors: float = math.nan
    threshold: float = math.nan
    winner: str | None = None


def compare_points(problem: Problem, checks: Checks | None) -> Comparison | None:
    """Return the comparison by re-evaluations; None where the recommended point was not re-evaluated."""
    if not checks or RECOMMENDED not in checks:
        return None
    recommended = measured(problem, [outcome for _, outcome in checks[RECOMMENDED]])
    if recommended is None:
        return None
    name = next((key for key in checks if key != RECOMMENDED), None)
    baseline = measured(problem, [outcome for _, outcome in checks[name]]) if name is not None else None
    if baseline is None:
        return Comparison(recommended, baseline_name=name)
    gain = problem.sign * (baseline.mean - recommended.mean)
    error = math.hypot(recommended.sem, baseline.sem)
    if not error > 0:  # NaN: unknown; 0: deterministic evaluations, any difference is significant
        winner = None
        if error == 0 and gain != 0:
            winner = RECOMMENDED if gain > 0 else "baseline"
        return Comparison(recommended, baseline, name, gain, math.nan, math.nan, winner)
    threshold = _welch_threshold(recommended, baseline)
    ratio = gain / error
    winner = None
    if abs(ratio) >= threshold:
        winner = RECOMMENDED if gain > 0 else "baseline"
    return Comparison(recommended, baseline, name, gain, ratio, threshold, winner)


def _welch_threshold(a: Measured, b: Measured) -> float:
    """Return the two-sided 95 % point for a difference of two means.

    Source: Welch (1947), "The generalization of 'Student's' problem when several different
        population variances are involved", for the degrees of freedom.
    """
    terms = [m.sem**4 / (m.n - 1) for m in (a, b) if m.n > 1]
    if not terms or sum(terms) == 0:  # standard errors were reported, not estimated from a spread
        return float(ndtri(0.975))
    return float(stdtrit((a.sem**2 + b.sem**2) ** 2 / sum(terms), 0.975))


@dataclass(frozen=True)
class FailureKind:
    """Failures of one reason: trial numbers, and the error text of the first one."""

    reason: str
    numbers: tuple[int, ...]
    example: str


def failures(trials: Sequence[Trial]) -> list[FailureKind]:
    """Return the failed trials by reason, the most frequent first."""
    failed = [t for t in sorted(trials, key=lambda t: t.number) if t.state is TrialState.FAILED]
    counts = Counter(t.reason or "unknown" for t in failed)
    kinds = []
    for reason, _ in counts.most_common():
        mine = [t for t in failed if (t.reason or "unknown") == reason]
        example = next((t.error for t in mine if t.error), "")
        kinds.append(FailureKind(reason, tuple(t.number for t in mine), example))
    return kinds
