"""Histogram: bins, contents and their variances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Histogram"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Bins and their contents.

    Attributes:
        low, high: bin edges, shape (b,); bins may have gaps between them.
        values, variances: contents and their squared errors, shape (b,).

    Raises:
        ValueError: bins overlap or have no width, or contents are not numbers.
    """

    low: Array
    high: Array
    values: Array
    variances: Array

    def __post_init__(self) -> None:
        shapes = {each.shape for each in (self.low, self.high, self.values, self.variances)}
        if len(shapes) > 1 or self.low.ndim != 1 or not len(self.low):
            raise ValueError(
                f"edges, values and errors need one entry for each bin; they have {sorted(shapes)}"
            )
        if (
            not (self.high > self.low).all()
            or (self.low[1:] < self.high[:-1] - 1e-9 * np.abs(self.low[1:])).any()
        ):
            raise ValueError("the bins are empty, overlap, or do not ascend")
        wrong = ~(np.isfinite(self.values) & np.isfinite(self.variances) & (self.variances >= 0))
        if wrong.any():
            where = int(np.flatnonzero(wrong)[0])
            raise ValueError(f"bin {where} holds {self.values[where]} with variance {self.variances[where]}")

    def has_bins_of(self, other: Histogram) -> bool:
        """Return whether both histograms have the same bins, within 1e-6 of a bin's width."""
        if self.low.shape != other.low.shape:
            return False
        within = 1e-6 * (other.high - other.low)
        return bool(
            (np.abs(self.low - other.low) <= within).all()
            and (np.abs(self.high - other.high) <= within).all()
        )
