"""The tune of a study: best parameters, their covariance, eigentunes, and what each observable says.

All of it follows from the stored evaluations.  The parameters minimise the expected χ² of the bins
under the model of them.  Their covariance is that of this estimator, linearised (a "sandwich": White
1980, "A Heteroskedasticity-Consistent Covariance Matrix Estimator"), with H = Jᵀ M J, J the slopes
of the bins and M = w / (s² + (t d)² + e²):

    covariance = level · H⁻¹ Jᵀ M diag(s² + (t d)²) M J H⁻¹  +  H⁻¹ Jᵀ M E M J H⁻¹

s are the data's errors, t d the theory uncertainty, and E the covariance of the model's own errors e, which
come from the simulation's statistics and from how densely it was run.  With all weights 1 the first term is
what Δχ² = level gives.  Where the data say nothing, H is singular; there the range counts as what is
known: a flat distribution over it has the variance of its width²/12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize

from smbo.evidence import Array, Evidence
from smbo.losses import ChiSquare
from smbo.problem import Problem
from smbo.surrogates import linalg
from smbo.tuning.bins import BinModel
from smbo.tuning.statistic import Statistic, TuneSettings

# A flat distribution over a range has this standard deviation, as a fraction of it.
_FLAT = 12.0**-0.5
# Two standard deviations to each side cover the range: the data have not narrowed it.
UNCONSTRAINED = 0.25
BOUND = 0.01  # of a range: a parameter so near its end is on it
_N_STARTS = 8
_N_PASSES = 3  # the weights depend on the model's errors at the minimum; they settle at once


@dataclass(frozen=True)
class TunedParameter:
    """One parameter of a tune, in the user's units.

    Attributes:
        name, value: of the best point.
        error: one standard deviation.
        parts: the same from the data's errors, the theory uncertainty, and the simulation alone.
        low, high: its range.
        bound: "lower" or "upper" where the value ends on that bound.
        is_constrained: whether the data narrow its range; else the error is about that of a flat
            distribution.
    """

    name: str
    value: float
    error: float
    parts: Mapping[str, float]
    low: float
    high: float
    bound: str | None
    is_constrained: bool


@dataclass(frozen=True)
class Eigentune:
    """Two points, one standard deviation from the best along a principal axis of the covariance.

    Attributes:
        size: standard deviation along it, in units of the ranges.
        direction: by parameter, in units of the ranges; a unit vector.
        plus, minus: whole points.  A step that leaves the ranges ends at the bound.
        is_cut: whether one of them does.
    """

    size: float
    direction: Mapping[str, float]
    plus: Mapping[str, Any]
    minus: Mapping[str, Any]
    is_cut: bool


@dataclass(frozen=True, eq=False)
class ObservableFit:
    """What a tune makes of one observable.

    Attributes:
        name: of the observable.
        weight: the largest of its bins'; 0 where it was left out of the fit.
        chi2: Σ (y - d)² / (s² + (t d)² + e²), unweighted; over n bins.
        pulls: (y - d) / that error, bin by bin, shape (n,).
        information: on each fitted parameter, as a share of what all observables together have on it
            with the others held, shape (p,).
        response: mean pull that a change of each parameter by one standard deviation adds, root mean
            square over bins, with the sign of the mean, shape (p,).
    """

    name: str
    weight: float
    chi2: float
    pulls: Array
    information: Array
    response: Array


@dataclass(frozen=True, eq=False)
class Tune:
    """Best parameters of a generator, how well they are known, and what they describe.

    Attributes:
        params: the best point, whole, in the user's units.
        unit: the same as a unit point, shape (d,).
        parameters: those that were fitted, p of them.
        covariance: of these, in the user's units, shape (p, p).
        eigentunes: the largest uncertainty first.
        observables: in the order of the bins.
        chi2: weighted, at the best point; ndf: effective number of bins less that of parameters.
        level: Δχ² of one standard deviation.
        loss: what the study minimised, as the model has it at this point.
        outputs, outputs_std: the bins there and the model's errors on them, shape (k,).
        statistic, settings: what was minimised, and how that was chosen.
        alternatives: lowest χ² for other choices of what is not fitted (categories, whole numbers).
        model: of the bins.
        columns: of the fitted parameters in a unit point, shape (p,).
        unit_covariance: in unit coordinates, shape (p, p).
    """

    params: Mapping[str, Any]
    unit: Array
    parameters: tuple[TunedParameter, ...]
    covariance: Array
    eigentunes: tuple[Eigentune, ...]
    observables: tuple[ObservableFit, ...]
    chi2: float
    ndf: float
    level: float
    loss: float
    outputs: Array
    outputs_std: Array
    statistic: Statistic
    settings: TuneSettings
    alternatives: tuple[tuple[Mapping[str, Any], float], ...]
    model: BinModel = field(repr=False)
    columns: Array = field(repr=False)
    unit_covariance: Array = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fitted parameters."""
        return tuple(each.name for each in self.parameters)

    @property
    def errors(self) -> dict[str, float]:
        """One standard deviation of each fitted parameter, in the user's units."""
        return {each.name: each.error for each in self.parameters}

    @property
    def correlation(self) -> Array:
        """Of the fitted parameters, shape (p, p)."""
        widths = np.sqrt(np.diagonal(self.covariance))
        return np.asarray(self.covariance / np.outer(widths, widths))


