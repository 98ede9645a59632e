"""Fantasies for posteriors that cannot be told more: the deviation goes down around a point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.surrogates.base import Posterior
from smbo.surrogates.gp.kernels import Features, squared_distances
from smbo.training_data import Array

# Evaluated points that set the reach of a shade; more tell the same.
_MOST = 500


@dataclass(frozen=True, eq=False)
class ShrunkPosterior:
    """A posterior whose deviation is taken away around the points of fantasies.

    A value that agrees with the mean leaves the mean where it is and shrinks the deviation
    around it; this does the same without a new fit, which a black box would need.

    Attributes:
        posterior: without the fantasies.
        features: of the unit points.
        reach: how far a fantasy is felt, in the units of the features.
        points: features of the fantasies, (k, D).
    """

    posterior: Posterior
    features: Features
    reach: float
    points: Array

    @classmethod
    def of(cls, posterior: Posterior, features: Features, encoded: Array) -> ShrunkPosterior:
        """Return the posterior with no fantasies yet; ``encoded``: what it was fitted to, (n, D)."""
        return cls(posterior, features, _typical_gap(encoded[-_MOST:]), np.zeros((0, encoded.shape[1])))

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, std = self.posterior.moments(points)
        if len(self.points) == 0:
            return mean, std
        squared = squared_distances(self.features.encode(points), self.points).min(axis=1)
        # of the variance of a Gaussian process of this length scale, one exact value would leave so much
        return mean, std * np.sqrt(-np.expm1(-squared / self.reach**2))

    def fantasize(self, points: Array) -> ShrunkPosterior:
        """Return the posterior given also what it expects at unit points (m, d)."""
        return replace(self, points=np.concatenate([self.points, self.features.encode(points)]))


def _typical_gap(encoded: Array) -> float:
    """Return the median distance to the nearest other point; 1/10 of the cube where there is none."""
    squared = squared_distances(encoded, encoded)
    squared.flat[:: len(encoded) + 1] = np.inf
    gaps = np.sqrt(squared.min(axis=1)) if len(encoded) > 1 else np.zeros(0)
    # rounding leaves 1e-8 between equal points
    gaps = gaps[gaps > 1e-6]
    return float(np.median(gaps)) if len(gaps) else 0.1
