"""What a Gaussian process says of each value when all others are known."""

from __future__ import annotations

import numpy as np

from smbo.evidence import Array
from smbo.surrogates import linalg
from smbo.surrogates.gp import GPPosterior


def left_out_moments(posterior: GPPosterior) -> tuple[Array, Array]:
    """Return mean and variance of each value given all others, latent, each (n,).

    The constant mean m ~ N(0, 1) is left out with the value: it adds one to every covariance, and
    K⁻¹ (y - m) is that matrix's inverse times y.
    """
    n = len(posterior.values)
    precision = linalg.inverse(posterior.factor)
    ones = linalg.solve(posterior.factor, np.ones(n))
    diagonal = np.diagonal(precision) - ones**2 / (1.0 + ones.sum())
    variances = 1.0 / diagonal
    return posterior.values - posterior.alpha * variances, variances
