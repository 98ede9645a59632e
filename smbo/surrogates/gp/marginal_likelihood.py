"""Hyperparameters of a Gaussian process by maximum a posteriori: log marginal likelihood plus log priors.

With the symbols of ``gp``, minimised over θ:

    ½ (y - m)ᵀ α + Σ log L_ii + ½ m² + ½ Σ ((θ - prior mean) / prior deviation)²

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 2.30; gradient eq. 5.9.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from smbo.errors import NumericalError
from smbo.surrogates import linalg
from smbo.surrogates.gp.input_warping import Warp
from smbo.surrogates.gp.kernels import Features, Kernel, squared_distances
from smbo.surrogates.gp.replicated_values import LEAST_LOG_NOISE, ReplicateScatter
from smbo.training_data import Array, Axis

# Variance of a value that says nothing, latent.
_NOTHING_KNOWN = 1e30
# Bounds of the search, for standardised values on the unit cube.  The lowest noise keeps the covariance of
# duplicates well conditioned; with a length scale above 300 the function is constant over the unit cube.
BOUNDS_LENGTH = (np.log(5e-3), np.log(3e2))
_BOUNDS_AMPLITUDE = (float(np.log(1e-3)), float(np.log(1e4)))
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

    ``log_length`` is that of a coordinate.  Two random points are √(1/6) apart along one, in the root of the
    mean square, and √(1 - 1/K) along a categorical axis of K levels: its length scale is longer by the ratio,
    or a change of one level among several would make two points strangers
    (``tests/benchmarks/regret/run.py --problems tuning/choices``).

    >>> Priors() == Priors()
    True
    """

    log_length: tuple[float, float] = (-1.7, 0.8)
    log_amplitude: tuple[float, float] = (0.0, 2.0)
    log_noise: tuple[float, float] = (float(np.log(1e-3)), 3.0)
    log_warp: tuple[float, float] = (0.0, 0.5)
    least_log_amplitude: float = _BOUNDS_AMPLITUDE[0]  # lower bound of the search

    def moments(
        self, n_axes: int, warped: bool = False, n_levels: NDArray[np.intp] | None = None
    ) -> tuple[Array, Array]:
        """Return means and standard deviations of a hyperparameter vector, each (d + 2,) or (3d + 2,).

        Args:
            n_levels: of each categorical axis, 1 for others, (d,); None where none is categorical.
        """
        lengths = np.full(n_axes, self.log_length[0] + 0.5 * np.log(max(n_axes, 1)))
        if n_levels is not None:
            lengths += np.where(
                n_levels > 1, 0.5 * np.log(np.maximum(6.0 * (1.0 - 1.0 / n_levels), 1.0)), 0.0
            )
        n_warps = 2 * n_axes if warped else 0
        means = [*lengths, self.log_amplitude[0], self.log_noise[0]] + [self.log_warp[0]] * n_warps
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

    @cached_property
    def _share(self) -> Array:
        """Share of the learned noise in each value's variance: 0 where that was given, (n,)."""
        counts = 1.0 if self.repeated is None else self.repeated.counts
        return np.where(np.isnan(self.variances), 1.0 / counts, 0.0)

    @cached_property
    def _given(self) -> Array:
        """Variance of each value that was given, 0 where it was not, (n,)."""
        return noise_variances(self.variances, 0.0)

    @cached_property
    def _prior(self) -> tuple[Array, Array]:
        return self.priors.moments(self.n_axes, False, self.features.n_levels)

    @cached_property
    def _warped_prior(self) -> tuple[Array, Array]:
        return self.priors.moments(self.n_axes, True, self.features.n_levels)

    def negative(self, theta: Hyperparameters) -> float:
        """Return minus the log density; infinity if the covariance cannot be factorised."""
        return negatives([self], theta)[0]

    def negative_with_gradient(self, vector: Array) -> tuple[float, Array]:
        """Return minus the log density (up to a constant) and its gradient, of the vector's shape.

        The constant mean m ~ N(0, 1) is at its maximum given θ, so that the derivative by m is zero.
        """
        value, gradient, _ = self._negative_with_lower(vector)
        return value, gradient

    def negative_with_weights(self, vector: Array) -> tuple[float, Array, Array]:
        """Return also K⁻¹ - α αᵀ, (n, n): twice the derivative by the covariance, for those of a trend."""
        value, gradient, lower = self._negative_with_lower(vector)
        weights = lower + lower.T
        weights.flat[:: len(weights) + 1] *= 0.5
        return value, gradient, weights

    @cached_property
    def _room(self) -> tuple[Array, Array, Array, Array]:
        """Arrays that each evaluation writes anew: the last in Fortran order, as LAPACK takes it."""
        n = len(self.values)
        one, two, three = (np.empty((n, n)) for _ in range(3))
        return one, two, three, np.empty((n, n), order="F")

    def _negative_with_lower(self, vector: Array) -> tuple[float, Array, Array]:
        """Return value, gradient and the lower triangle of K⁻¹ - α αᵀ, overwritten by the next call."""
        d, warp = self.n_axes, _warp_of(vector, self.n_axes)
        lengths = self._lengths(vector)
        scaled = self._scaled(lengths, warp)
        amplitude, noise = math.exp(vector[d]), math.exp(vector[d + 1])
        first, second, third, factor = self._room
        squared = squared_distances(scaled, scaled, out=first)
        profile, slope = self.kernel.profile_and_slope(squared, (squared, second))
        factor = self._factor(profile, amplitude, noise, third, factor)
        value, alpha = self._negative_given(factor, vector, noise)

        # R&W eq. 5.9: dL/dθ = ½ tr((K⁻¹ - ααᵀ) dK/dθ).  With W that bracket times dk/dr², the sum of
        # W_ab (z_a - z_b)² over pairs is two matrix products and needs no (n, n, d) array
        lower = linalg.inverse_less(factor, alpha)
        # both are symmetric: each pair is counted once in the lower triangle, and the diagonal too often
        of_rows = lower.diagonal()
        to_amplitude = amplitude * (np.vdot(lower.T, profile) - 0.5 * of_rows @ profile.diagonal())
        to_noise = 0.5 * noise * (self._share @ of_rows)
        if self.repeated is not None:
            to_noise += self.repeated.negative_with_slope(noise)[1]
        slope *= lower.T
        sums = linalg.symmetric_product(slope.T, self._with_ones(scaled))
        # dL / d scaled, (n, D): derivatives by length scales and warps follow by the chain rule
        pulls = (2.0 * amplitude) * (scaled * sums[:, -1:] - sums[:, :-1])
        to_lengths = np.einsum("ij,ij->j", pulls, scaled)
        if not self.features.is_plain:
            to_lengths = self.features.per_axis(to_lengths, d)
        gradient = np.empty(len(vector))
        gradient[:d], gradient[d], gradient[d + 1] = -to_lengths, to_amplitude, to_noise
        if warp is not None:
            pulls = np.where(self.features.coordinates, pulls / lengths, 0.0)
            for step, by_parameter in enumerate(warp.parameter_slopes(self.points)):
                along = np.einsum("ij,ij->j", pulls, by_parameter[:, self.features.columns])
                gradient[(step + 1) * d + 2 : (step + 2) * d + 2] = self.features.per_axis(along, d)
        means, stds = self._prior if warp is None else self._warped_prior
        gradient += (vector - means) / stds**2
        return value, gradient, lower

    def _lengths(self, vector: Array) -> Array:
        """Return the length scale of each feature, (D,)."""
        lengths = np.exp(vector[: self.n_axes])
        return lengths if self.features.is_plain else lengths[self.features.columns]

    def _scaled(self, lengths: Array, warp: Warp | None) -> Array:
        encoded = self.encoded if warp is None else self.features.encode(self.points, warp)
        return encoded / lengths

    def _factor(
        self,
        profile: Array,
        amplitude: float,
        noise: float,
        room: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        """Return the lower Cholesky factor of the covariance, (n, n), from the kernel's profile.

        Args:
            room, out: arrays for the covariance and (in Fortran order) the factor; None for new ones.
        """
        covariance = np.multiply(profile, amplitude, out=room)
        if self.trend is not None:
            covariance += self.trend
        diagonal = covariance.reshape(-1)[:: len(covariance) + 1]
        diagonal += noise * self._share
        diagonal += self._given
        return linalg.cholesky(covariance, out)

    def _negative_given(self, factor: Array, vector: Array, noise: float) -> tuple[float, Array]:
        """Return minus the log density, and α, from the factor of the covariance."""
        mean, alpha = constant_mean(factor, self.values)
        means, stds = self._prior if len(vector) == self.n_axes + 2 else self._warped_prior
        pull = (vector - means) / stds
        value = 0.5 * (self.values - mean) @ alpha + np.log(factor.diagonal()).sum()
        value += 0.5 * mean**2 + 0.5 * pull @ pull
        if self.repeated is not None:
            value += self.repeated.negative_with_slope(noise)[0]
        return float(value), alpha

    def _with_ones(self, scaled: Array) -> Array:
        both = np.empty((len(scaled), scaled.shape[1] + 1), order="F")
        both[:, :-1], both[:, -1] = scaled, 1.0
        return both

    def _has_errors_of(self, other: Likelihood) -> bool:
        return np.array_equal(self._share, other._share) and np.array_equal(self._given, other._given)


def negatives(likelihoods: Sequence[Likelihood], theta: Hyperparameters) -> list[float]:
    """Return minus the log density of each, infinity where a covariance cannot be factorised.

    Args:
        likelihoods: of the same points, with values on different scales: those with the same errors share
            a covariance, which is factorised once.
    """
    first, vector = likelihoods[0], theta.vector()
    noise = math.exp(theta.log_noise)
    scaled = first._scaled(first._lengths(vector), theta.warp)
    profile = first.kernel.profile(squared_distances(scaled, scaled))
    found, shared = [], None
    for each in likelihoods:
        try:
            if shared is None or not each._has_errors_of(first):
                factor = each._factor(profile, math.exp(theta.log_amplitude), noise)
                shared = factor if each is first else shared
            else:
                factor = shared
            found.append(each._negative_given(factor, vector, noise)[0])
        except NumericalError:
            found.append(math.inf)
    return found


def _warp_of(vector: Array, n_axes: int) -> Warp | None:
    return Warp(*vector[n_axes + 2 :].reshape(2, -1)) if len(vector) > n_axes + 2 else None


def noise_variances(given: Array, learned: float | Array) -> Array:
    """Return each value's variance: the given one, or the learned one where that is NaN."""
    # a given variance of zero (or one that underflowed) must not make duplicates singular, and one beyond all
    # floats on the latent scale says as little as a large one
    return np.where(np.isnan(given), learned, np.clip(given, np.exp(_BOUNDS_NOISE[0]), _NOTHING_KNOWN))


def constant_mean(factor: Array, values: Array) -> tuple[float, Array]:
    """Return the most probable constant mean m under m ~ N(0, 1), and K⁻¹ (y - m), shape (n,)."""
    right = np.ones((len(values), 2), order="F")
    right[:, 0] = values
    of_values, of_ones = linalg.solve(factor, right).T
    mean = float(of_values.sum() / (of_ones.sum() + 1.0))
    return mean, of_values - mean * of_ones


def most_probable(
    likelihood: Likelihood, starts: Sequence[Hyperparameters], n_iterations: int
) -> tuple[Hyperparameters, float]:
    """Return the most probable hyperparameters that L-BFGS finds, and their log density.

    Raises:
        NumericalError: the density is finite at none of the starts.
    """
    least = likelihood.priors.least_log_amplitude
    low, high = bounds_of(likelihood.n_axes, len(starts[0].log_warps), least).T

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
            bounds=list(zip(low, high)),
            options={"maxiter": n_iterations, "ftol": VALUE_TOLERANCE, "gtol": GRADIENT_TOLERANCE},
        )
        if np.isfinite(found.fun) and found.fun < min(best_value, 1e299):
            best_value, best = float(found.fun), found.x
    if best is None:
        raise NumericalError("the likelihood of a Gaussian process is finite at none of its starts")
    return Hyperparameters.of_vector(np.clip(best, low, high), likelihood.n_axes), -best_value


def bounds_of(n_axes: int, n_warps: int = 0, least_log_amplitude: float = _BOUNDS_AMPLITUDE[0]) -> Array:
    """Return the bounds of a hyperparameter vector, (d + 2 + n_warps, 2)."""
    amplitude = (least_log_amplitude, _BOUNDS_AMPLITUDE[1])
    bounds = [BOUNDS_LENGTH] * n_axes + [amplitude, _BOUNDS_NOISE] + [_BOUNDS_WARP] * n_warps
    return np.array(bounds)


def default_start(priors: Priors, axes: Sequence[Axis]) -> Hyperparameters:
    """Return the most probable hyperparameters before any data."""
    means, _ = priors.moments(len(axes), n_levels=Features.of(axes).n_levels)
    return Hyperparameters.of_vector(means, len(axes))
