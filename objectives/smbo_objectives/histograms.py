"""Histogram: bins, contents and their variances; the errors of bins that are empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Histogram", "as_predicted", "noise_together", "variance_of_sums"]

Array = NDArray[np.float64]

_MAX_COMMON = 0.95  # largest share of a bin's variance in common with other bins


def as_predicted(name: str) -> str:
    """Return the name that a prediction has for measured data: /X for /REF/X."""
    return name.removeprefix("/REF") if name.startswith("/REF/") else name


@dataclass(frozen=True, eq=False)
class Histogram:
    """Bins and their contents.

    Attributes:
        low, high: bin edges, shape (b,); bins may have gaps between them.
        values, variances: contents and their squared errors, shape (b,); NaN (an error may be infinite too)
            where a bin holds no information.
        labels: of the bins of a discrete axis, whose bin k is from k - 1/2 to k + 1/2; else empty.

    Raises:
        ValueError: bins overlap or have no width, contents are infinite, or a variance is negative.
    """

    low: Array
    high: Array
    values: Array
    variances: Array
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shapes = {each.shape for each in (self.low, self.high, self.values, self.variances)}
        if len(shapes) > 1 or self.low.ndim != 1 or not len(self.low):
            raise ValueError(
                f"edges, values and errors need one entry for each bin; they have {sorted(shapes)}"
            )
        if not np.isfinite([self.low, self.high]).all():
            raise ValueError("an edge of a bin is not a finite number")
        if (
            not (self.high > self.low).all()
            or (self.low[1:] < self.high[:-1] - 1e-9 * np.abs(self.low[1:])).any()
        ):
            raise ValueError("the bins are empty, overlap, or do not ascend")
        wrong = np.isinf(self.values) | (self.variances < 0)
        if wrong.any():
            where = int(np.flatnonzero(wrong)[0])
            raise ValueError(f"bin {where} holds {self.values[where]} with variance {self.variances[where]}")

    @classmethod
    def of_labels(cls, labels: Sequence[str], values: Array, variances: Array) -> Histogram:
        """Return a histogram with a discrete axis."""
        number = np.arange(len(labels), dtype=np.float64)
        return cls(number - 0.5, number + 0.5, values, variances, tuple(labels))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which bins hold information, shape (b,)."""
        return np.isfinite(self.values) & np.isfinite(self.variances)

    def find_bins(self, other: Histogram) -> NDArray[np.int64] | None:
        """Return the number of each bin of another histogram in this one; None if not all are there.

        Edges agree within 1e-6 of a bin's width, labels are the same.  A histogram without gaps may so be
        compared with data that has some.
        """
        if self.labels and other.labels:
            where = {label: number for number, label in enumerate(self.labels)}
            found = [where.get(label, -1) for label in other.labels]
            return None if -1 in found else np.array(found)
        within = 1e-6 * (other.high - other.low)
        place = np.minimum(np.searchsorted(self.low, other.low - within), len(self.low) - 1)
        is_there = (np.abs(self.low[place] - other.low) <= within) & (
            np.abs(self.high[place] - other.high) <= within
        )
        return place if is_there.all() else None

    def taken(self, bins: NDArray[np.int64]) -> Histogram:
        """Return the histogram of some of the bins."""
        labels = tuple(self.labels[number] for number in bins) if self.labels else ()
        return Histogram(self.low[bins], self.high[bins], self.values[bins], self.variances[bins], labels)

    def with_errors_of_empty_bins(self) -> Histogram:
        """Return a simulated histogram in which bins of 0 ± 0 have the error of one entry of typical weight.

        Numbers of entries are not in every file, so the weight is Σw² / Σw of the bins that are filled.
        """
        width = self.high - self.low
        known, empty = self.known, (self.values == 0.0) & (self.variances == 0.0)
        total = float((np.abs(self.values) * width)[known].sum())
        squares = float((self.variances * width**2)[known].sum())
        if not empty.any() or not total or not squares:
            return self
        return replace(self, variances=np.where(empty, (squares / total / width) ** 2, self.variances))


def variance_of_sums(squares: Array, entries: Array) -> Array:
    """Return the variances of sums of weights, of an empty bin too.

    An empty bin might have held one entry: its variance is that of one entry of typical weight (1 if all
    bins are empty), since 0 would claim that the generator never fills it.

    Args:
        squares: sums of squared weights, shape (..., b).
        entries: numbers of entries, shape (..., b).

    >>> variance_of_sums(np.array([0.5, 0.0, 1.0]), np.array([2.0, 0.0, 4.0])).tolist()
    [0.5, 0.25, 1.0]
    """
    total = entries.sum(axis=-1, keepdims=True)
    typical = np.divide(
        squares.sum(axis=-1, keepdims=True),
        total,
        out=np.zeros_like(total, dtype=np.float64),
        where=total > 0,
    )
    return np.where(entries > 0, squares, np.where(typical > 0, typical, 1.0))


def noise_together(deviations: Array, variances: Array, most: int) -> tuple[Array, Array]:
    """Return v (k,) and F (k, r), r ≤ most: the noise of all bins has covariance diag(v) + F Fᵀ.

    Bins filled with the same events have correlated noise, which is estimated from the parts of a run.
    With few parts, directions arise by chance: those not significant are left out, the others shrunk
    (Donoho, Gavish & Johnstone 2018, "Optimal shrinkage of eigenvalues in the spiked covariance
    model").  The variance of each bin is not changed by them.

    Args:
        deviations: of the bins in equal parts of a run from their mean, in any unit, (n, k).
        variances: of the bins, (k,).
    """
    scatter = np.sqrt((deviations**2).mean(axis=0))
    off = np.divide(deviations, scatter, out=np.zeros_like(deviations), where=scatter > 0.0)
    n, k = len(deviations), max(int((scatter > 0.0).sum()), 1)
    _, singular, axes = np.linalg.svd(off / np.sqrt(max(n, 1)), full_matrices=False)
    share = k / max(n - 1, 1)
    found: list[Array] = []
    for value, axis in zip(singular[:most] ** 2, axes[:most]):
        if value > (1.0 + np.sqrt(share)) ** 2:
            half = 0.5 * (value + 1.0 - share)
            true = half + np.sqrt(max(half**2 - value, 0.0))
            along = (1.0 - share / (true - 1.0) ** 2) / (1.0 + share / (true - 1.0))
            found.append(np.sqrt((true - 1.0) * along) * axis)
    factors = np.array(found).reshape(len(found), len(variances)).T
    taken = (factors**2).sum(axis=1)
    # each bin keeps some independent noise: larger common shares are scaled down
    factors = factors * np.minimum(1.0, np.sqrt(_MAX_COMMON / np.maximum(taken, _MAX_COMMON)))[:, None]
    left = 1.0 - (factors**2).sum(axis=1)
    return variances * left, np.sqrt(variances)[:, None] * factors
