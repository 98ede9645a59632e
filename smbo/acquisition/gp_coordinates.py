"""Between unit points and the places at which a Gaussian process's kernel works."""

from __future__ import annotations

import numpy as np

from smbo.surrogates.gp.gp import GPPosterior
from smbo.training_data import Array


def encoded(posterior: GPPosterior, points: Array) -> Array:
    """Return unit points (m, d) as features over their length scales, axes bent as they are, (m, D)."""
    return posterior._encode(points)


def covariance_with_rows(posterior: GPPosterior, scaled: Array) -> Array:
    """Return the function's covariance between places (m, D) and the posterior's rows, (m, n)."""
    return posterior._cross(scaled)


def pulled_back(posterior: GPPosterior, points: Array, to_scaled: Array) -> Array:
    """Return slopes by unit points (m, d) from slopes by scaled features (m, D); 0 along categories."""
    smooth = posterior.features.coordinates
    slopes = np.zeros_like(points)
    slopes[:, posterior.features.columns[smooth]] = (to_scaled / posterior.lengths)[:, smooth]
    return slopes if posterior.warp is None else slopes * posterior.warp.slopes(points)
