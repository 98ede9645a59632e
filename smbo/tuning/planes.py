"""A plane through each of many bins at once, with slopes no larger than all bins together say they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.training_data import Array

# Prior variances of a bin's slopes that are mixed, in units of its scatter and of the whole range.
_PRIORS = np.logspace(-3.0, 4.0, 29)
_N_ROUNDS = 50  # of the shares of these priors: the likelihood has long settled


@dataclass(frozen=True, eq=False)
class Planes:
    """k planes over D features: heights + slopes (features - centre), and how well they are known.

    Each is a linear regression whose slopes have a normal prior of some width.  How many bins have which
    width is learned from all of them, and each bin then chooses among these: a bin alone would take the
    largest of its noise for a slope, and of hundreds of bins many would (Stephens 2017, "False discovery
    rates: a new deal").  Of the covariance of (height, slopes) in units of a bin's scatter, the first entry
    is 1/n and the rest is diagonal along r axes of the features; along what no evaluation varied, slopes are
    taken for zero.

    Attributes:
        centre: of the features, shape (D,).
        heights: of the planes there, shape (k,).
        slopes: shape (k, D).
        scatter: variance of a typical evaluation around each plane, shape (k,).
        axes: shape (r, D).
        variances: of the slopes along these axes, in units of the scatter, shape (k, r).
        n: number of evaluations.
        plain: slopes of least squares, without a prior, shape (k, D); zero where no evaluation is left over
            that would tell their noise.
        plain_variances: of these along the axes, in units of the scatter, shape (r,).
        wander: directions in which evaluations scatter around the planes, shape (k, n): wander wanderᵀ is
            the covariance of their noise, bins of the same events err together.
        freedom: evaluations that are left over, q of them.
    """

    centre: Array
    heights: Array
    slopes: Array
    scatter: Array
    axes: Array
    variances: Array
    n: int
    plain: Array
    plain_variances: Array
    wander: Array
    freedom: int

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
        size = np.sqrt(safe)
        x, y = root * (features - centre), root * (values - heights) / size
        left, singular, axes = np.linalg.svd(x, full_matrices=False)
        kept = singular > 1e-9 * max(float(singular[0]), 1.0)
        left, singular, axes = left[:, kept], singular[kept], axes[kept]
        along = left.T @ y
        outside = np.maximum((y**2).sum(axis=0) - (along**2).sum(axis=0), 0.0)
        shares = _shares(singular, along, outside, n)
        known = 1.0 / (singular**2 + 1.0 / _PRIORS[:, None])  # (priors, r)
        shrunk = shares.T @ (known * singular)
        left_over = outside + ((1.0 - shrunk * singular) ** 2 * along.T**2).sum(axis=1)
        scatter = left_over / np.maximum(n - 1.0 - (shrunk * singular).sum(axis=1), 1.0)
        # of a mixture: the mean of the variances and the variance of the means
        between = shares.T @ (known * singular) ** 2 - shrunk**2
        told = np.maximum(between, 0.0) * along.T**2 / np.maximum(scatter, 1e-300)[:, None]
        freedom = n - 1 - len(singular)
        plain = (along.T / singular) @ axes if freedom > 0 else np.zeros((len(safe), features.shape[1]))
        return cls(
            centre=centre,
            heights=heights,
            slopes=(shrunk * along.T) @ axes * size[:, None],
            scatter=safe * scatter,
            axes=axes,
            variances=shares.T @ known + told,
            n=n,
            plain=plain * size[:, None],
            plain_variances=singular**-2.0 if freedom > 0 else np.zeros(len(singular)),
            wander=(y - left @ along).T * (size / np.sqrt(max(freedom, 1)))[:, None],
            freedom=max(freedom, 0),
        )

    def spread(self, features: Array) -> Array:
        """Return the variance of the planes at features (m, D), shape (m, k)."""
        along = ((features - self.centre) @ self.axes.T) ** 2
        return self.scatter * (1.0 / self.n + along @ self.variances.T)

    def errors(self, features: Array) -> Array:
        """Return F (k, n): the planes err by F Fᵀ at features (D,), bins of the same events together."""
        size = np.sqrt((self.wander**2).sum(axis=1))
        wanted = np.sqrt(self.spread(features[None])[0])
        return self.wander * np.divide(wanted, size, out=np.zeros_like(size), where=size > 0.0)[:, None]

    def summed_spread(self, features: Array, metric: Array) -> Array:
        """Return Σ metric variance of the planes at features (m, D), shape (m,)."""
        along = ((features - self.centre) @ self.axes.T) ** 2
        share = metric * self.scatter
        return np.asarray(share.sum() / self.n + along @ (share @ self.variances))

    def plain_doubt(self, directions: Array) -> Array:
        """Return A (p, p): noise makes plain slopes along directions (p, D) err by A, times the scatter."""
        along = directions @ self.axes.T
        return np.asarray((along * self.plain_variances) @ along.T)


def _shares(singular: Array, along: Array, outside: Array, n: int) -> Array:
    """Return how likely each prior variance is for each bin, (priors, k); columns add up to one.

    A bin's scatter is not known and integrated out; how common each prior is makes all bins likeliest.
    """
    found = []
    for prior in _PRIORS:
        spread = 1.0 + prior * singular**2
        squares = (along**2 / spread[:, None]).sum(axis=0) + outside
        found.append(-0.5 * np.log(spread).sum() - 0.5 * (n - 1) * np.log(np.maximum(squares, 1e-300)))
    logs = np.array(found)
    likelihoods = np.exp(logs - logs.max(axis=0))
    common = np.full(len(_PRIORS), 1.0 / len(_PRIORS))
    for _ in range(_N_ROUNDS):  # expectation and maximisation
        shares = common[:, None] * likelihoods
        shares /= np.maximum(shares.sum(axis=0), 1e-300)
        common = shares.mean(axis=1)
    return np.asarray(shares)
