"""What the surrogate is told: arrays over the unit cube, minimised, in the order of trial numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One column of a unit point, as a surrogate needs to know it.

    Attributes:
        name: the dimension's name.
        kind: "continuous"; "ordered" (integers, steps, ordered choices: a grid on which distance
            means something); "categorical" (levels without an order).
        levels: number of distinct values, None for a continuous axis.  Level k of K sits at
            (k + 1/2) / K.
    """

    name: str
    kind: Literal["continuous", "ordered", "categorical"]
    levels: int | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is known when a proposal is made.

    Rows are sorted by trial number, never by arrival, so that the same results give the same
    bits whatever the order in which they were told.  Coordinates of inactive dimensions hold 0.5.

    Attributes:
        axes: one per column.
        numbers: trial numbers of the finished evaluations, shape (n,), ascending.
        points: unit points, shape (n, d).
        values: shape (n,), finite, lower is better.
        variances: variance of each value's error (sem squared), shape (n,); NaN where not given.
        costs: in the user's unit, shape (n,); NaN where not given.
        feasible: whether the outcome constraints hold, shape (n,).
        failed: unit points of evaluations that failed, shape (n_failed, d).
        pending: unit points being evaluated now, shape (n_pending, d).
    """

    axes: tuple[Axis, ...]
    numbers: NDArray[np.int64]
    points: Array
    values: Array
    variances: Array
    costs: Array
    feasible: NDArray[np.bool_]
    failed: Array
    pending: Array

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, chosen: NDArray[np.intp]) -> Evidence:
        """Return these evaluations only, by row; what failed and what is pending stays."""
        return replace(
            self,
            numbers=self.numbers[chosen],
            points=self.points[chosen],
            values=self.values[chosen],
            variances=self.variances[chosen],
            costs=self.costs[chosen],
            feasible=self.feasible[chosen],
        )
