"""Principal components of vector outputs: a basis of the few directions in which outputs vary.

The bins of a histogram are correlated: the effect of a generator's parameters lies in a few directions.
Each bin is scaled by its evaluation noise first, so that directions are found by their signal over noise and
not by the noisiest bins; a component is then an average of the bins, weighted by their precision.  A sum of
squares is a quadratic form of the components (``loss_moments``).

Sources: Tipping & Bishop (1999), "Probabilistic Principal Component Analysis" (directions above known
noise); Higdon et al. (2008), "Computer Model Calibration Using High-Dimensional Output" (principal
components of outputs, a GP each).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.training_data import Array, Loss, SquaredLoss, VectorOutputs

# Smallest singular value of a component that is kept, relative to the largest.
_MIN_SINGULAR_RATIO = 1e-3
# Smaller variations, relative to the outputs themselves, are rounding errors of outputs that do not vary.
_ROUNDING = 1e-13
# Noise added to each bin, as a share of the mean variation of a bin in units of the loss: a few components
# cannot describe smaller variations, and precise bins that hardly change the loss would outweigh all others.
_DISCREPANCY = 1e-3
# Smallest variance of a bin, as a share of its typical variance over evaluations: an evaluation without
# events in a bin reports an error of zero.
_MIN_VARIANCE_RATIO = 0.25


@dataclass(frozen=True, eq=False)
class Basis:
    """Components z of outputs y ≈ centre + loadings z, standardised.

    Attributes:
        centre: shape (k,).
        loadings: shape (k, c).
        reader: z = readerᵀ (y - centre), shape (k, c).
        noise: mean variance of an evaluation by output, shape (k,).
        doubt: factor of the covariance of centre and loadings, noise[b] doubt doubtᵀ for output b,
            shape (1 + c, 1 + c).
    """

    centre: Array
    loadings: Array
    reader: Array
    noise: Array
    doubt: Array

    @classmethod
    def of(cls, vectors: VectorOutputs, n_components: int, others: Array | None = None) -> Basis:
        """Return the basis of the components whose variation exceeds the noise, at most ``n_components``.

        Args:
            others: directions in which the outputs of source studies vary, times their sizes, (k, r): as many
                components at most are along these, before those of what is left of the variation.
        """
        variances = floored(vectors)
        weights = _weights(variances)
        centre = weights @ vectors.values
        off = vectors.values - centre
        moved = weights @ off**2
        noise = weights @ variances
        scale = _scale(vectors.loss, moved, noise)
        scaled = np.sqrt(weights)[:, None] * off / scale
        known = _directions(scaled, others, scale)[:n_components]
        rest = scaled - (scaled @ known.T) @ known if len(known) else scaled
        _, singular, rows = np.linalg.svd(rest, full_matrices=False)
        alone = _noise_alone(weights, variances / scale**2)
        largest = float(np.linalg.norm(scaled, 2)) if len(known) else float(singular[0])
        rounding = _ROUNDING * float(np.linalg.norm(vectors.values / scale))
        is_kept = (singular > alone) & (singular > max(_MIN_SINGULAR_RATIO * largest, rounding))
        axes = np.concatenate([known, rows[: min(int(is_kept.sum()), n_components)]]).T
        reader = axes / scale[:, None]
        scores = off @ reader
        # components of unit variance, since their GPs model standardised values
        sizes = np.sqrt(np.maximum(weights @ scores**2, 1e-300))
        ones = np.concatenate([np.ones((len(scores), 1)), scores / sizes], axis=1)
        # covariance of centre and loadings, as in a regression of the outputs on the components
        precision = ones.T @ (len(scores) * weights[:, None] * ones)
        if len(known):  # there may be more components than evaluations
            precision += np.eye(len(precision))
        doubt = np.linalg.inv(np.linalg.cholesky(precision)).T
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
        """Return the basis with centre and loadings drawn from their distribution.

        Args:
            boldness: factor on their standard deviations.
        """
        normals = rng.standard_normal((len(self.centre), len(self.doubt)))
        off = boldness * np.sqrt(self.noise)[:, None] * (normals @ self.doubt.T)
        return replace(self, centre=self.centre + off[:, 0], loadings=self.loadings + off[:, 1:])

    def drawn_given_components(self, rng: np.random.Generator) -> Basis:
        """Return the basis with centre and loadings drawn, such that ``reader`` still reads the components.

        Components are what the reader makes of outputs, whatever the loadings are: an error of these along
        the reader would be one of the components, whose processes have it already.
        """
        normals = rng.standard_normal((len(self.centre), len(self.doubt)))
        along = self._read_noise()
        normals -= along @ (along.T @ normals)
        off = np.sqrt(self.noise)[:, None] * (normals @ self.doubt.T)
        return replace(self, centre=self.centre + off[:, 0], loadings=self.loadings + off[:, 1:])

    def unread_noise(self) -> Array:
        """Return the mean variance of an evaluation by output that is left given its components, (k,)."""
        return np.asarray(self.noise * (1.0 - (self._read_noise() ** 2).sum(axis=1)))

    def _read_noise(self) -> Array:
        """Return orthonormal directions of the noise, in its units, that components are read from, (k, c)."""
        return np.linalg.qr(np.sqrt(self.noise)[:, None] * self.reader)[0]

    def outputs(self, components: Array) -> Array:
        """Return the outputs of components (..., c), shape (..., k)."""
        return np.asarray(self.centre + components @ self.loadings.T)


def _directions(scaled: Array, others: Array | None, scale: Array) -> Array:
    """Return the directions of source studies along which the scaled outputs (n, k) vary, (r, k)."""
    if others is None or not others.size:
        return np.zeros((0, scaled.shape[1]))
    _, sizes, rows = np.linalg.svd((others / scale[:, None]).T, full_matrices=False)
    rows = rows[sizes > _MIN_SINGULAR_RATIO * sizes[0]]
    moved = np.linalg.norm(scaled @ rows.T, axis=0)
    return np.asarray(rows[moved > _MIN_SINGULAR_RATIO * np.linalg.norm(scaled, 2)])


def floored(vectors: VectorOutputs) -> Array:
    """Return the variances of the outputs' errors, with a lower bound, (n, k).

    A bin in which an evaluation found no event has a reported error of zero.
    """
    typical = np.median(vectors.variances, axis=0)
    typical = np.where(typical > 0.0, typical, vectors.variances.mean(axis=0))
    if not (typical > 0.0).any():
        return vectors.variances
    # evaluations of few events have large errors in all bins
    known = typical > 0.0
    size = np.median(vectors.variances[:, known] / typical[known], axis=1)
    return np.asarray(np.maximum(vectors.variances, _MIN_VARIANCE_RATIO * size[:, None] * typical))


def _weights(variances: Array) -> Array:
    """Return weights of the evaluations, about one over their noise variance, with sum one, (n,)."""
    weights = np.ones(len(variances))
    known = variances.mean(axis=0) > 0.0
    if known.any():
        noise = np.median(variances[:, known] / variances[:, known].mean(axis=0), axis=1)
        weights = weights / np.maximum(noise, 0.1)
    return np.asarray(weights / weights.sum())


def _scale(loss: Loss, moved: Array, noise: Array) -> Array:
    """Return the unit of each output, (k,): its noise, and a small share of the variation in the loss."""
    if isinstance(loss, SquaredLoss):
        metric = loss.metric
    else:
        metric = np.divide(1.0, moved, out=np.zeros_like(moved), where=moved > 0.0)
    counts = metric > 0.0
    typical = float((metric * moved)[counts].mean()) if counts.any() else 0.0
    extra = np.divide(_DISCREPANCY * typical, metric, out=moved.copy(), where=counts)
    squared = noise + extra
    positive = squared[squared > 0.0]
    # an output without variation and noise is constant, whatever its unit
    return np.sqrt(np.where(squared > 0.0, squared, positive.min() if len(positive) else 1.0))


def _noise_alone(weights: Array, variances: Array) -> float:
    """Return the largest singular value of noise alone, the largest of a few draws.

    Components that do not exceed it are left out (parallel analysis: Horn 1965, "A rationale and
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