def fit_tune(problem: Problem, evidence: Evidence, settings: TuneSettings | None = None) -> Tune:
    """Return the tune that evaluations of vector outputs make.

    Args:
        problem: with a ``ChiSquare`` as its loss.
        evidence: at least four evaluations; what ``smbo.derived.encode`` makes of trials.

    Raises:
        ProblemError: there are no bins to compare with data, or too few evaluations, or the settings
            do not fit them.
    """
    return refit(problem, evidence, BinModel.of(evidence), settings)


def refit(
    problem: Problem, evidence: Evidence, model: BinModel, settings: TuneSettings | None = None
) -> Tune:
    """Return the tune under other settings, from a model of the bins that is there already."""
    settings = settings or TuneSettings()
    loss = problem.loss
    assert isinstance(loss, ChiSquare), "BinModel.of refuses others"
    statistic = Statistic.of(loss, settings)
    target = _Target(model, statistic, _metric(statistic, np.zeros(model.n_bins)))
    found = _minima(problem, evidence, target)
    for _ in range(_N_PASSES):
        unit = found[0][1]
        _, variance = model.moments(unit[None])
        target = _Target(model, statistic, _metric(statistic, variance[0]))
        found = [_from(problem, target, unit), *found[1:]]
    return _tune(problem, target, found, settings, loss)


@dataclass(frozen=True, eq=False)
class _Target:
    """The expected χ² as a function of unit points; metric: weight over variance of each bin, (k,)."""

    model: BinModel
    statistic: Statistic
    metric: Array

    def __post_init__(self) -> None:
        weighted = self.metric[:, None] * self.model.directions
        off = self.model.origin - self.statistic.data
        object.__setattr__(self, "_square", self.model.directions.T @ weighted)
        object.__setattr__(self, "_linear", weighted.T @ off)
        object.__setattr__(self, "_constant", float(self.metric @ off**2))

    def __call__(self, points: Array) -> Array:
        """Return E[Σ metric (y - d)²] at unit points (m, d), shape (m,)."""
        z, variances = self.model.processes(points)
        square: Array = self._square  # type: ignore[attr-defined]
        values = np.einsum("mi,ij,mj->m", z, square, z) + 2.0 * z @ self._linear  # type: ignore[attr-defined]
        return np.asarray(values + variances @ np.diagonal(square) + self._constant)  # type: ignore[attr-defined]


def _metric(statistic: Statistic, variance: Array) -> Array:
    full = statistic.variances + variance
    return np.divide(statistic.weights, full, out=np.zeros_like(full), where=statistic.weights > 0.0)


def _minima(problem: Problem, evidence: Evidence, target: _Target) -> list[tuple[float, Array]]:
    """Return the lowest point for each choice of what is not fitted, (value, unit point), the best first."""
    values = target(evidence.points)
    groups: dict[bytes, list[int]] = {}
    for row in np.argsort(values):
        groups.setdefault(_discrete_key(problem, evidence.points[row]), []).append(int(row))
    found = []
    for rows in groups.values():
        ends = [_from(problem, target, evidence.points[row]) for row in rows[:_N_STARTS]]
        found.append(min(ends, key=lambda end: end[0]))
    return sorted(found, key=lambda end: end[0])


def _from(problem: Problem, target: _Target, start: Array) -> tuple[float, Array]:
    """Return value and unit point of the minimum that is reached from a start along what is fitted."""
    columns = fitted_columns(problem, start)
    if not len(columns):
        return float(target(start[None])[0]), start

    def at(coordinates: Array) -> tuple[float, Array]:
        step = 1e-5
        units = np.tile(start, (2 * len(columns) + 1, 1))
        units[:, columns] = coordinates
        rows = np.arange(len(columns))
        units[1 + rows, columns] += step
        units[1 + len(columns) + rows, columns] -= step
        values = target(units)
        up, down = np.split(values[1:], 2)
        return float(values[0]), (up - down) / (2.0 * step)

    done = minimize(at, start[columns], jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * len(columns))
    end = start.copy()
    end[columns] = np.clip(done.x, 0.0, 1.0)
    if not problem.space.allowed(end[None])[0]:  # beyond a known constraint: the best that was evaluated
        return float(target(start[None])[0]), start
    return float(target(end[None])[0]), end


