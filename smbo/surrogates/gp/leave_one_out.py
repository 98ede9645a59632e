"""Leave-one-out predictions of a Gaussian process: each value from all others, without a new fit.

With the precision matrix P = K⁻¹ the left-out value i has variance 1 / P_ii and mean y_i - [P y]_i / P_ii.

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 5.10-5.12.
"""

from __future__ import annotations

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import ExactProcess
from smbo.training_data import Array


def left_out_moments(posterior: ExactProcess, first: int = 0) -> tuple[Array, Array]:
    """Return mean and variance of each value given all others, latent, each (n,).

    Args:
        first: first row that is left out; both arrays are (n - first,), and the cost is that of so many rows.

    The constant mean m ~ N(0, 1) is also estimated without the left-out value: it adds one to every
    covariance, and α = K⁻¹ (y - m) = (K + 1 1ᵀ)⁻¹ y by Sherman and Morrison's formula.
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
