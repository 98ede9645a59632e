"""ParEGO: expected improvement of a Chebyshev scalarization with random weights for each point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from smbo.acquisition.base import Criterion, check_draws
from smbo.acquisition.expected_hypervolume_improvement import (
    chained,
    latent_objectives,
    stacked_moments,
    with_feasibility,
)
from smbo.acquisition.feasibility import Feasibility
from smbo.problem.hypervolume import nondominated
from smbo.surrogates.base import DifferentiablePosterior, Posterior
from smbo.training_data import Array, Target, TrainingData

# Widths of the smoothed maximum and of the softplus of the improvement, as shares of the front's extent.
_SMOOTH_LARGEST, _SMOOTH_GAIN = 0.02, 0.01
_SHARE_OF_SUM = 0.05  # Knowles's ρ


@dataclass(frozen=True)
class RandomScalarization:
    """Logarithm of the expected improvement of an augmented Chebyshev distance with random weights.

    Example: ``Recipe(ModelListGP(), RandomScalarization())``

    Each draw of the objectives at a point has a distance; its improvement on the lowest distance of the
    posterior means is averaged, smoothed so that it has gradients everywhere.

    Source: Knowles (2006), "ParEGO"; the smoothing is that of Ament et al. (2023), sec. 4.

    Attributes:
        seed: of weights and draws; a proposal sets its own.
        n_draws: even; half of them mirror the other half.

    >>> recipe = Recipe(ModelListGP(), RandomScalarization())
    """

    seed: int = 0
    n_draws: int = 64
    serves: ClassVar[frozenset[Target]] = frozenset({Target.OBJECTIVES})

    def __post_init__(self) -> None:
        check_draws(self.n_draws)

    def seeded(self, seed: int) -> RandomScalarization:
        """Return the acquisition with the weights and draws of a seed."""
        return replace(self, seed=seed)

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised.

        Raises:
            RecipeError: the posterior is not one of several objectives.
        """
        belief = latent_objectives(posterior)
        assert data.objective_values is not None
        # new weights and draws for each point of a batch
        rng = np.random.default_rng([self.seed, len(data.pending)])
        weights = rng.dirichlet(np.ones(len(belief.latents))) * data.objective_values.weights
        feasible = data.feasible if data.feasible.any() else np.ones_like(data.feasible)
        known = belief.latent_means(np.concatenate([data.points[feasible], data.pending]))
        front = known[nondominated(known)]
        low, extent = front.min(axis=0), np.ptp(front, axis=0)
        half = rng.standard_normal((self.n_draws // 2, len(weights)))
        distance = Distance(low, np.where(extent > 0.0, extent, 1.0), weights / weights.sum())
        lowest = float(distance.of(known)[0].min())
        return ScalarizedImprovement(
            belief.latents, distance, lowest, np.concatenate([half, -half]), Feasibility.of(data)
        )


@dataclass(frozen=True, eq=False)
class Distance:
    """A smoothed augmented Chebyshev distance of objectives scaled to their front.

    Attributes:
        low, extent: of the front, (m,).
        weights: shape (m,), summing to one.
    """

    low: Array
    extent: Array
    weights: Array

    def of(self, values: Array) -> tuple[Array, Array]:
        """Return the distances of values (..., m), shape (...), and their slopes, (..., m)."""
        weighted = (values - self.low) / self.extent * self.weights
        width = _SMOOTH_LARGEST / len(self.weights)
        top = weighted.max(axis=-1, keepdims=True)
        shares = np.exp((weighted - top) / width)
        total = shares.sum(axis=-1, keepdims=True)
        largest = top[..., 0] + width * np.log(total[..., 0])
        slopes = (shares / total + _SHARE_OF_SUM) * (self.weights / self.extent)
        return largest + _SHARE_OF_SUM * weighted.sum(axis=-1), slopes


@dataclass(frozen=True, eq=False)
class ScalarizedImprovement:
    """The criterion of RandomScalarization.

    Attributes:
        parts: latent posteriors, one for each objective.
        distance: that is minimised.
        lowest: distance of the posterior means at known points.
        normals: standard normal numbers, (k, m).
        feasibility: of evaluations, None where all were feasible.
    """

    parts: tuple[DifferentiablePosterior, ...]
    distance: Distance
    lowest: float
    normals: Array
    feasibility: Feasibility | None

    def __call__(self, points: Array) -> Array:
        worth = self._worth(*stacked_moments(self.parts, points))[0]
        if self.feasibility is None:
            return worth
        return worth + self.feasibility.log_probability(points)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the criterion (m,) and its gradient (m, d)."""
        worth, slope = chained(self.parts, points, self._worth)
        return with_feasibility(self.feasibility, points, worth, slope)

    def _worth(self, means: Array, stds: Array) -> tuple[Array, Array, Array]:
        """Return the log improvement (n,) and its slopes by means and stds, each (n, m)."""
        values = means[:, None] + stds[:, None] * self.normals  # (n, k, m)
        found, slopes = self.distance.of(values)
        width = _SMOOTH_GAIN / means.shape[1]
        gains = (self.lowest - found) / width
        # softplus: log(1 + e^g), whose logarithm is g itself far below zero
        plain = np.logaddexp(0.0, gains)
        logs = np.where(gains < -30.0, gains, np.log(np.maximum(plain, 1e-300)))
        top = logs.max(axis=1, keepdims=True)
        weights = np.exp(logs - top)
        total = weights.sum(axis=1, keepdims=True)
        # d log softplus / d gain = sigmoid / softplus
        rate = np.where(gains < -30.0, 1.0, np.exp(-np.logaddexp(0.0, -gains)) / np.maximum(plain, 1e-300))
        by_found = -(weights / total) * rate / width
        by_values = by_found[:, :, None] * slopes
        worth = top[:, 0] + np.log(total[:, 0] / len(self.normals)) + np.log(width)
        return worth, by_values.sum(axis=1), (by_values * self.normals).sum(axis=1)