def fitted_columns(problem: Problem, unit: Array) -> Array:
    """Return the columns of the continuous dimensions that are active at a unit point."""
    active = problem.space.from_unit(unit[None])[0]
    return np.array(
        [
            column
            for column, axis in enumerate(problem.space.axes)
            if axis.kind == "continuous" and axis.name in active
        ],
        dtype=np.intp,
    )


def _discrete_key(problem: Problem, unit: Array) -> bytes:
    others = np.array([axis.kind != "continuous" for axis in problem.space.axes], dtype=bool)
    return np.round(unit[others], 9).tobytes()


def _tune(
    problem: Problem,
    target: _Target,
    found: list[tuple[float, Array]],
    settings: TuneSettings,
    loss: ChiSquare,
) -> Tune:
    model, statistic, unit = target.model, target.statistic, found[0][1]
    columns = fitted_columns(problem, unit)
    mean, variance = (each[0] for each in model.moments(unit[None]))
    metric = _metric(statistic, variance)
    jacobian = _significant(model, unit, columns, metric)
    response, ndf = _response(jacobian, metric, statistic)
    chi2 = float(metric @ (mean - statistic.data) ** 2)
    level = _level(settings.level, chi2, ndf)
    parts = {
        "data": level * (response * statistic.errors**2) @ response.T,
        "theory": level * (response * statistic.theory**2) @ response.T,
        "simulation": _simulation(response, model, unit),
    }
    narrowed = _widened(
        unit[columns],
        sum(parts.values(), start=np.zeros((len(columns), len(columns)))) + _of_range(jacobian, metric),
    )
    scale = _scale(problem, unit, columns)
    params = problem.space.from_unit(problem.space.snap(unit[None]))[0]
    return Tune(
        params=params,
        unit=unit,
        parameters=_parameters(problem, params, unit, columns, narrowed, parts, scale),
        covariance=narrowed * np.outer(scale, scale),
        eigentunes=_eigentunes(problem, unit, columns, narrowed),
        observables=_observables(statistic, mean, variance, jacobian, np.sqrt(np.diagonal(narrowed))),
        chi2=chi2,
        ndf=ndf,
        level=level,
        loss=float(loss.of(mean)),
        outputs=mean,
        outputs_std=np.sqrt(variance),
        statistic=statistic,
        settings=settings,
        alternatives=_alternatives(problem, found),
        model=model,
        columns=columns,
        unit_covariance=narrowed,
    )


def _significant(model: BinModel, unit: Array, columns: Array, metric: Array) -> Array:
    """Return the slopes of the bins, less what their own errors add to their squares, (k, p).

    Where a parameter does nothing, noise makes slopes all the same; their squares, summed over many
    bins, would pass for knowledge of it.
    """
    jacobian = model.jacobian(unit, columns)
    known = metric @ jacobian**2
    noise = (metric @ model.directions**2) @ model.slope_variances(unit, columns)
    share = np.divide(noise, known, out=np.ones_like(known), where=known > 0.0)
    return np.asarray(jacobian * np.sqrt(np.maximum(1.0 - share, 0.0)))


def _precision(jacobian: Array, metric: Array) -> Array:
    """Return H with what the range itself says, (p, p)."""
    return (jacobian.T * metric) @ jacobian + np.eye(jacobian.shape[1]) / _FLAT**2


def _response(jacobian: Array, metric: Array, statistic: Statistic) -> tuple[Array, float]:
    """Return how the parameters follow the bins of the data, (p, k), and the degrees of freedom."""
    factor = linalg.cholesky(_precision(jacobian, metric))
    response = linalg.solve(factor, jacobian.T * metric)
    leverage = np.einsum("kp,pk->k", jacobian, response)
    return response, max(float(statistic.weights @ (1.0 - leverage)), 1e-9)


def _of_range(jacobian: Array, metric: Array) -> Array:
    """Return what is left of the ranges' own variance, (p, p): nothing where the data say much."""
    inverse = linalg.inverse(linalg.cholesky(_precision(jacobian, metric)))
    return inverse @ inverse / _FLAT**2


def _widened(coordinates: Array, covariance: Array) -> Array:
    """Return the covariance (p, p), two deviations of what is not constrained reaching to both ends.

    Its value is anywhere, at an end as likely as not; so would be an error that is counted from there.
    """
    widths = np.sqrt(np.diagonal(covariance))
    reach = np.maximum(coordinates, 1.0 - coordinates)
    wanted = np.where(widths < UNCONSTRAINED, widths, np.maximum(widths, 0.5 * reach))
    return np.asarray(covariance * np.outer(wanted / widths, wanted / widths))


