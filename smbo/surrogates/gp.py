"""Exact Gaussian process on numpy and LAPACK."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from smbo.evidence import Array, Evidence
from smbo.surrogates import linalg
from smbo.surrogates.base import Memory
from smbo.surrogates.kernels import Features, Kernel, Matern52, squared_distances
from smbo.surrogates.marginal import (
    Hyperparameters,
    Likelihood,
    Priors,
    constant_mean,
    default_start,
    most_probable,
    noise_variances,
)

# Half of the values' variance.
_NOISY_START = float(np.log(0.5))
# Rounding leaves this much of a variance that is zero in exact arithmetic.
_VARIANCE_FLOOR = 1e-12


@dataclass(frozen=True)
class Scaling:
    """The map between values and the standardised values that the process models.

    Attributes:
        shift, scale: value = shift + scale * standardised.
    """

    shift: float
    scale: float

    @classmethod
    def of(cls, values: Array) -> Scaling:
        """Return the scaling that gives values mean 0 and standard deviation 1."""
        if len(values) == 0:
            return cls(0.0, 1.0)
        size = float(np.abs(values).max())
        if size == 0.0:
            return cls(0.0, 1.0)
        relative = values / size  # so that squares neither overflow nor underflow
        spread = float(relative.std())
        # equal but for rounding: nothing to learn a scale from, so their own size stands in
        return cls(float(relative.mean()) * size, (spread if spread > 1e-13 else 1.0) * size)

    def standardise(self, values: Array) -> Array:
        return np.asarray((values - self.shift) / self.scale)


@dataclass(frozen=True, eq=False)
class GPPosterior:
    """A Gaussian process given evidence.  Means and deviations are in the evidence's units.

    Attributes:
        kernel, features: of the model.
        lengths: length scale of each feature, (D,).
        amplitude, noise: variances of the function and of an evaluation, standardised.
        scaling: back to the evidence's units.
        scaled: features of the evaluated points over their length scales, (n, D).
        standardised: values, (n,).
        factor: lower Cholesky factor of their covariance, (n, n).
        mean: constant mean, standardised.
        alpha: covariance⁻¹ (standardised - mean), (n,).
        n_axes: number of columns of a unit point, d.
    """

    kernel: Kernel
    features: Features
    lengths: Array
    amplitude: float
    noise: float
    scaling: Scaling
    scaled: Array
    standardised: Array
    factor: Array
    mean: float
    alpha: Array
    n_axes: int

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        cross = self._cross(self._encode(points))
        mean = self.mean + cross @ self.alpha
        half = linalg.solve_lower(self.factor, cross.T)
        variance = self._floored(self.amplitude - np.einsum("ij,ij->j", half, half))
        return self.scaling.shift + self.scaling.scale * mean, self.scaling.scale * np.sqrt(variance)

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d).

        A categorical column's gradient is zero: its coordinate moves in jumps.
        """
        scaled = self._encode(points)
        profile, slope = self.kernel.profile_and_slope(squared_distances(scaled, self.scaled))
        cross = self.amplitude * profile
        mean = self.mean + cross @ self.alpha
        half = linalg.solve_lower(self.factor, cross.T)
        variance = self._floored(self.amplitude - np.einsum("ij,ij->j", half, half))
        std = np.sqrt(variance)
        beta = linalg.solve_lower_transposed(self.factor, half).T

        slope *= 2.0 * self.amplitude  # d cross / d scaled = slope * (scaled - self.scaled)
        to_mean = self._weighted_differences(slope * self.alpha, scaled)
        to_variance = -2.0 * self._weighted_differences(slope * beta, scaled)
        scale = self.scaling.scale
        return (
            self.scaling.shift + scale * mean,
            scale * std,
            scale * to_mean,
            scale * to_variance / (2.0 * std[:, None]),
        )

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) of the function at unit points (m, d)."""
        scaled = self._encode(points)
        cross = self._cross(scaled)
        half = linalg.solve_lower(self.factor, cross.T)
        prior = self.amplitude * self.kernel.profile(squared_distances(scaled, scaled))
        covariance = prior - half.T @ half
        mean = self.mean + cross @ self.alpha
        return self.scaling.shift + self.scaling.scale * mean, self.scaling.scale**2 * covariance

    def sample(self, points: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the function at unit points (m, d), shape (n, m)."""
        mean, covariance = self.joint(points)
        factor = linalg.cholesky(covariance)
        return np.asarray(mean + rng.standard_normal((n, len(points))) @ factor.T)

    def condition_on(self, points: Array, values: Array) -> GPPosterior:
        """Return the posterior given also values (m,) at unit points (m, d).

        Hyperparameters, scaling and constant mean stay, and the factor gets rows: O(n² m).
        """
        if len(points) == 0:
            return self
        added = self._encode(points)
        cross = self._cross(added).T
        corner = self.amplitude * self.kernel.profile(squared_distances(added, added))
        corner.flat[:: len(corner) + 1] = self.amplitude + self.noise
        factor = linalg.extend_cholesky(self.factor, cross, corner)
        standardised = np.concatenate([self.standardised, self.scaling.standardise(values)])
        return replace(
            self,
            scaled=np.concatenate([self.scaled, added]),
            standardised=standardised,
            factor=factor,
            alpha=linalg.solve(factor, standardised - self.mean),
        )

    def _encode(self, points: Array) -> Array:
        return self.features.encode(points) / self.lengths

    def _cross(self, scaled: Array) -> Array:
        return self.amplitude * self.kernel.profile(squared_distances(scaled, self.scaled))

    def _floored(self, variance: Array) -> Array:
        return np.maximum(variance, _VARIANCE_FLOOR * self.amplitude)

    def _weighted_differences(self, weights: Array, scaled: Array) -> Array:
        """Return Σ_b weights_ab (z_a - z_b) by coordinate of the unit point, shape (m, d)."""
        sums = (scaled * weights.sum(axis=1)[:, None] - weights @ self.scaled) / self.lengths
        coordinates: NDArray[np.bool_] = self.features.coordinates
        if coordinates.all():
            return np.asarray(sums)
        gradient = np.zeros((len(scaled), self.n_axes))
        gradient[:, self.features.columns[coordinates]] = sums[:, coordinates]
        return gradient


