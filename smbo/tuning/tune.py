"""The result of a tune: best parameters, their covariance, eigentunes, and the fit of each observable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smbo.training_data import Array
from smbo.tuning.bins import BinModel
from smbo.tuning.statistic import Statistic, TuneSettings


@dataclass(frozen=True)
class TunedParameter:
    """One parameter of a tune, in the user's units.

    Attributes:
        name, value: name of the parameter, and its value at the best point.
        error: one standard deviation.
        parts: contributions to the error: "data", their errors; "theory", its uncertainty; "simulation", its
            statistics and the density of its runs; "range", where neither data nor evaluations constrain.
        low, high: bounds of the range.
        bound: "lower" or "upper" where the value ends on that bound.
        is_constrained: whether the data constrain it; else the error is about that of a flat distribution
            over the range.
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
        size: standard deviation along the axis, in units of the ranges.
        direction: unit vector of the axis by parameter, in units of the ranges.
        plus, minus: whole points.  A step that leaves the ranges ends at the bound.
        is_cut: whether one of the steps ends at a bound.
    """

    size: float
    direction: Mapping[str, float]
    plus: Mapping[str, Any]
    minus: Mapping[str, Any]
    is_cut: bool


@dataclass(frozen=True, eq=False)
class ObservableFit:
    """The fit of one observable in a tune.

    Attributes:
        name: of the observable.
        weight: largest weight of its bins; 0 where it was left out of the fit.
        chi2: Σ (y - d)² / (s² + (t d)² + e²), unweighted; over n bins.
        pulls: (y - d) / √(s² + (t d)² + e²), bin by bin, shape (n,).
        information: on each fitted parameter, as a share of that of all observables together, with the other
            parameters fixed, shape (p,).
        response: change of the pulls by one standard deviation of each parameter, root mean square over bins,
            with the sign of the mean, shape (p,).
    """

    name: str
    weight: float
    chi2: float
    pulls: Array
    information: Array
    response: Array


@dataclass(frozen=True, eq=False)
class Tune:
    """Best parameters of a simulator, their covariance, and the fit of each observable.

    >>> rng = np.random.default_rng(0)
    >>> def bins(x):
    ...     return np.array([1.0 + x, 2.0 - x, x])
    >>> loss = smbo.problem.ChiSquare(bins(0.4), errors=np.full(3, 0.05))
    >>> optimizer = Optimizer(Problem({"x": (0.0, 1.0)}, loss=loss), seed=1)
    >>> for trial in optimizer.ask(5):
    ...     noisy = bins(trial.params["x"]) + 0.01 * rng.standard_normal(3)
    ...     _ = optimizer.tell(trial, outputs=noisy, covariance=np.full(3, 1e-4))
    >>> tune = optimizer.tune()
    >>> abs(tune.params["x"] - 0.4) < 3 * tune.errors["x"]
    True

    Attributes:
        params: the best point, whole, in the user's units.
        unit: the best point as a unit point, shape (d,).
        parameters: those that were fitted, p of them.
        covariance: of the fitted parameters, in the user's units, shape (p, p).
        eigentunes: the largest uncertainty first.
        observables: in the order of the bins.
        chi2: weighted, at the best point; ndf: effective number of bins less that of parameters.
        level: Δχ² of one standard deviation.
        loss: the study's loss at the best point, predicted by the model.
        outputs, outputs_std: predicted bins at the best point and the model's errors, shape (k,).
        statistic, settings: the χ² that was minimised, and the settings that define it.
        alternatives: lowest expected χ² for each choice of the parameters not fitted (categories, whole
            numbers), the best first; empty where there is only one.
        n_evaluations: number of evaluations that the model was fitted to.
        model: model of the bins.
        columns: columns of the fitted parameters in a unit point, shape (p,).
        unit_covariance: covariance in unit coordinates, shape (p, p).
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
    n_evaluations: int
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
        """Correlation matrix of the fitted parameters, shape (p, p)."""
        widths = np.sqrt(np.diagonal(self.covariance))
        return np.asarray(self.covariance / np.outer(widths, widths))
