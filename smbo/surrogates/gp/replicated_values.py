"""What a process is told, on its own scale: each row's value and variance, repeats in one row.

k evaluations of one point with independent normal errors say of the function there what their mean says
(weighted by one over their variances), with the variance of that mean.  What is left of their density
depends on the noise alone, and is kept for learning it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Array, TrainingData

# The floor of a variance on a scale of standardised values: duplicates stay well conditioned.
LEAST_LOG_NOISE = float(np.log(1e-7))


@dataclass(frozen=True, eq=False)
class ReplicateScatter:
    """What the means of several evaluations leave of their density.

    Attributes:
        counts: evaluations in each row, (n,).
        n_left: unknown errors beyond one for each row of such.
        scatter: sum of squares around their row's mean of the values with unknown errors.
        constant: minus the log density that does not depend on the noise, but on the scale.
    """

    counts: Array
    n_left: int
    scatter: float
    constant: float

    def negative_with_slope(self, noise: float) -> tuple[float, float]:
        """Return minus what is left of the log density, and its slope by the logarithm of the noise."""
        of_scatter = 0.5 * self.scatter / noise
        value = self.constant + 0.5 * self.n_left * float(np.log(noise)) + of_scatter
        return value, 0.5 * self.n_left - of_scatter


@dataclass(frozen=True, eq=False)
class LatentValues:
    """Values of rows on a latent scale.

    Attributes:
        values: (n,).
        variances: of their errors, to first order, NaN where unknown, (n,).
        counts: evaluations in each row, (n,).
        repeated: None where each row is one evaluation.
    """

    values: Array
    variances: Array
    counts: Array
    repeated: ReplicateScatter | None = None

    @classmethod
    def of(cls, data: TrainingData, scale: OutcomeTransform) -> LatentValues:
        """Return what the training data tells on a scale; means are taken on that scale, bent or not."""
        repeats = data.replicates
        if repeats is None:
            variances = np.asarray(data.variances * scale.slopes(data.values) ** 2)
            return cls(scale.to_latent(data.values), variances, np.ones(len(data)))
        values = scale.to_latent(repeats.values)
        variances = repeats.variances * scale.slopes(repeats.values) ** 2
        return _merged(repeats.rows, values, np.maximum(variances, np.exp(LEAST_LOG_NOISE)), len(data))

    def typical(self, variances: Array) -> float:
        """Return the median variance of a single evaluation, given that of each row, (n,)."""
        return float(np.median(np.repeat(variances * self.counts, self.counts.astype(np.intp))))


def _merged(rows: NDArray[np.intp], values: Array, variances: Array, n: int) -> LatentValues:
    """Return n rows of values (N,) with variances (N,); in a row all of these are known or none is."""
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
    """Return the value of each evaluation behind the rows, (N,): what scales are taken from."""
    return data.values if data.replicates is None else data.replicates.values