@dataclass(frozen=True)
class GP:
    """Gaussian process with a constant mean and a length scale for each axis.

    Attributes:
        kernel: its profile.
        priors: on the logarithms of the hyperparameters.
        hyperparameters: fixed ones; None to learn them from the evidence.
        relearn_growth: in ``train``, learn again once there is this much more evidence than the
            last time, relative to it.
        always_relearn_until: ... and at every change while there are at most so many values.
        n_iterations: of L-BFGS from each start.
    """

    kernel: Kernel = field(default_factory=Matern52)
    priors: Priors = field(default_factory=Priors)
    hyperparameters: Hyperparameters | None = None
    relearn_growth: float = 0.1
    always_relearn_until: int = 30
    n_iterations: int = 50

    def fit(self, evidence: Evidence) -> GPPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            NumericalError: no jitter makes the covariance positive definite.
        """
        theta = self.hyperparameters
        if theta is None:
            theta = self._learn(evidence, None)
        features = Features.of(evidence.axes)
        scaling = Scaling.of(evidence.values)
        lengths = np.exp(np.array(theta.log_lengths))[features.columns]
        amplitude, noise = float(np.exp(theta.log_amplitude)), float(np.exp(theta.log_noise))
        scaled = features.encode(evidence.points) / lengths
        covariance = amplitude * self.kernel.profile(squared_distances(scaled, scaled))
        variances = noise_variances(evidence.variances / scaling.scale**2, noise)
        covariance.flat[:: len(evidence) + 1] = amplitude + variances
        factor = linalg.cholesky(covariance)
        standardised = scaling.standardise(evidence.values)
        mean, alpha = constant_mean(factor, standardised)
        return GPPosterior(
            kernel=self.kernel,
            features=features,
            lengths=lengths,
            amplitude=amplitude,
            # a fantasy is as noisy as the evaluations are, by given figures where there are any
            noise=float(np.median(variances)) if len(evidence) else noise,
            scaling=scaling,
            scaled=scaled,
            standardised=standardised,
            factor=factor,
            mean=mean,
            alpha=alpha,
            n_axes=len(evidence.axes),
        )

    def train(self, evidence: Evidence, memory: Memory) -> tuple[GP, Memory]:
        """Return the process with its hyperparameters fixed, and the memory that restores them."""
        n = len(evidence)
        known = memory.get("hyperparameters")
        before = None if known is None else Hyperparameters.from_json(known)
        if before is not None and not self._is_due(n, int(memory["n_learned"])):
            return replace(self, hyperparameters=before), memory
        theta = self._learn(evidence, before)
        return replace(self, hyperparameters=theta), {"hyperparameters": theta.to_json(), "n_learned": n}

    def _is_due(self, n: int, n_learned: int) -> bool:
        if n <= self.always_relearn_until:
            return n != n_learned
        return n < n_learned or n >= n_learned * (1.0 + self.relearn_growth)

    def _learn(self, evidence: Evidence, before: Hyperparameters | None) -> Hyperparameters:
        """Return the most probable hyperparameters, searched for also from earlier ones."""
        start = default_start(self.priors, len(evidence.axes))
        if len(evidence) < 2:  # one value says nothing about how values vary
            return start
        features, scaling = Features.of(evidence.axes), Scaling.of(evidence.values)
        likelihood = Likelihood(
            kernel=self.kernel,
            features=features,
            priors=self.priors,
            n_axes=len(evidence.axes),
            encoded=features.encode(evidence.points),
            values=scaling.standardise(evidence.values),
            variances=evidence.variances / scaling.scale**2,
        )
        # noise and short length scales explain the same scatter: two optima, a start for each
        noisy = replace(start, log_noise=_NOISY_START)
        return most_probable(likelihood, [before or start, noisy], self.n_iterations)
