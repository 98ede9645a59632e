"""Dense Cholesky factorisation and triangular solves on LAPACK; jitter is added here and nowhere else.

scipy.linalg's wrappers cost more than the arithmetic on the small systems that a proposal solves
hundreds of times, so the routines are called directly.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import blas, lapack

from smbo.errors import NumericalError
from smbo.training_data import Array

# Multiples of the identity that are tried in turn, relative to the mean of the diagonal.  The first is of
# the size of rounding errors; beyond the last one the matrix would be another matrix.
JITTERS = (0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4)
# Posterior variances are at least this multiple of the prior variance: rounding may leave less, or a negative
# number, where the exact variance is zero.
VARIANCE_FLOOR = 1e-12


def cholesky(matrix: Array, out: Array | None = None) -> Array:
    """Return the lower factor L of a symmetric positive (semi-)definite matrix, shape (n, n).

    Adds the smallest of ``JITTERS`` with which the factorisation succeeds.

    Args:
        out: the array for L, in Fortran order; None for a new one.

    Raises:
        NumericalError: the matrix has a non-finite entry, or the largest jitter is not enough.
    """
    if len(matrix) == 0:
        return np.zeros((0, 0))
    size = float(matrix.diagonal().sum()) / len(matrix)
    if not math.isfinite(size):
        raise NumericalError("a covariance matrix has non-finite entries on its diagonal")
    for jitter in JITTERS:
        shifted = matrix
        if jitter:
            shifted = matrix.copy()
            shifted.flat[:: len(matrix) + 1] += jitter * size
        if out is not None:
            out.T[:] = shifted  # the same, as it is symmetric, and row by row
            shifted = out
        factor, info = lapack.dpotrf(shifted, lower=1, clean=1, overwrite_a=out is not None)
        # LAPACK lets a NaN below the diagonal pass through to the factor's diagonal
        if info == 0 and math.isfinite(float(factor.diagonal().sum())):
            return np.asarray(factor)
    raise NumericalError(
        f"a covariance matrix of {len(matrix)} rows is not positive definite, "
        f"not even with {JITTERS[-1]:g} of its mean diagonal ({size:g}) added"
    )


def solve_lower(factor: Array, right: Array, *, in_place: bool = False) -> Array:
    """Return L⁻¹ B for a lower factor L (n, n) and B of shape (n,) or (n, m).

    Args:
        in_place: whether B, in Fortran order, may be overwritten.
    """
    return _triangular(factor, right, transposed=0, in_place=in_place)


def solve_lower_transposed(factor: Array, right: Array) -> Array:
    """Return L⁻ᵀ B for a lower factor L (n, n) and B of shape (n,) or (n, m)."""
    return _triangular(factor, right, transposed=1)


def solve(factor: Array, right: Array) -> Array:
    """Return (L Lᵀ)⁻¹ B for a lower factor L (n, n) and B of shape (n,) or (n, m)."""
    return solve_lower_transposed(factor, solve_lower(factor, right))


def _triangular(factor: Array, right: Array, transposed: int, *, in_place: bool = False) -> Array:
    if right.size == 0:
        return np.zeros_like(right)
    solution, info = lapack.dtrtrs(factor, right, lower=1, trans=transposed, overwrite_b=in_place)
    if info != 0:
        raise NumericalError(f"a triangular factor is singular in row {info}")
    return np.asarray(solution).reshape(right.shape)


def inverse(factor: Array) -> Array:
    """Return (L Lᵀ)⁻¹ as a full symmetric matrix, shape (n, n).

    Only for traces against many derivatives (the gradient of the likelihood), where an inverse is
    cheaper than a solve for each; use ``solve`` for everything else.
    """
    lower = _lower_inverse(factor)
    full = lower + lower.T  # above the diagonal of a factor is zero
    full.flat[:: len(full) + 1] *= 0.5
    return np.asarray(full)


def _lower_inverse(factor: Array, *, in_place: bool = False) -> Array:
    lower, info = lapack.dpotri(factor, lower=1, overwrite_c=in_place)
    if info != 0:
        raise NumericalError(f"a Cholesky factor is singular in row {info}")
    return np.asarray(lower)


def inverse_less(factor: Array, vector: Array) -> Array:
    """Return the lower triangle of (L Lᵀ)⁻¹ - v vᵀ, zero above, in place of L in Fortran order, (n, n)."""
    lower = _lower_inverse(factor, in_place=True)
    return np.asarray(blas.dsyr(-1.0, vector, lower=1, a=lower, overwrite_a=1))


def symmetric_product(lower: Array, right: Array) -> Array:
    """Return A B for the lower triangle of a symmetric A, (n, n) in Fortran order, and B, (n, m)."""
    return np.asarray(blas.dsymm(1.0, lower, right, lower=1))


def draws(mean: Array, covariance: Array, n: int, rng: np.random.Generator) -> Array:
    """Return n draws from N(mean, covariance) for mean (m,) and covariance (m, m), shape (m, n).

    By an eigendecomposition, so that a covariance that is singular up to rounding (points close
    together) needs no jitter: directions without variance contribute nothing.
    """
    variances, directions = np.linalg.eigh(covariance)
    scaled = directions * np.sqrt(np.maximum(variances, 0.0))
    return np.asarray(mean[:, None] + scaled @ rng.standard_normal((len(mean), n)))


def extend_cholesky(factor: Array, cross: Array, corner: Array) -> Array:
    """Return the lower Cholesky factor of [[L Lᵀ, B], [Bᵀ, C]] from that of its upper left block.

    Costs O(n² m) instead of O((n + m)³).

    Args:
        factor: L, shape (n, n).
        cross: B, shape (n, m).
        corner: C, shape (m, m).
    """
    n, m = cross.shape
    below = solve_lower(factor, cross)
    # Fortran order, so that LAPACK takes the factor as it is instead of copying it at each solve
    extended = np.zeros((n + m, n + m), order="F")
    extended[:n, :n] = factor
    extended[n:, :n] = below.T
    extended[n:, n:] = cholesky(corner - below.T @ below)
    return extended
