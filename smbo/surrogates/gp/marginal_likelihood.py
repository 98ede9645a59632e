"""Hyperparameters of a Gaussian process by maximum a posteriori: log marginal likelihood plus log priors.

With the symbols of ``gp``, minimised over θ:

    ½ (y - m)ᵀ α + Σ log L_ii + ½ m² + ½ Σ ((θ - prior mean) / prior deviation)²

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 2.30; gradient eq. 5.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from smbo.errors import NumericalError
from smbo.surrogates import linalg
from smbo.surrogates.gp.input_warping import Warp
from smbo.surrogates.gp.kernels import Features, Kernel, squared_distances
from smbo.surrogates.gp.replicated_values import LEAST_LOG_NOISE, ReplicateScatter
from smbo.training_data import Array

# Bounds of the search, for standardised values on the unit cube.  The lowest noise keeps the covariance of
# duplicates well conditioned; with a length scale above 300 the function is constant over the unit cube.
BOUNDS_LENGTH = (np.log(5e-3), np.log(3e2))
_BOUNDS_AMPLITUDE = (np.log(1e-3), np.log(1e4))
_BOUNDS_NOISE = (LEAST_LOG_NOISE, np.log(1e1))
_BOUNDS_WARP = (-1.5, 1.5)
# Relative tolerance of the value and tolerance of the gradient for L-BFGS.  A difference of 0.01 in log
# density is not significant, and each iteration costs a factorisation.  Measured: on average these lose
# 0.004 in log density without and 0.013 with a power transform (0.08 at worst), for 20 to 25 % fewer calls
# (no benchmark repeats this).
VALUE_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-2


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of a Gaussian process, θ; for standardised values on the unit cube.

    Attributes:
        log_lengths: log length scale of each axis, in unit-cube coordinates.
        log_amplitude: log prior variance of the latent function, log σ_f².
        log_noise: log variance of evaluations without a given variance, log σ_n².
        log_warps: log a of each axis, then log b (see ``Warp``); empty for none.
    """

    log_lengths: tuple[float, ...]
    log_amplitude: float
    log_noise: float
    log_warps: tuple[float, ...] = ()

    @classmethod
    def of_vector(cls, vector: Array, n_axes: int) -> Hyperparameters:
        values = [float(v) for v in vector]
        return cls(tuple(values[:n_axes]), values[n_axes], values[n_axes + 1], tuple(values[n_axes + 2 :]))

    def vector(self) -> Array:
        return np.array([*self.log_lengths, self.log_amplitude, self.log_noise, *self.log_warps])

    def with_identity_warps(self) -> Hyperparameters:
        """Return the same hyperparameters with warps that are the identity."""
        return replace(self, log_warps=(0.0,) * (2 * len(self.log_lengths)))

    @property
    def warp(self) -> Warp | None:
        """Input warping of the axes, None without."""
        if not self.log_warps:
            return None
        log_a, log_b = np.array(self.log_warps).reshape(2, -1)
        return Warp(log_a, log_b)

    def to_json(self) -> dict[str, Any]:
        return {
            "log_lengths": list(self.log_lengths),
            "log_amplitude": self.log_amplitude,
            "log_noise": self.log_noise,
            "log_warps": list(self.log_warps),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Hyperparameters:
        warps = tuple(data.get("log_warps", ()))
        return cls(tuple(data["log_lengths"]), data["log_amplitude"], data["log_noise"], warps)


@dataclass(frozen=True)
class Priors:
    """Normal priors on the logarithms, as (mean, standard deviation).

    ``log_length`` is for one axis; the mean grows by log(d) / 2 with the number of axes, since
    distances grow with √d (Hvarfner, Hellsten & Nardi 2024, "Vanilla Bayesian Optimization
    Performs Great in High Dimensions").  Their LogNormal(√2, √3) has its mode at a logarithm of
    √2 - 3 = -1.6; with its standard deviation √3 pure noise was taken for short length scales here, and
    searches with half of that found better points (no benchmark repeats this).

    >>> Priors() == Priors()
    True
    """

    log_length: tuple[float, float] = (-1.7, 0.8)
    log_amplitude: tuple[float, float] = (0.0, 2.0)
    log_noise: tuple[float, float] = (float(np.log(1e-3)), 3.0)
    log_warp: tuple[float, float] = (0.0, 0.5)

    def moments(self, n_axes: int, warped: bool = False) -> tuple[Array, Array]:
        """Return means and standard deviations of a hyperparameter vector, each (d + 2,) or (3d + 2,)."""
        length = self.log_length[0] + 0.5 * np.log(max(n_axes, 1))
        n_warps = 2 * n_axes if warped else 0
        means = [length] * n_axes + [self.log_amplitude[0], self.log_noise[0]] + [self.log_warp[0]] * n_warps
        stds = [self.log_length[1]] * n_axes + [self.log_amplitude[1], self.log_noise[1]]
        return np.array(means), np.array(stds + [self.log_warp[1]] * n_warps)


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The log posterior density of the hyperparameters given standardised values.

    Attributes:
        kernel, features, priors: of the model.
        n_axes: number of axes, d.
        points: unit points, (n, d).
        encoded: their features without warping, (n, D).
        values: standardised, (n,).
        variances: given variance of each value in standardised units, NaN where it is to be
            learned, (n,).
        repeated: likelihood of the scatter within replicates; None without replicates.
        trend: covariance of a polynomial added to the process, without hyperparameters, (n, n); or None.
    """

    kernel: Kernel
    features: Features
    priors: Priors
    n_axes: int
    points: Array
    encoded: Array
    values: Array
    variances: Array
    repeated: ReplicateScatter | None = None
    trend: Array | None = None

    def negative(self, theta: Hyperparameters) -> float:
        """Return minus the log density; infinity if the covariance cannot be factorised."""
        try:
            return self.negative_with_gradient(theta.vector())[0]
        except NumericalError:
            return float(np.inf)

    def negative_with_gradient(self, vector: Array) -> tuple[float, Array]:
        """Return minus the log density (up to a constant) and its gradient, of the vector's shape.

        The constant mean m ~ N(0, 1) is at its maximum given θ, so that the derivative by m is zero.
        """
        theta = Hyperparameters.of_vector(vector, self.n_axes)
        n, columns = len(self.values), self.features.columns
        lengths = np.exp(np.array(theta.log_lengths))[columns]
        warp = theta.warp
        encoded = self.encoded if warp is None else self.features.encode(self.points, warp)
        scaled = encoded / lengths
        profile, slope = self.kernel.profile_and_slope(squared_distances(scaled, scaled))
        amplitude, noise = np.exp(theta.log_amplitude), np.exp(theta.log_noise)
        covariance = amplitude * profile
        if self.trend is not None:
            covariance += self.trend
        counts = 1.0 if self.repeated is None else self.repeated.counts
        of_unknown = np.where(np.isnan(self.variances), noise / counts, 0.0)
        covariance.flat[:: n + 1] += noise_variances(self.variances, of_unknown)
        factor = linalg.cholesky(covariance)
        mean, alpha = constant_mean(factor, self.values)
        residual = self.values - mean

        means, stds = self.priors.moments(self.n_axes, warp is not None)
        pull = (vector - means) / stds
        value = 0.5 * residual @ alpha + np.log(np.diagonal(factor)).sum() + 0.5 * mean**2 + 0.5 * pull @ pull

        # R&W eq. 5.9: dL/dθ = ½ tr((K⁻¹ - ααᵀ) dK/dθ).  With W that bracket times dk/dr², the sum of
        # W_ab (z_a - z_b)² over pairs is two matrix products and needs no (n, n, d) array
        weights = linalg.inverse(factor)
        weights -= np.outer(alpha, alpha)
        to_amplitude = 0.5 * amplitude * np.einsum("ij,ij->", weights, profile)
        to_noise = 0.5 * of_unknown @ np.diagonal(weights)
        if self.repeated is not None:
            left, left_slope = self.repeated.negative_with_slope(noise)
            value, to_noise = value + left, to_noise + left_slope
        weights *= slope
        # dL / d scaled, (n, D): derivatives by length scales and warps follow by the chain rule
        pulls = (2.0 * amplitude) * (scaled * weights.sum(axis=1)[:, None] - weights @ scaled)
        to_lengths = -self.features.per_axis(np.einsum("ij,ij->j", pulls, scaled), self.n_axes)
        slopes = [*to_lengths, to_amplitude, to_noise]
        if warp is not None:
            pulls = np.where(self.features.coordinates, pulls / lengths, 0.0)
            for by_parameter in warp.parameter_slopes(self.points):
                sums = np.einsum("ij,ij->j", pulls, by_parameter[:, columns])
                slopes += [*self.features.per_axis(sums, self.n_axes)]
        return float(value), np.array(slopes) + pull / stds


def noise_variances(given: Array, learned: float | Array) -> Array:
    """Return each value's variance: the given one, or the learned one where that is NaN."""
    # a given variance of zero (or one that underflowed) must not make duplicates singular
    return np.where(np.isnan(given), learned, np.maximum(given, np.exp(_BOUNDS_NOISE[0])))


def constant_mean(factor: Array, values: Array) -> tuple[float, Array]:
    """Return the most probable constant mean m under m ~ N(0, 1), and K⁻¹ (y - m), shape (n,)."""
    solved = linalg.solve(factor, np.stack([values, np.ones_like(values)], axis=1))
    mean = float(solved[:, 0].sum() / (solved[:, 1].sum() + 1.0))
    return mean, solved[:, 0] - mean * solved[:, 1]


def most_probable(
    likelihood: Likelihood, starts: Sequence[Hyperparameters], n_iterations: int
) -> tuple[Hyperparameters, float]:
    """Return the most probable hyperparameters that L-BFGS finds, and their log density.

    Raises:
        NumericalError: the density is finite at none of the starts.
    """
    bounds = [BOUNDS_LENGTH] * likelihood.n_axes + [_BOUNDS_AMPLITUDE, _BOUNDS_NOISE]
    bounds += [_BOUNDS_WARP] * len(starts[0].log_warps)
    low, high = np.array(bounds).T

    def target(vector: Array) -> tuple[float, Array]:
        try:
            return likelihood.negative_with_gradient(vector)
        except NumericalError:
            # a huge value makes the line search step back to where the covariance can be factorised
            return 1e300, np.zeros_like(vector)

    best_value, best = np.inf, None
    for start in starts:
        first = np.clip(start.vector(), low, high)
        found = minimize(
            target,
            first,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": n_iterations, "ftol": VALUE_TOLERANCE, "gtol": GRADIENT_TOLERANCE},
        )
        if np.isfinite(found.fun) and found.fun < min(best_value, 1e299):
            best_value, best = float(found.fun), found.x
    if best is None:
        raise NumericalError("the likelihood of a Gaussian process is finite at none of its starts")
    return Hyperparameters.of_vector(np.clip(best, low, high), likelihood.n_axes), -best_value


def default_start(priors: Priors, n_axes: int) -> Hyperparameters:
    """Return the most probable hyperparameters before any data."""
    means, _ = priors.moments(n_axes)
    return Hyperparameters.of_vector(means, n_axes)
