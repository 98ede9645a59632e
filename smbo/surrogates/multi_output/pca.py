"""From vector outputs to the few components that move, and back.

The bins of a histogram move together: a few directions carry what a generator's settings do to them.
Each bin is measured in units of its evaluations' noise first, so that a direction stands out by what is
known of it, and not by the bins whose noise is loudest; along a direction the bins are then averaged
with the weights that their precision earns.  What the loss makes of it comes after: a sum of squares is
a quadratic form of the components, whose moments are exact.

Sources: Tipping & Bishop (1999), "Probabilistic Principal Component Analysis" (directions above known
noise); Higdon et al. (2008), "Computer Model Calibration Using High-Dimensional Output" (principal
components of outputs, a process each).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.training_data import Array, Loss, SquaredLoss, VectorOutputs

# Of the largest component's movement: what moves less is left out, noise or not.
_LEAST_SHARE = 1e-3
# Of the mean movement of a bin, in units of the loss: noise below it is not told from what a few
# components cannot follow, and would make precise bins that hardly matter count more than all others.
_DISCREPANCY = 1e-3
# An evaluation that saw nothing in a bin knows little of its error there: no less, then, than so much of
# what all evaluations together say of it.
_LEAST_VARIANCE = 0.25


@dataclass(frozen=True, eq=False)
class Basis:
    """Components z of outputs y ≈ centre + loadings z, each z with noise and movement near one.

    Attributes:
        centre: shape (k,).
        loadings: shape (k, c).
        reader: z = readerᵀ (y - centre), shape (k, c).
        noise: variance of an evaluation's error by output, shape (k,).
        doubt: of centre and loadings together: for output b their covariance is
            noise[b] doubt doubtᵀ, shape (1 + c, 1 + c).
    """

    centre: Array
    loadings: Array
    reader: Array
    noise: Array
    doubt: Array

    @classmethod
    def of(cls, vectors: VectorOutputs, n_components: int) -> Basis:
        """Return the basis of the components that the training data shows to move."""
        variances = floored(vectors)
        weights = _weights(variances)
        centre = weights @ vectors.values
        off = vectors.values - centre
        moved = weights @ off**2
        noise = weights @ variances
        scale = _scale(vectors.loss, moved, noise)
        scaled = np.sqrt(weights)[:, None] * off / scale
        _, singular, rows = np.linalg.svd(scaled, full_matrices=False)
        alone = _noise_alone(weights, variances / scale**2)
        is_kept = (singular > alone) & (singular > _LEAST_SHARE * float(singular[0]))
        axes = rows[: min(int(is_kept.sum()), n_components)].T
        reader = axes / scale[:, None]
        scores = off @ reader
        # sizes of one: what the processes learn of is standardised
        sizes = np.sqrt(np.maximum(weights @ scores**2, 1e-300))
        ones = np.concatenate([np.ones((len(scores), 1)), scores / sizes], axis=1)
        # as of a regression of the outputs on the components
        doubt = np.linalg.inv(np.linalg.cholesky(ones.T @ (len(scores) * weights[:, None] * ones))).T
        return cls(centre, scale[:, None] * axes * sizes, reader / sizes, noise, doubt)

    def components(self, vectors: VectorOutputs) -> tuple[Array, Array]:
        """Return standardised components and the variances of their errors, each (n, c)."""
        values = (vectors.values - self.centre) @ self.reader
        variances = floored(vectors) @ self.reader**2
        if vectors.factors.shape[2]:
            along = np.einsum("nkr,kc->ncr", vectors.factors, self.reader)
            variances = variances + (along**2).sum(axis=2)
        return values, variances

    def drawn(self, rng: np.random.Generator, boldness: float) -> Basis:
        """Return the basis with centre and loadings drawn from what is known of them.

        Args:
            boldness: factor on their deviations.
        """
        normals = rng.standard_normal((len(self.centre), len(self.doubt)))
        off = boldness * np.sqrt(self.noise)[:, None] * (normals @ self.doubt.T)
        return replace(self, centre=self.centre + off[:, 0], loadings=self.loadings + off[:, 1:])

    def outputs(self, components: Array) -> Array:
        """Return the outputs of components (..., c), shape (..., k)."""
        return np.asarray(self.centre + components @ self.loadings.T)


def floored(vectors: VectorOutputs) -> Array:
    """Return the variances of the outputs' errors with none that is too good to be true, (n, k).

    A bin in which an evaluation found no event says that its error is zero.
    """
    typical = np.median(vectors.variances, axis=0)
    typical = np.where(typical > 0.0, typical, vectors.variances.mean(axis=0))
    if not (typical > 0.0).any():
        return vectors.variances
    # evaluations of few events have large errors in all bins
    known = typical > 0.0
    size = np.median(vectors.variances[:, known] / typical[known], axis=1)
    return np.asarray(np.maximum(vectors.variances, _LEAST_VARIANCE * size[:, None] * typical))


def _weights(variances: Array) -> Array:
    """Return the weights of the evaluations, (n,), which add up to one: what is noisier says less."""
    weights = np.ones(len(variances))
    known = variances.mean(axis=0) > 0.0
    if known.any():
        noise = np.median(variances[:, known] / variances[:, known].mean(axis=0), axis=1)
        weights = weights / np.maximum(noise, 0.1)
    return np.asarray(weights / weights.sum())


def _scale(loss: Loss, moved: Array, noise: Array) -> Array:
    """Return the unit of each output, (k,): its noise, and a little of what moves in the loss."""
    if isinstance(loss, SquaredLoss):
        metric = loss.metric
    else:
        metric = np.divide(1.0, moved, out=np.zeros_like(moved), where=moved > 0.0)
    counts = metric > 0.0
    typical = float((metric * moved)[counts].mean()) if counts.any() else 0.0
    extra = np.divide(_DISCREPANCY * typical, metric, out=moved.copy(), where=counts)
    squared = noise + extra
    positive = squared[squared > 0.0]
    # an output that neither moves nor has an error stays what it is, whatever its unit
    return np.sqrt(np.where(squared > 0.0, squared, positive.min() if len(positive) else 1.0))


def _noise_alone(weights: Array, variances: Array) -> float:
    """Return the largest singular value that would be seen if nothing but noise moved the outputs.

    The largest of a few draws: what does not exceed it is no component (Horn 1965, "A rationale and
    test for the number of factors in factor analysis").
    """
    rng = np.random.default_rng(len(weights))
    n_draws, (n, k) = 4, variances.shape
    found = 0.0
    for _ in range(n_draws):
        draw = np.sqrt(variances) * rng.standard_normal((n, k))
        scaled = np.sqrt(weights)[:, None] * (draw - weights @ draw)
        # as an eigenvalue of the smaller product: a fifth of the time of singular values
        square = np.linalg.eigvalsh(scaled @ scaled.T if n <= k else scaled.T @ scaled)[-1]
        found = max(found, float(np.sqrt(max(square, 0.0))))
    return found
