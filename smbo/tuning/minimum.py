"""Minimisation of the expected χ² over the continuous parameters (L-BFGS-B from several starts)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from smbo.problem import Problem
from smbo.training_data import Array, TrainingData
from smbo.tuning.bins import BinModel
from smbo.tuning.statistic import Statistic

_N_STARTS = 8


@dataclass(frozen=True, eq=False)
class Target:
    """The expected χ² as a function of unit points; metric: weight over variance of each bin, (k,)."""

    model: BinModel
    statistic: Statistic
    metric: Array
    _square: Array = field(init=False, repr=False)
    _linear: Array = field(init=False, repr=False)
    _constant: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        weighted = self.metric[:, None] * self.model.directions
        off = self.model.origin - self.statistic.data
        object.__setattr__(self, "_square", self.model.directions.T @ weighted)
        object.__setattr__(self, "_linear", weighted.T @ off)
        object.__setattr__(self, "_constant", float(self.metric @ off**2))

    def __call__(self, points: Array) -> Array:
        """Return E[Σ metric (y - d)²] at unit points (m, d), shape (m,)."""
        z, variances = self.model.coordinates(points)
        values = np.einsum("mi,ij,mj->m", z, self._square, z) + 2.0 * z @ self._linear
        return np.asarray(values + self.model.summed_spread(points, variances, self.metric) + self._constant)


def metric_of(statistic: Statistic, variance: Array) -> Array:
    """Return weight over variance of each bin, given the variance of the model's errors (k,), shape (k,)."""
    full = statistic.variances + variance
    return np.divide(statistic.weights, full, out=np.zeros_like(full), where=statistic.weights > 0.0)


def minima(problem: Problem, data: TrainingData, target: Target) -> list[tuple[float, Array]]:
    """Return the minimum for each choice of parameters not fitted, (value, unit point), the best first."""
    values = target(data.points)
    groups: dict[bytes, list[int]] = {}
    for row in np.argsort(values):
        groups.setdefault(discrete_key(problem, data.points[row]), []).append(int(row))
    found = []
    for rows in groups.values():
        ends = [minimum_from(problem, target, data.points[row]) for row in rows[:_N_STARTS]]
        found.append(min(ends, key=lambda end: end[0]))
    return sorted(found, key=lambda end: end[0])


def minimum_from(problem: Problem, target: Target, start: Array) -> tuple[float, Array]:
    """Return value and unit point of the minimum over the fitted parameters that is reached from a start."""
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
    if not problem.space.allowed(end[None])[0]:  # violates a known constraint: keep the evaluated start
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


def discrete_key(problem: Problem, unit: Array) -> bytes:
    """Return what tells choices of the parameters that are not fitted apart."""
    others = np.array([axis.kind != "continuous" for axis in problem.space.axes], dtype=bool)
    return np.round(unit[others], 9).tobytes()
