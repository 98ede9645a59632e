"""The Jacobian of the bins by the parameters, with a significance test of its columns against noise.

Even a parameter without effect has estimated slopes, of noise; their squares, summed over hundreds of bins,
look like information on it.  So the sums of squares are tested against those of noise: a parameter is
significant if noise would exceed its sum in one of a thousand cases only, and along each direction of
correlated parameters the expectation of the noise is subtracted.  The number of independent bins in the test
is estimated from the residuals of the evaluations, since errors of bins filled by the same events are
correlated.

Sources: Satterthwaite (1946), "An Approximate Distribution of Estimates of Variance Components" (sums of
squares of unequal variances as one χ²); Carroll et al. (2006), "Measurement Error in Nonlinear Models"
(why noise in slopes biases an estimate towards the middle of its design, and makes its error too small).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from smbo.training_data import Array

# Probability that a parameter of noise alone is significant: three standard deviations, one-sided.
FALSE_POSITIVE_RATE = 1.35e-3


@dataclass(frozen=True, eq=False)
class Jacobian:
    """Slopes of k bins by p parameters at a point, and the covariance of their noise.

    Attributes:
        values: slopes of the model, shape (k, p).
        least_squares: slopes without the prior of the regressions, whose noise is known, shape (k, p).
        loadings: loadings of c Gaussian processes (principal components), shape (k, c).
        slope_covariances: of each process' slopes, shape (c, p, p).
        noise_root: root of the noise covariance of the bins, shape (k, n).
        degrees_of_freedom: of the residuals that the noise covariance is estimated from.
        regression_covariance: of the least-squares slopes, in units of that noise, shape (p, p).
    """

    values: Array
    least_squares: Array
    loadings: Array
    slope_covariances: Array
    noise_root: Array
    degrees_of_freedom: int
    regression_covariance: Array

    def significant(self, metric: Array) -> Array:
        """Return the slopes (k, p) with the noise subtracted, given the weight of each bin (k,).

        A parameter without significant slopes gets zero: slopes of noise would correlate it with the other
        parameters, and widen their errors.  Along each direction of the significant parameters, the
        expected square of the noise is subtracted.
        """
        parts, freedoms = self._noise(metric)
        found = np.einsum("kp,k,kp->p", self.least_squares, metric, self.least_squares)
        alone = np.einsum("cpp->pc", parts)
        moves = [
            square > own.sum() * _exceeded(own, freedoms) if own.any() else square > 0.0
            for square, own in zip(found, alone)
        ]
        seen = np.flatnonzero(moves)
        out = np.zeros_like(self.values)
        if len(seen):
            out[:, seen] = self._in_directions(metric, seen, parts.sum(axis=0)[np.ix_(seen, seen)])
        return out

    def _in_directions(self, metric: Array, seen: NDArray[np.intp], noise: Array) -> Array:
        """Return the slopes by the parameters ``seen`` with noise (p', p') subtracted along each direction.

        They are mapped by the least change T (the optimal transport between normal distributions of these
        covariances) to the remaining information TᵀJᵀMJT.
        """
        plain, jacobian = self.least_squares[:, seen], self.values[:, seen]
        found = (plain.T * metric) @ plain
        told = (jacobian.T * metric) @ jacobian
        noise = noise + 1e-12 * np.eye(len(seen)) * float(np.trace(found))
        root, inverse_root = _roots(noise)
        ratios, axes = np.linalg.eigh(inverse_root @ found @ inverse_root)
        along = inverse_root @ axes
        left = np.clip(ratios - 1.0, 0.0, np.einsum("pi,pq,qi->i", along, told, along))
        wanted = root @ (axes * left) @ axes.T @ root
        before, inverse_before = _roots(told)
        middle, _ = _roots(before @ wanted @ before)
        return np.asarray(jacobian @ inverse_before @ middle @ inverse_before)

    def covariance_along(self, weights: Array) -> Array:
        """Return the covariance of dJᵀ weights, dJ being the noise of the slopes, (p, p)."""
        strengths = (self.loadings.T @ weights) ** 2
        regressions = float(((self.noise_root.T @ weights) ** 2).sum()) * self.regression_covariance
        return np.asarray(np.einsum("c,cij->ij", strengths, self.slope_covariances) + regressions)

    def _noise(self, metric: Array) -> tuple[Array, Array]:
        """Return the expectation of Σ metric dJ dJᵀ from each source, (c + 1, p, p), and their freedoms."""
        strengths = metric @ self.loadings**2
        gram = (self.noise_root.T * metric) @ self.noise_root
        total, q = float(np.trace(gram)), max(self.degrees_of_freedom, 1)
        squares = q * float((gram**2).sum()) / max(total, 1e-300) ** 2 - 1.0
        independent = (q + 1.0) / squares if squares > 0.0 else np.inf
        parts = np.concatenate(
            [strengths[:, None, None] * self.slope_covariances, total * self.regression_covariance[None]]
        )
        return parts, np.append(np.ones(len(strengths)), max(independent, 1.0))


def _exceeded(parts: Array, freedoms: Array) -> float:
    """Return the quantile, over its expectation, that a sum of squares exceeds at FALSE_POSITIVE_RATE."""
    total = float(parts.sum())
    squares = float((parts**2 / freedoms).sum())
    freedom = total**2 / squares if squares > 0.0 else 1.0
    return float(chdtri(freedom, FALSE_POSITIVE_RATE) / freedom)


def _roots(square: Array) -> tuple[Array, Array]:
    """Return the symmetric square root of a positive matrix and its pseudo-inverse, (p, p) each."""
    values, axes = np.linalg.eigh(square)
    there = values > 1e-10 * max(float(values[-1]), 1e-300)
    values = np.sqrt(np.where(there, values, 0.0))
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=there)
    return (axes * values) @ axes.T, (axes * inverse) @ axes.T
