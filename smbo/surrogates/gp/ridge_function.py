"""A ridge function added to a Gaussian process: structure along one direction that is no axis.

A ridge function is a function of one linear combination of the axes, g(wᵀx).  A corridor of low efficiency
along a difference of two masses is one: it has the short length of its width across, and none along.  A
kernel with a length for each axis has to take the short one for both, and learns the corridor only where it
was evaluated.  With g ~ GP(0, σ² k) of a squared exponential k the sum has covariance k(x, x') + σ² exp(-(wᵀx
- wᵀx')² / 2).  Direction and width are learned with the other hyperparameters, by the same marginal
likelihood.

Sources: Friedman & Stuetzle (1981), "Projection Pursuit Regression" (the model); Gilboa, Saatçi & Cunningham
(2013), "Scaling Multidimensional Gaussian Processes using Projected Additive Approximations" (as a kernel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import minimize

from smbo.errors import NumericalError
from smbo.surrogates.base import Memory, is_learning_due
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.gp.marginal_likelihood import (
    GRADIENT_TOLERANCE,
    VALUE_TOLERANCE,
    Hyperparameters,
    Likelihood,
    bounds_of,
    default_start,
)
from smbo.surrogates.gp.universal_kriging import UniversalKriging
from smbo.training_data import Array, TrainingData

# Normal priors on log σ² and on log |w|, the inverse width in edges of the cube; all directions are alike.
_LOG_VARIANCE, _LOG_STEEPNESS = (-1.0, 2.0), (float(np.log(8.0)), 0.8)
_BOUNDS_LOG_VARIANCE, _BOUND_WEIGHT = (-9.0, 9.0), 40.0
# Directions tried at the start of a search: axes, and sums and differences of two, of up to so many axes.
_MOST_AXES_PAIRED = 5
_N_ANGLES = 8  # directions tried in two axes, evenly
_LEAST_VALUES = 10  # from which a direction may be learned: twice its unknowns and more
_RELEARN_GROWTH = 0.12  # of the number of values, after which a direction is learned again


@dataclass(frozen=True)
class RidgeFunction:
    """A random function g(wᵀx) with a squared exponential covariance of variance σ².

    Attributes:
        log_variance: log σ², of standardised values.
        weights: w of each axis that is not categorical, in inverse widths of g.
    """

    log_variance: float
    weights: tuple[float, ...]

    @property
    def mean_variance(self) -> float:
        """Variance, the same at all points."""
        return float(np.exp(self.log_variance))

    def covariance(self, left: Array, right: Array) -> Array:
        """Return the covariance between unit points (m, d) and (n, d), (m, n)."""
        return np.asarray(self.mean_variance * np.exp(-0.5 * self._gaps(left, right) ** 2))

    def variance(self, points: Array) -> Array:
        """Return the variance at unit points (m, d), (m,)."""
        return np.full(len(points), self.mean_variance)

    def pulled(self, points: Array, others: Array, weights: Array) -> Array:
        """Return Σ_b weights_ab dc(x_a, x_b) / dx_a of the covariance c at unit points (m, d), (m, d)."""
        gaps = self._gaps(points, others)
        slopes = -self.mean_variance * np.exp(-0.5 * gaps**2) * gaps
        return np.asarray((slopes * weights).sum(axis=1)[:, None] * np.array(self.weights))

    def variance_slopes(self, points: Array) -> Array:
        """Return the derivatives of the variance by unit points (m, d), (m, d)."""
        return np.zeros_like(points)

    def _gaps(self, left: Array, right: Array) -> Array:
        way = np.array(self.weights)
        return np.asarray((left @ way)[:, None] - right @ way)


def train_with_ridge(
    process: GP, data: TrainingData, memory: Memory
) -> tuple[UniversalKriging, dict[str, Any]] | None:
    """Return a process with a ridge function, both learned, and the memory that restores them; None if too
    few.

    Args:
        process: trained without; its power transform is kept, and its hyperparameters are a start.
        memory: returned by the call before, {} at first.
    """
    columns = smooth_columns(data)
    n = data.n_told
    if len(columns) < 2 or n < max(_LEAST_VALUES, 2 * len(columns) + 4):
        return None
    kept = _Joint.from_json(memory) if memory else None
    if kept is None or is_learning_due(n, int(memory["n_learned"]), 0, _RELEARN_GROWTH):
        found = _learned(process, data, columns, kept)
        if found is None:
            return None
        kept, n_learned = found, n
    else:
        n_learned = int(memory["n_learned"])
    fixed = replace(process, hyperparameters=kept.theta)
    return UniversalKriging(kept.ridge, fixed), {**kept.to_json(), "n_learned": n_learned}


def smooth_columns(data: TrainingData) -> list[int]:
    """Return the columns of unit points that are not categorical."""
    return [column for column, axis in enumerate(data.axes) if axis.kind != "categorical"]


@dataclass(frozen=True)
class _Joint:
    """Hyperparameters of a process and its ridge function."""

    theta: Hyperparameters
    ridge: RidgeFunction

    def vector(self) -> Array:
        return np.array([*self.theta.vector(), self.ridge.log_variance, *self.ridge.weights])

    @classmethod
    def of_vector(cls, vector: Array, n_axes: int) -> _Joint:
        values = [float(value) for value in vector]
        theta = Hyperparameters.of_vector(vector[: n_axes + 2], n_axes)
        return cls(theta, RidgeFunction(values[n_axes + 2], tuple(values[n_axes + 3 :])))

    def to_json(self) -> dict[str, Any]:
        return {
            "hyperparameters": self.theta.to_json(),
            "log_variance": self.ridge.log_variance,
            "weights": list(self.ridge.weights),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> _Joint:
        theta = Hyperparameters.from_json(data["hyperparameters"])
        return cls(theta, RidgeFunction(data["log_variance"], tuple(data["weights"])))


def _learned(process: GP, data: TrainingData, columns: Sequence[int], before: _Joint | None) -> _Joint | None:
    """Return the most probable hyperparameters; those of the call before are a start."""
    likelihood, points = process.likelihood(data)
    points = points[:, columns]
    n_axes = len(data.axes)
    assert process.hyperparameters is not None
    thetas = [process.hyperparameters, default_start(process.priors, data.axes)]
    ways = _directions(len(columns)) * np.exp(_LOG_STEEPNESS[0])
    tried = [
        _Joint(theta, RidgeFunction(_LOG_VARIANCE[0], tuple(way.tolist())))
        for theta in thetas
        for way in ways
    ]
    scores = [negative_with_gradient(likelihood, points, each.vector())[0] for each in tried]
    best_first = np.argsort(scores, kind="stable")
    is_known = before is not None and len(before.ridge.weights) == len(columns)
    starts = [tried[row] for row in best_first[: 1 if is_known else 2].tolist()]
    if before is not None and is_known:
        starts.append(before)
    of_ridge = [_BOUNDS_LOG_VARIANCE] + [(-_BOUND_WEIGHT, _BOUND_WEIGHT)] * len(columns)
    low, high = np.concatenate([bounds_of(n_axes), of_ridge]).T

    def target(vector: Array) -> tuple[float, Array]:
        return negative_with_gradient(likelihood, points, vector)

    best: tuple[float, Array] | None = None
    for start in starts:
        result = minimize(
            target,
            np.clip(start.vector(), low, high),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(low, high)),
            options={"maxiter": process.n_iterations, "ftol": VALUE_TOLERANCE, "gtol": GRADIENT_TOLERANCE},
        )
        if np.isfinite(result.fun) and result.fun < (1e299 if best is None else best[0]):
            best = float(result.fun), result.x
    return None if best is None else _Joint.of_vector(best[1], n_axes)


def negative_with_gradient(likelihood: Likelihood, points: Array, vector: Array) -> tuple[float, Array]:
    """Return minus the log density of process and ridge function (up to a constant), and its gradient.

    Args:
        likelihood: of the process without a ridge function.
        points: unit points without categorical columns, (n, d).
        vector: hyperparameters of the process, log σ², w.
    """
    joint = _Joint.of_vector(vector, likelihood.n_axes)
    ridge, n_process = joint.ridge, likelihood.n_axes + 2
    covariance = ridge.covariance(points, points)
    try:
        value, slopes, weights = replace(likelihood, trend=covariance).negative_with_weights(
            vector[:n_process]
        )
    except NumericalError:
        # a huge value makes the line search step back to where the covariance can be factorised
        return 1e300, np.zeros_like(vector)
    way = np.array(ridge.weights)
    steepness = max(float(np.linalg.norm(way)), 1e-9)
    pulls = np.array([ridge.log_variance, np.log(steepness)])
    means, stds = np.array([_LOG_VARIANCE, _LOG_STEEPNESS]).T
    pulls = (pulls - means) / stds
    along = points @ way
    weighted = weights * covariance
    to_variance = 0.5 * weighted.sum() + pulls[0] / stds[0]
    # dc/dw = -c (wᵀδ) δ, summed over pairs with weights W / 2
    to_way = -((weighted * (along[:, None] - along)).sum(axis=1) @ points)
    to_way = to_way + pulls[1] / stds[1] * way / steepness**2
    return value + 0.5 * float(pulls @ pulls), np.array([*slopes, to_variance, *to_way])


def _directions(d: int) -> Array:
    """Return unit vectors to start from, (k, d)."""
    if d == 2:
        angles = np.arange(_N_ANGLES) * np.pi / _N_ANGLES
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    axes = np.eye(d)
    pairs = combinations(range(min(d, _MOST_AXES_PAIRED)), 2)
    return np.array([*axes, *(axes[i] + sign * axes[j] for i, j in pairs for sign in (1.0, -1.0))])
