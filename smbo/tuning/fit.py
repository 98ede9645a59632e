"""Fit of a tune: the parameters of lowest χ², their sandwich covariance, eigentunes, and each observable.

The tune is computed from the stored evaluations alone.  The parameters minimise the expected χ² of the bins
under the bin model.  Their covariance is that of this estimator, linearised (a "sandwich": White
1980, "A Heteroskedasticity-Consistent Covariance Matrix Estimator"), with H = Jᵀ M J, J the slopes
of the bins and M = w / (s² + (t d)² + e²):

    covariance = level · H⁻¹ Jᵀ M diag(s² + (t d)²) M J H⁻¹  +  H⁻¹ Jᵀ M E M J H⁻¹

s are the data's errors, t d the theory uncertainty, and E the covariance of the model's own errors e, which
are due to the simulation's statistics and the density of its runs; the noise of J adds to it.  Only the
significant part of J is used (``jacobian``).  With all weights 1 the first term is the covariance by
Δχ² = level.  Along directions without information in the data H is singular; there the prior is a flat
distribution over the range, with the variance width²/12.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from smbo.errors import ProblemError
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.problem.losses import ChiSquare
from smbo.surrogates import linalg
from smbo.training_data import Array, TrainingData
from smbo.trial import Trial
from smbo.tuning.bins import BinModel
from smbo.tuning.minimum import Target, discrete_key, fitted_columns, metric_of, minima, minimum_from
from smbo.tuning.statistic import Statistic, TuneSettings
from smbo.tuning.tune import Eigentune, ObservableFit, Tune, TunedParameter

# A flat distribution over a range has this standard deviation, as a fraction of it.
_UNIFORM_STD = 12.0**-0.5
# In units of the range: from this on two standard deviations to each side cover it, and it is unconstrained.
MAX_CONSTRAINED_STD = 0.25
BOUND_TOLERANCE = 0.01  # of a range: a value this close to an end of it counts as on the bound
_N_PASSES = 3  # the weights depend on the model's errors at the minimum; they converge within these


def tune_of(
    problem: Problem,
    trials: Iterable[Trial],
    settings: TuneSettings | None = None,
    at: Mapping[str, Any] | None = None,
) -> Tune:
    """Return the tune by the finished trials of a problem with vector outputs; see ``fit_tune``.

    Args:
        at: the point whose errors and agreement are wanted, such as the recommended one; None for the
            minimum of the settings' χ².
    """
    if not isinstance(problem.loss, ChiSquare):
        raise ProblemError(
            "a tune needs bins and data: Problem(..., loss=ChiSquare(data, errors)), or an objective that "
            "has one"
        )
    data = encode(problem, trials)
    return refit(problem, data, BinModel.of(data), settings, at)


def fit_tune(problem: Problem, data: TrainingData, settings: TuneSettings | None = None) -> Tune:
    """Return the tune by evaluations of vector outputs.

    Args:
        problem: with a ``ChiSquare`` as its loss.
        data: at least four evaluations; from trials by ``smbo.history.encode.encode``.

    Raises:
        ProblemError: there are no bins to compare with data, or too few evaluations, or the settings
            do not fit them.
    """
    return refit(problem, data, BinModel.of(data), settings)


def refit(
    problem: Problem,
    data: TrainingData,
    model: BinModel,
    settings: TuneSettings | None = None,
    at: Mapping[str, Any] | None = None,
) -> Tune:
    """Return the tune under other settings, from a bin model that was fitted before; see ``tune_of``."""
    settings = settings or TuneSettings()
    loss = problem.loss
    assert isinstance(loss, ChiSquare), "BinModel.of refuses others"
    statistic = Statistic.of(loss, settings)
    target = Target(model, statistic, metric_of(statistic, np.zeros(model.n_bins)))
    found = minima(problem, data, target)
    if at is not None:
        return _tune(problem, *_at(problem, target, found, at), settings, loss, dict(at))
    for _ in range(_N_PASSES):
        unit = found[0][1]
        _, variance = model.moments(unit[None])
        target = Target(model, statistic, metric_of(statistic, variance[0]))
        found = [minimum_from(problem, target, unit), *found[1:]]
    # the alternatives with the same weights, so that their χ² can be compared
    others = [minimum_from(problem, target, unit) for _, unit in found[1:]]
    found = sorted([found[0], *others], key=lambda end: end[0])
    return _tune(problem, target, found, settings, loss)


def _at(
    problem: Problem, target: Target, found: list[tuple[float, Array]], at: Mapping[str, Any]
) -> tuple[Target, list[tuple[float, Array]]]:
    """Return the target by the model's errors at a point, and the point before other choices' minima."""
    unit = problem.space.to_unit([at])[0]
    _, variance = target.model.moments(unit[None])
    target = Target(target.model, target.statistic, metric_of(target.statistic, variance[0]))
    mine = discrete_key(problem, unit)
    others = [minimum_from(problem, target, each) for _, each in found if discrete_key(problem, each) != mine]
    return target, [(float(target(unit[None])[0]), unit), *others]


def _tune(
    problem: Problem,
    target: Target,
    found: list[tuple[float, Array]],
    settings: TuneSettings,
    loss: ChiSquare,
    params: Mapping[str, Any] | None = None,
) -> Tune:
    model, statistic, unit = target.model, target.statistic, found[0][1]
    columns = fitted_columns(problem, unit)
    mean, variance = (each[0] for each in model.moments(unit[None]))
    metric = metric_of(statistic, variance)
    estimated = model.jacobian(unit, columns)
    jacobian = estimated.significant(metric)
    response, ndf = _response(jacobian, metric, statistic)
    chi2 = float(metric @ (mean - statistic.data) ** 2)
    level = _level(settings.level, chi2, ndf)
    parts = {
        "data": level * (response * statistic.errors**2) @ response.T,
        "theory": level * (response * statistic.theory**2) @ response.T,
        "simulation": _simulation(response, model, unit),
    }
    parts["simulation"] += _slope_error_covariance(
        jacobian, metric, estimated.covariance_along(metric * (mean - statistic.data))
    )
    parts["range"] = _range_covariance(jacobian, metric)
    total = parts["data"] + parts["theory"] + parts["simulation"] + parts["range"]
    narrowed = _widen_unconstrained(unit[columns], total)
    scale = _scale(problem, unit, columns)
    params = params or problem.space.from_unit(problem.space.snap(unit[None]))[0]
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
        n_evaluations=model.n_evaluations,
        model=model,
        columns=columns,
        unit_covariance=narrowed,
    )


def _precision(jacobian: Array, metric: Array) -> Array:
    """Return H plus the precision of a flat distribution over the ranges, (p, p)."""
    return (jacobian.T * metric) @ jacobian + np.eye(jacobian.shape[1]) / _UNIFORM_STD**2


def _response(jacobian: Array, metric: Array, statistic: Statistic) -> tuple[Array, float]:
    """Return the derivatives of the parameters by the data's bins, (p, k), and the degrees of freedom."""
    factor = linalg.cholesky(_precision(jacobian, metric))
    response = linalg.solve(factor, jacobian.T * metric)
    leverage = np.einsum("kp,pk->k", jacobian, response)
    return response, max(float(statistic.weights @ (1.0 - leverage)), 1e-9)


