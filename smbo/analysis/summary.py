"""Summary of a study: convergence, slices of the posterior, uncertainty of the optimum, comparison of
re-evaluated points, failures.  Pure functions from trials and posterior to arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from smbo.analysis.optimum import Drawn, optimum_samples
from smbo.analysis.parameters import BOUND_FRACTION, Parameter, of_tune, parameters, parameters_json
from smbo.problem import Outcome, Problem
from smbo.space import Space
from smbo.surrogates.base import Posterior
from smbo.training_data import Array, Axis
from smbo.trial import Trial, TrialState

# re-evaluations as (point, outcome) pairs, by "recommended" and the baseline's name
Checks: TypeAlias = Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]
RECOMMENDED = "recommended"

__all__ = [
    "BOUND_FRACTION",
    "RECOMMENDED",
    "Checks",
    "Comparison",
    "Convergence",
    "Drawn",
    "FailureKind",
    "Measured",
    "Parameter",
    "Slice",
    "compare_points",
    "convergence",
    "failures",
    "measured",
    "of_tune",
    "optimum_samples",
    "parameters",
    "parameters_json",
    "slices",
]


@dataclass(frozen=True, eq=False)
class Convergence:
    """Values in the order of trial numbers, in the user's sign and units.

    Attributes:
        numbers: numbers of the complete trials, shape (n,).
        values, sems: shape (n,); a sem is NaN where it was not given.
        feasible: shape (n,).
        best_so_far: lowest (or highest, as the problem wants) feasible value up to each trial,
            shape (n,); NaN before the first feasible one, and of a contextual problem.
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
    counts = feasible & np.array([problem.space.is_present(t.params) for t in complete], dtype=np.bool_)
    minimised = np.where(counts, problem.sign * values, np.inf)
    best = np.minimum.accumulate(minimised) if len(minimised) else minimised
    if problem.context:  # values under different contexts are not comparable
        best = np.full(len(values), np.inf)
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
