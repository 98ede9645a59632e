"""Leave-one-out predictions of a Gaussian process: each value from all others, without a new fit."""

from __future__ import annotations

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import ExactProcess
from smbo.training_data import Array


def left_out_moments(posterior: ExactProcess, first: int = 0) -> tuple[Array, Array]:
    """Return mean and variance of each value given all others, latent, each (n,).

    Args:
        first: row from which on they are wanted; then each is (n - first,), for the price of so many.

    The constant mean m ~ N(0, 1) is left out with the value: it adds one to every covariance, and
    K⁻¹ (y - m) is that matrix's inverse times y.
    """
    n = len(posterior.values)
    ones = linalg.solve(posterior.factor, np.ones(n))
    if first:
        half = linalg.solve_lower(posterior.factor, np.eye(n)[:, first:])
        precision = np.einsum("ij,ij->j", half, half)
    else:
        precision = np.diagonal(linalg.inverse(posterior.factor))
    diagonal = precision - ones[first:] ** 2 / (1.0 + ones.sum())
    variances = 1.0 / diagonal
    return posterior.values[first:] - posterior.alpha[first:] * variances, variances