def _range_covariance(jacobian: Array, metric: Array) -> Array:
    """Return the part of the covariance due to the ranges, (p, p): near zero where the data constrain."""
    inverse = linalg.inverse(linalg.cholesky(_precision(jacobian, metric)))
    return inverse @ inverse / _UNIFORM_STD**2


def _widen_unconstrained(coordinates: Array, covariance: Array) -> Array:
    """Return the covariance (p, p), unconstrained parameters widened to reach both ends at two deviations.

    The value of an unconstrained parameter is arbitrary and may be at an end, from which a flat
    distribution's standard deviation would not reach the other end.
    """
    widths = np.sqrt(np.diagonal(covariance))
    reach = np.maximum(coordinates, 1.0 - coordinates)
    wanted = np.where(widths < MAX_CONSTRAINED_STD, widths, np.maximum(widths, 0.5 * reach))
    return np.asarray(covariance * np.outer(wanted / widths, wanted / widths))


def _simulation(response: Array, model: BinModel, unit: Array) -> Array:
    """Return the covariance due to the model's own errors, (p, p)."""
    along = response @ model.errors(unit)
    return np.asarray(along @ along.T)


def _slope_error_covariance(jacobian: Array, metric: Array, noise: Array) -> Array:
    """Return the covariance due to the noise of the Jacobian along the residuals, (p, p).

    Directions without significant slopes are left out.
    """
    information = (jacobian.T * metric) @ jacobian
    values, axes = np.linalg.eigh(information)
    there = axes[:, values > 1e-6 * max(float(values.max(initial=0.0)), 1e-300)]
    told = there @ there.T
    inverse = linalg.inverse(linalg.cholesky(_precision(jacobian, metric)))
    return np.asarray(inverse @ told @ noise @ told @ inverse)


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
        bound = (
            "lower"
            if unit[column] <= BOUND_TOLERANCE
            else "upper"
            if unit[column] >= 1.0 - BOUND_TOLERANCE
            else None
        )
        found.append(
            TunedParameter(
                name=name,
                value=float(params[name]),
                error=width * float(scale[p]),
                parts={key: float(np.sqrt(part[p, p]) * scale[p]) for key, part in parts.items()},
                low=low,
                high=high,
                bound=bound,
                is_constrained=width < MAX_CONSTRAINED_STD,
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
        axis = axis * np.sign(axis[np.argmax(np.abs(axis))])  # the sign of an axis is arbitrary
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
    """Return the alternatives of the parameters that are not fitted, with their lowest χ²."""
    if len(found) < 2:
        return ()
    points = problem.space.from_unit(problem.space.snap(np.array([unit for _, unit in found])))
    fitted = {axis.name for axis in problem.space.axes if axis.kind == "continuous"}
    return tuple(
        ({name: value for name, value in point.items() if name not in fitted}, lowest)
        for point, (lowest, _) in zip(points, found)
    )
