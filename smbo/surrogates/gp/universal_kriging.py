"""Universal kriging: a GP whose mean is a polynomial with unknown coefficients, integrated out.

With q basis functions h and coefficients N(0, 1/q) the function has covariance k(x, x') + h(x)ᵀ h(x') / q.
A polynomial is determined by as many values as it has coefficients, and of a function that is nearly a
polynomial the kernel has to fit only the small rest; a stationary kernel alone needs several times as many
values.

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", 2.7 (eq. 2.40).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.hyperparameter_draws import Proposed
from smbo.surrogates.gp.kernels import SquaredExponential, squared_distances
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Array, TrainingData


class TrendFunction(Protocol):
    """A random function added to the process, of the columns of unit points that are not categorical."""

    @property
    def mean_variance(self) -> float:
        """Variance, averaged over the cube."""

    def covariance(self, left: Array, right: Array) -> Array:
        """Return the covariance between unit points (m, d) and (n, d), (m, n)."""

    def variance(self, points: Array) -> Array:
        """Return the variance at unit points (m, d), (m,)."""

    def pulled(self, points: Array, others: Array, weights: Array) -> Array:
        """Return Σ_b weights_ab dc(x_a, x_b) / dx_a of the covariance c at unit points (m, d), (m, d)."""

    def variance_slopes(self, points: Array) -> Array:
        """Return the derivatives of the variance by unit points (m, d), (m, d)."""


@dataclass(frozen=True, eq=False)
class UniversalKrigingPosterior:
    """The posterior of universal kriging.  Moments are in the training data's units.

    Attributes:
        process: posterior of the process, with L, α and fitted means of process and trend together.
        trend: polynomial, or another function that is added to the process.
        points: evaluated unit points, (n, d).
    """

    process: GPPosterior
    trend: TrendFunction
    points: Array

    @property
    def amplitude(self) -> float:
        """Variance of the function, averaged over the cube, on the latent scale."""
        return self.process.amplitude + self.trend.mean_variance

    @property
    def noise(self) -> float:
        """Variance of an evaluation, on the latent scale."""
        return self.process.noise

    @property
    def scale(self) -> OutcomeTransform:
        """The transform between the training data's units and the latent ones."""
        return self.process.scale

    @property
    def values(self) -> Array:
        """The values that the posterior is conditioned on, latent, (n,)."""
        return self.process.values

    @property
    def standardized(self) -> UniversalKrigingPosterior:
        """The same posterior in the latent units, in which values are standardized."""
        return replace(self, process=self.process.standardized)

    @property
    def latent(self) -> UniversalKrigingPosterior:
        """The same posterior on the scale on which it is normal."""
        return self.standardized

    def left_out_moments(self) -> tuple[Array, Array]:
        """Return mean and variance of each value given all others, latent, each (n,)."""
        return self.process.left_out_moments()  # its factor is that of process and polynomial together

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        cross = self._shown(self._between(points, self.points))
        half = linalg.solve_lower(self.process.factor, cross.T)
        mean = self.process.mean + cross @ self.process.alpha
        return self.process.scale.moments(mean, self._deviation(points, half))

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d); zero along categorical axes."""
        process, smooth = self.process, self.process.features.smooth
        scaled = process.encode(points)
        profile, slope = process.kernel.profile_and_slope(squared_distances(scaled, process.scaled))
        here, there = points[:, smooth], self.points[:, smooth]
        shown = 1.0 if process.shown is None else process.shown
        cross = (process.amplitude * profile + self.trend.covariance(here, there)) * shown
        half = linalg.solve_lower(process.factor, cross.T)
        beta = linalg.solve_lower_transposed(process.factor, half).T
        mean, std = process.mean + cross @ process.alpha, self._deviation(points, half)

        to_mean, to_variance = process.of_kernel(points, scaled, slope * shown, beta)
        to_mean[:, smooth] += self.trend.pulled(here, there, (process.alpha * shown)[None])
        to_variance[:, smooth] += self.trend.variance_slopes(here) - 2.0 * self.trend.pulled(
            here, there, beta * shown
        )
        return process.scale.moments_and_gradients(mean, std, to_mean, to_variance / (2.0 * std[:, None]))

    def covariance(self, points: Array, others: Array) -> Array:
        """Return the covariance between unit points (m, d) and others (r, d), latent, shape (m, r)."""
        half, half_others = (
            linalg.solve_lower(self.process.factor, self._shown(self._between(self.points, each).T).T)
            for each in (points, others)
        )
        return np.asarray(self._between(points, others) - half.T @ half_others)

    def condition_on(self, points: Array, values: Array) -> UniversalKrigingPosterior:
        """Return the posterior given also values (m,) at unit points (m, d); hyperparameters stay."""
        extended = self._extended(points, self.process.scale.to_latent(values))
        process = extended.process
        alpha = linalg.solve(process.factor, process.values - process.mean)
        fitted = process.mean + extended._shown(self._between(extended.points, extended.points)) @ alpha
        return replace(extended, process=replace(process, alpha=alpha, fitted=fitted))

    def fantasize(self, points: Array) -> UniversalKrigingPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        cross = self._shown(self._between(points, self.points))
        return self._extended(points, self.process.mean + cross @ self.process.alpha)

    def _extended(self, points: Array, latent: Array) -> UniversalKrigingPosterior:
        if len(points) == 0:
            return self
        process = self.process
        corner = self._between(points, points)
        corner.flat[:: len(corner) + 1] += process.noise
        cross = self._shown(self._between(self.points, points).T).T
        extended = replace(
            process,
            scaled=np.concatenate([process.scaled, process.encode(points)]),
            values=np.concatenate([process.values, latent]),
            factor=linalg.extend_cholesky(process.factor, cross, corner),
            # α of a fantasy is exactly 0: its residual given the other values is zero
            alpha=np.concatenate([process.alpha, np.zeros(len(latent))]),
            fitted=np.concatenate([process.fitted, latent]),
            shown=None if process.shown is None else np.concatenate([process.shown, np.ones(len(latent))]),
        )
        return replace(self, process=extended, points=np.concatenate([self.points, points]))

    def _shown(self, cross: Array) -> Array:
        """Return a covariance with the rows, (m, n), as rows at lower fidelities have it."""
        return cross if self.process.shown is None else cross * self.process.shown

    def _between(self, left: Array, right: Array) -> Array:
        """Return the prior covariance between unit points (m, d) and (n, d), (m, n)."""
        process, smooth = self.process, self.process.features.smooth
        squared = squared_distances(process.encode(left), process.encode(right))
        of_process = process.amplitude * process.kernel.profile(squared)
        return of_process + self.trend.covariance(left[:, smooth], right[:, smooth])

    def _deviation(self, points: Array, half: Array) -> Array:
        prior = self.process.amplitude + self.trend.variance(points[:, self.process.features.smooth])
        variance = prior - np.einsum("ij,ij->j", half, half)
        return np.sqrt(np.maximum(variance, linalg.VARIANCE_FLOOR * prior))


@dataclass(frozen=True)
class UniversalKriging:
    """Universal kriging with a polynomial mean in all axes but the categorical ones.

    Attributes:
        trend: polynomial mean, or another function that is added to the process.
        process: the Gaussian process, with fixed hyperparameters once trained.
    """

    trend: TrendFunction
    process: GP = field(default_factory=lambda: GP(kernel=SquaredExponential()))

    def fit(self, data: TrainingData) -> UniversalKrigingPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            NumericalError: no jitter makes the covariance positive definite.
        """
        return UniversalKrigingPosterior(self.process.fit(data, self._covariance), self.trend, data.points)

    def train(self, data: TrainingData, memory: Memory) -> tuple[UniversalKriging, Memory]:
        """Return the process with its hyperparameters fixed, and the memory that restores them."""
        process, learned = self.process.train(data, memory, self._covariance)
        return replace(self, process=process), learned

    def proposed(self, data: TrainingData, n: int, rng: np.random.Generator) -> Proposed:
        """Return n hyperparameters proposed around the fixed ones, weighed by their posterior density."""
        return self.process.proposed(data, n, rng, self._covariance)

    def with_hyperparameters(self, theta: Hyperparameters) -> UniversalKriging:
        """Return the same model with other hyperparameters."""
        return replace(self, process=self.process.with_hyperparameters(theta))

    def _covariance(self, data: TrainingData) -> Array:
        smooth = [column for column, axis in enumerate(data.axes) if axis.kind != "categorical"]
        points = data.points[:, smooth]
        return self.trend.covariance(points, points)
