"""Replicates as one row: the latent value and variance of each row of the training data.

The mean of k evaluations of one point, weighted by one over their variances, is sufficient for the function
there if errors are independent and normal; its variance is one over the sum of these weights.  The other
factor of the likelihood depends on the noise alone and is used to learn it.  The posterior is exactly that
of the single evaluations, at the cost of the number of distinct points.

Source: Binois, Gramacy & Ludkovski (2018), "Practical Heteroscedastic Gaussian Process Modeling for Large
    Simulation Experiments", use the same identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Array, TrainingData

# Lowest log variance of an evaluation, for standardised values: keeps the covariance of duplicates well
# conditioned.
LEAST_LOG_NOISE = float(np.log(1e-7))


@dataclass(frozen=True, eq=False)
class ReplicateScatter:
    """The factor of the likelihood of replicates that their means do not contain.

    Attributes:
        counts: number of evaluations in each row, (n,).
        n_left: degrees of freedom: evaluations of unknown variance less the number of their rows.
        scatter: sum of squares of these evaluations around the means of their rows.
        constant: the part of minus the log likelihood that does not depend on the noise.
    """

    counts: Array
    n_left: int
    scatter: float
    constant: float

    def negative_with_slope(self, noise: float) -> tuple[float, float]:
        """Return minus the log likelihood of the scatter, and its derivative by the log of the noise."""
        of_scatter = 0.5 * self.scatter / noise
        value = self.constant + 0.5 * self.n_left * float(np.log(noise)) + of_scatter
        return value, 0.5 * self.n_left - of_scatter


@dataclass(frozen=True, eq=False)
class LatentValues:
    """Values and variances of rows on the latent scale.

    Attributes:
        values: latent, (n,).
        variances: of their errors, to first order in the transform, NaN where unknown, (n,).
        counts: number of evaluations in each row, (n,).
        repeated: scatter within rows; None if each row is one evaluation.
    """

    values: Array
    variances: Array
    counts: Array
    repeated: ReplicateScatter | None = None

    @classmethod
    def of(cls, data: TrainingData, scale: OutcomeTransform) -> LatentValues:
        """Return the rows of training data on a latent scale, on which means of replicates are taken."""
        repeats = data.replicates
        if repeats is None:
            variances = np.asarray(data.variances * scale.slopes(data.values) ** 2)
            return cls(scale.to_latent(data.values), variances, np.ones(len(data)))
        values = scale.to_latent(repeats.values)
        variances = repeats.variances * scale.slopes(repeats.values) ** 2
        return _merged(repeats.rows, values, np.maximum(variances, np.exp(LEAST_LOG_NOISE)), len(data))

    def typical(self, variances: Array) -> float:
        """Return the median variance of a single evaluation, given that of each row, (n,)."""
        if self.repeated is None:
            return float(np.median(variances))
        return float(np.median(np.repeat(variances * self.counts, self.counts.astype(np.intp))))


def _merged(rows: NDArray[np.intp], values: Array, variances: Array, n: int) -> LatentValues:
    """Return n rows of values (N,) with variances (N,); within a row all variances are known, or none."""
    is_unknown = np.isnan(variances)
    weights = np.where(is_unknown, 1.0, 1.0 / variances)
    counts = np.bincount(rows, minlength=n).astype(np.float64)
    sums = np.bincount(rows, weights, n)
    means = np.bincount(rows, weights * values, n) / sums
    squares = weights * (values - means[rows]) ** 2
    row_is_unknown = np.bincount(rows, is_unknown, n) > 0
    n_left = int(is_unknown.sum()) - int(row_is_unknown.sum())
    known = ~is_unknown
    of_known = np.log(variances[known]).sum() + np.log(sums[~row_is_unknown]).sum() + squares[known].sum()
    constant = 0.5 * (of_known + np.log(counts[row_is_unknown]).sum())
    repeated = ReplicateScatter(counts, n_left, float(squares[is_unknown].sum()), float(constant))
    return LatentValues(means, np.where(row_is_unknown, np.nan, 1.0 / sums), counts, repeated)


def values_told(data: TrainingData) -> Array:
    """Return the value of each single evaluation, (N,), from which outcome transforms are estimated."""
    return data.values if data.replicates is None else data.replicates.values


def variances_told(data: TrainingData) -> Array:
    """Return the variance of each single evaluation's error, NaN where it was not given, (N,)."""
    return data.variances if data.replicates is None else data.replicates.variances
