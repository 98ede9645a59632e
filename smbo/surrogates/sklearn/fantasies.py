"""Fantasies for models that cannot be conditioned: shrink the standard deviation near pending points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.surrogates.base import Posterior
from smbo.surrogates.gp.kernels import Features, squared_distances
from smbo.training_data import Array

# Number of evaluated points from which the length of the shrinkage is estimated; more do not change it.
_MAX_POINTS = 500


@dataclass(frozen=True, eq=False)
class ShrunkPosterior:
    """A posterior whose standard deviation is reduced near the points of fantasies.

    Conditioning on a value equal to the posterior mean keeps the mean and reduces the standard deviation
    nearby; the factor √(1 - exp(-r²/reach²)) at distance r approximates this without a new fit.

    Attributes:
        posterior: without the fantasies.
        features: encoding of unit points.
        reach: length scale of the reduction, in the units of the features.
        points: features of the fantasies, (k, D).
    """

    posterior: Posterior
    features: Features
    reach: float
    points: Array

    @classmethod
    def of(cls, posterior: Posterior, features: Features, encoded: Array) -> ShrunkPosterior:
        """Return the posterior without fantasies; ``encoded``: features of evaluated points, (n, D)."""
        return cls(posterior, features, _typical_gap(encoded[-_MAX_POINTS:]), np.zeros((0, encoded.shape[1])))

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, std = self.posterior.moments(points)
        if len(self.points) == 0:
            return mean, std
        squared = squared_distances(self.features.encode(points), self.points).min(axis=1)
        # the share of its variance that a squared exponential GP of length ``reach`` keeps beside a value
        return mean, std * np.sqrt(-np.expm1(-squared / self.reach**2))

    def fantasize(self, points: Array) -> ShrunkPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return replace(self, points=np.concatenate([self.points, self.features.encode(points)]))


def _typical_gap(encoded: Array) -> float:
    """Return the median distance to the nearest other point; 0.1 for fewer than two distinct points."""
    squared = squared_distances(encoded, encoded)
    squared.flat[:: len(encoded) + 1] = np.inf
    gaps = np.sqrt(squared.min(axis=1)) if len(encoded) > 1 else np.zeros(0)
    # rounding leaves 1e-8 between equal points
    gaps = gaps[gaps > 1e-6]
    return float(np.median(gaps)) if len(gaps) else 0.1
