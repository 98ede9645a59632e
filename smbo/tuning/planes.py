"""A plane through each of many bins at once, with slopes no larger than the bin itself says they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.evidence import Array

# Prior variances of a bin's slopes that are tried, in units of its scatter and of the whole range.
_PRIORS = np.logspace(-3.0, 4.0, 29)


@dataclass(frozen=True, eq=False)
class Planes:
    """k planes over D features: heights + slopes (features - centre), and how well they are known.

    Each is a linear regression with a normal prior on its slopes, whose width is the likeliest.  Of the
    covariance of (height, slopes) in units of a bin's scatter, the first entry is 1/n and the rest is
    diagonal along r axes of the features; along what no evaluation varied, slopes are taken for zero.

    Attributes:
        centre: of the features, shape (D,).
        heights: of the planes there, shape (k,).
        slopes: shape (k, D).
        scatter: variance of a typical evaluation around each plane, shape (k,).
        axes: shape (r, D).
        variances: of the slopes along these axes, in units of the scatter, shape (k, r).
        noise: the same of what noise alone does to them, shape (k, r).
        n: number of evaluations.
    """

    centre: Array
    heights: Array
    slopes: Array
    scatter: Array
    axes: Array
    variances: Array
    noise: Array
    n: int

    @classmethod
    def of(cls, features: Array, values: Array, variances: Array, weights: Array) -> Planes:
        """Return the planes through values (n, k) at features (n, D).

        Args:
            variances: of the values' noise, shape (n, k).
            weights: how much each row matters, shape (n,).
        """
        n = len(features)
        typical = np.median(variances, axis=0)
        safe = np.where(typical > 0.0, typical, np.maximum(values.var(axis=0), 1e-300))
        weights = weights / np.median(variances / safe + 1.0, axis=1)
        weights = weights * n / weights.sum()
        centre, heights = weights @ features / n, weights @ values / n
        root = np.sqrt(weights)[:, None]
        x, y = root * (features - centre), root * (values - heights) / np.sqrt(safe)
        left, singular, axes = np.linalg.svd(x, full_matrices=False)
        kept = singular > 1e-9 * max(float(singular[0]), 1.0)
        left, singular, axes = left[:, kept], singular[kept], axes[kept]
        along = left.T @ y
        outside = np.maximum((y**2).sum(axis=0) - (along**2).sum(axis=0), 0.0)
        known = 1.0 / (singular**2 + 1.0 / _prior(singular, along, outside, n)[:, None])
        shrunk = known * singular
        slopes = (shrunk * along.T) @ axes
        left_over = outside + ((1.0 - shrunk * singular) ** 2 * along.T**2).sum(axis=1)
        freedom = np.maximum(n - 1.0 - (shrunk * singular).sum(axis=1), 1.0)
        return cls(
            centre,
            heights,
            slopes * np.sqrt(safe)[:, None],
            safe * left_over / freedom,
            axes,
            known,
            shrunk**2,
            n,
        )

    def spread(self, features: Array) -> Array:
        """Return the variance of the planes at features (m, D), shape (m, k)."""
        along = ((features - self.centre) @ self.axes.T) ** 2
        return self.scatter * (1.0 / self.n + along @ self.variances.T)

    def summed_spread(self, features: Array, metric: Array) -> Array:
        """Return Σ metric variance of the planes at features (m, D), shape (m,)."""
        along = ((features - self.centre) @ self.axes.T) ** 2
        share = metric * self.scatter
        return np.asarray(share.sum() / self.n + along @ (share @ self.variances))

    def slope_noise(self, directions: Array, metric: Array) -> Array:
        """Return Σ metric dS dSᵀ, dS being what noise does to slopes along directions (p, D), (p, p)."""
        along = directions @ self.axes.T
        return np.asarray((along * ((metric * self.scatter) @ self.noise)) @ along.T)


def _prior(singular: Array, along: Array, outside: Array, n: int) -> Array:
    """Return, for each bin, the prior variance of slopes under which it is likeliest, shape (k,).

    Its scatter is not known and integrated out.
    """
    found = []
    for prior in _PRIORS:
        spread = 1.0 + prior * singular**2
        squares = (along**2 / spread[:, None]).sum(axis=0) + outside
        found.append(-0.5 * np.log(spread).sum() - 0.5 * (n - 1) * np.log(np.maximum(squares, 1e-300)))
    return np.asarray(_PRIORS[np.argmax(found, axis=0)])
