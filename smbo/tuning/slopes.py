"""How the bins follow the parameters, and how much of that noise alone would have made.

A parameter that does nothing has slopes all the same, of noise; their squares, summed over hundreds of
bins, would pass for knowledge of it.  So what is found is held against what noise makes: a parameter counts
if noise would exceed it in one of a thousand cases only, and each direction in which such parameters trade
for each other for what it has more than noise.  The number of independent bins behind that is counted from
how the evaluations scatter, for bins that see the same events err together.

Sources: Satterthwaite (1946), "An Approximate Distribution of Estimates of Variance Components" (sums of
squares of unequal variances as one χ²); Carroll et al. (2006), "Measurement Error in Nonlinear Models"
(why noise in slopes draws an estimate towards the middle of its design, and makes it look sure).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from smbo.training_data import Array

# Probability that noise makes a parameter count: three standard deviations to one side.
CHANCE = 1.35e-3


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of k bins by p parameters at a point, and the noise in them.

    Attributes:
        jacobian: as the model has them, shape (k, p).
        plain: the same without the prior of the planes, whose noise is known, shape (k, p).
        loadings: of c processes, shape (k, c).
        doubts: covariance of each process' slopes, shape (c, p, p).
        wander: noise of the evaluations, shape (k, n); freedom: evaluations left over for it.
        plane_doubt: the covariance of the planes' plain slopes in units of that noise, shape (p, p).
    """

    jacobian: Array
    plain: Array
    loadings: Array
    doubts: Array
    wander: Array
    freedom: int
    plane_doubt: Array

    def significant(self, metric: Array) -> Array:
        """Return the slopes (k, p) less what noise can make, given the weight of each bin (k,).

        A parameter with no slopes beyond noise has none: else those of noise would seem to trade
        it for the others, and widen these.  Along each direction of what is left, the squares that noise
        makes on average are taken off.
        """
        parts, freedoms = self._noise(metric)
        found = np.einsum("kp,k,kp->p", self.plain, metric, self.plain)
        alone = np.einsum("cpp->pc", parts)
        moves = [
            square > own.sum() * _exceeded(own, freedoms) if own.any() else square > 0.0
            for square, own in zip(found, alone)
        ]
        seen = np.flatnonzero(moves)
        out = np.zeros_like(self.jacobian)
        if len(seen):
            out[:, seen] = self._in_directions(metric, seen, parts.sum(axis=0)[np.ix_(seen, seen)])
        return out

    def _in_directions(self, metric: Array, seen: NDArray[np.intp], noise: Array) -> Array:
        """Return the slopes by the parameters ``seen`` less what noise (p', p') makes along each direction.

        They are mapped by the least change T (the optimal transport between normal distributions of these
        covariances) to the information TᵀJᵀMJT that is left.
        """
        plain, jacobian = self.plain[:, seen], self.jacobian[:, seen]
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

    def doubt_along(self, weights: Array) -> Array:
        """Return the covariance of dJᵀ weights, dJ being what noise does to the slopes, (p, p)."""
        strengths = (self.loadings.T @ weights) ** 2
        planes = float(((self.wander.T @ weights) ** 2).sum()) * self.plane_doubt
        return np.asarray(np.einsum("c,cij->ij", strengths, self.doubts) + planes)

    def _noise(self, metric: Array) -> tuple[Array, Array]:
        """Return the expectation of Σ metric dJ dJᵀ from each source, (c + 1, p, p), and their freedoms."""
        strengths = metric @ self.loadings**2
        gram = (self.wander.T * metric) @ self.wander
        total, q = float(np.trace(gram)), max(self.freedom, 1)
        squares = q * float((gram**2).sum()) / max(total, 1e-300) ** 2 - 1.0
        independent = (q + 1.0) / squares if squares > 0.0 else np.inf
        parts = np.concatenate([strengths[:, None, None] * self.doubts, total * self.plane_doubt[None]])
        return parts, np.append(np.ones(len(strengths)), max(independent, 1.0))


def _exceeded(parts: Array, freedoms: Array) -> float:
    """Return what a sum of squares in units of its expectation exceeds by ``CHANCE``, given its parts."""
    total = float(parts.sum())
    squares = float((parts**2 / freedoms).sum())
    freedom = total**2 / squares if squares > 0.0 else 1.0
    return float(chi2.isf(CHANCE, freedom) / freedom)


def _roots(square: Array) -> tuple[Array, Array]:
    """Return the symmetric square root of a positive matrix and its pseudo-inverse, (p, p) each."""
    values, axes = np.linalg.eigh(square)
    there = values > 1e-10 * max(float(values[-1]), 1e-300)
    values = np.sqrt(np.where(there, values, 0.0))
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=there)
    return (axes * values) @ axes.T, (axes * inverse) @ axes.T
