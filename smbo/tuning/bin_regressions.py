"""A linear regression in each of many bins, its slopes shrunk adaptively (Stephens 2017, empirical Bayes)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.training_data import Array

# Grid of prior variances of a bin's slopes, in units of the bin's scatter and of the whole range.
_PRIOR_VARIANCES = np.logspace(-3.0, 4.0, 29)
_N_ROUNDS = 50  # expectation maximisation of the grid's weights converges long before


@dataclass(frozen=True, eq=False)
class BinRegressions:
    """k linear regressions on D features, heights + slopes (features - centre), and their covariance.

    The slopes of each have a normal prior, whose variance is a mixture over a grid; the weights of the
    mixture are learned from all bins (Stephens 2017, "False discovery rates: a new deal"): with a
    prior for each bin alone, noise would be estimated as slopes in many of hundreds of bins.  Of the
    covariance of (height, slopes) in units of a bin's scatter, the first entry is 1/n and the rest is
    diagonal along r axes of the features; slopes along directions that no evaluation varied are zero.

    Attributes:
        centre: of the features, shape (D,).
        heights: values at the centre, shape (k,).
        slopes: shape (k, D).
        scatter: variance of a typical evaluation around each regression, shape (k,).
        axes: shape (r, D).
        variances: of the slopes along these axes, in units of the scatter, shape (k, r).
        n: number of evaluations.
        least_squares: slopes without a prior, shape (k, D); zero where there are no degrees of freedom to
            estimate their noise.
        least_squares_variances: of the least-squares slopes along the axes, in units of the scatter, (r,).
        noise_root: root of the noise covariance of the bins, shape (k, n): noise_root noise_rootᵀ, from the
            residuals; errors of bins filled by the same events are correlated.
        degrees_of_freedom: of the residuals, q.
    """

    centre: Array
    heights: Array
    slopes: Array
    scatter: Array
    axes: Array
    variances: Array
    n: int
    least_squares: Array
    least_squares_variances: Array
    noise_root: Array
    degrees_of_freedom: int

    @classmethod
    def of(cls, features: Array, values: Array, variances: Array, weights: Array) -> BinRegressions:
        """Return the regressions of values (n, k) on features (n, D).

        Args:
            variances: of the values' noise, shape (n, k).
            weights: weight of each row, shape (n,).
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
        known = 1.0 / (singular**2 + 1.0 / _PRIOR_VARIANCES[:, None])  # (priors, r)
        shrunk = shares.T @ (known * singular)
        left_over = outside + ((1.0 - shrunk * singular) ** 2 * along.T**2).sum(axis=1)
        scatter = left_over / np.maximum(n - 1.0 - (shrunk * singular).sum(axis=1), 1.0)
        # variance of a mixture: mean of the variances plus variance of the means
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
            least_squares=plain * size[:, None],
            least_squares_variances=singular**-2.0 if freedom > 0 else np.zeros(len(singular)),
            noise_root=(y - left @ along).T * (size / np.sqrt(max(freedom, 1)))[:, None],
            degrees_of_freedom=max(freedom, 0),
        )

    def spread(self, features: Array) -> Array:
        """Return the variance of the regressions at features (m, D), shape (m, k)."""
        along = ((features - self.centre) @ self.axes.T) ** 2
        return self.scatter * (1.0 / self.n + along @ self.variances.T)

    def errors(self, features: Array) -> Array:
        """Return F (k, n): F Fᵀ is the covariance of the regressions at features (D,), over the bins."""
        size = np.sqrt((self.noise_root**2).sum(axis=1))
        wanted = np.sqrt(self.spread(features[None])[0])
        return self.noise_root * np.divide(wanted, size, out=np.zeros_like(size), where=size > 0.0)[:, None]

    def summed_spread(self, features: Array, metric: Array) -> Array:
        """Return Σ metric variance of the regressions at features (m, D), shape (m,)."""
        along = ((features - self.centre) @ self.axes.T) ** 2
        share = metric * self.scatter
        return np.asarray(share.sum() / self.n + along @ (share @ self.variances))

    def least_squares_covariance(self, directions: Array) -> Array:
        """Return the covariance of least-squares slopes along directions (p, D), over the scatter, (p, p)."""
        along = directions @ self.axes.T
        return np.asarray((along * self.least_squares_variances) @ along.T)


def _shares(singular: Array, along: Array, outside: Array, n: int) -> Array:
    """Return the posterior weights of the prior variances for each bin, (priors, k); columns add up to one.

    A bin's scatter is integrated out; the prior weights maximise the likelihood of all bins.
    """
    found = []
    for prior in _PRIOR_VARIANCES:
        spread = 1.0 + prior * singular**2
        squares = (along**2 / spread[:, None]).sum(axis=0) + outside
        found.append(-0.5 * np.log(spread).sum() - 0.5 * (n - 1) * np.log(np.maximum(squares, 1e-300)))
    logs = np.array(found)
    likelihoods = np.exp(logs - logs.max(axis=0))
    common = np.full(len(_PRIOR_VARIANCES), 1.0 / len(_PRIOR_VARIANCES))
    for _ in range(_N_ROUNDS):  # expectation and maximisation
        shares = common[:, None] * likelihoods
        shares /= np.maximum(shares.sum(axis=0), 1e-300)
        common = shares.mean(axis=1)
    return np.asarray(shares)