def _simulation(response: Array, model: BinModel, unit: Array) -> Array:
    """Return the covariance that comes of the model's own errors, (p, p)."""
    along = response @ model.error_factor(unit)
    return along @ along.T + (response * model.rest_variance) @ response.T


def _level(level: Any, chi2: float, ndf: float) -> float:
    if level == "pdg":
        return max(1.0, chi2 / ndf)
    return chi2 / ndf if level == "residuals" else float(level)


def _scale(problem: Problem, unit: Array, columns: Array) -> Array:
    """Return the slopes of the user's values by the unit coordinates, (p,)."""
    step = 1e-6
    slopes = []
    for column in columns:
        name = problem.space.axes[column].name
        ends = np.tile(unit, (2, 1))
        ends[:, column] = np.clip([unit[column] - step, unit[column] + step], 0.0, 1.0)
        low, high = (float(point[name]) for point in problem.space.from_unit(ends))
        slopes.append((high - low) / float(ends[1, column] - ends[0, column]))
    return np.array(slopes)


def _parameters(
    problem: Problem,
    params: Mapping[str, Any],
    unit: Array,
    columns: Array,
    covariance: Array,
    parts: Mapping[str, Array],
    scale: Array,
) -> tuple[TunedParameter, ...]:
    found = []
    for p, column in enumerate(columns):
        name = problem.space.axes[column].name
        width = float(np.sqrt(covariance[p, p]))
        ends = np.tile(unit, (2, 1))
        ends[:, column] = (0.0, 1.0)
        low, high = (float(point[name]) for point in problem.space.from_unit(ends))
        bound = "lower" if unit[column] <= BOUND else "upper" if unit[column] >= 1.0 - BOUND else None
        found.append(
            TunedParameter(
                name=name,
                value=float(params[name]),
                error=width * float(scale[p]),
                parts={key: float(np.sqrt(part[p, p]) * scale[p]) for key, part in parts.items()},
                low=low,
                high=high,
                bound=bound,
                is_constrained=width < UNCONSTRAINED,
            )
        )
    return tuple(found)


def _eigentunes(problem: Problem, unit: Array, columns: Array, covariance: Array) -> tuple[Eigentune, ...]:
    if not len(columns):
        return ()
    squares, axes = np.linalg.eigh(covariance)
    found = []
    for square, axis in zip(squares[::-1], axes.T[::-1]):
        size = float(np.sqrt(max(square, 0.0)))
        axis = axis * np.sign(axis[np.argmax(np.abs(axis))])  # an axis has no sign of its own
        ends = np.tile(unit, (2, 1))
        ends[:, columns] += np.outer([1.0, -1.0], size * axis)
        inside = np.clip(ends, 0.0, 1.0)
        plus, minus = problem.space.from_unit(problem.space.snap(inside))
        names = [problem.space.axes[column].name for column in columns]
        direction = dict(zip(names, axis.tolist(), strict=True))
        found.append(Eigentune(size, direction, plus, minus, bool((ends != inside).any())))
    return tuple(found)


def _observables(
    statistic: Statistic, mean: Array, variance: Array, jacobian: Array, widths: Array
) -> tuple[ObservableFit, ...]:
    full = statistic.variances + variance
    errors = np.sqrt(np.where(full > 0.0, full, np.inf))
    pulls = (mean - statistic.data) / errors
    slopes = jacobian / errors[:, None]
    information = statistic.weights[:, None] * slopes**2
    total = information.sum(axis=0)
    total = np.where(total > 0.0, total, 1.0)
    found = []
    for name, where in statistic.slices().items():
        moved = slopes[where] * widths
        found.append(
            ObservableFit(
                name=name,
                weight=float(statistic.weights[where].max()),
                chi2=float((pulls[where] ** 2).sum()),
                pulls=pulls[where],
                information=information[where].sum(axis=0) / total,
                response=np.sign(moved.mean(axis=0)) * np.sqrt((moved**2).mean(axis=0)),
            )
        )
    return tuple(found)


def _alternatives(
    problem: Problem, found: list[tuple[float, Array]]
) -> tuple[tuple[Mapping[str, Any], float], ...]:
    """Return the other choices of what is not fitted, with their lowest χ²."""
    if len(found) < 2:
        return ()
    points = problem.space.from_unit(problem.space.snap(np.array([unit for _, unit in found])))
    return tuple((point, value) for point, (value, _) in zip(points, found))
