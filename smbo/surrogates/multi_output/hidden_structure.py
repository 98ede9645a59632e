"""Structure that evaluations have not shown: what a level set's claim allows for beside its Gaussian
processes.

A corridor or a hole that lies between the evaluations leaves no trace in the values, so that no kernel that
is learned from them knows of it.  A priori a point far from all evaluations is on such structure with a small
probability, and the function there differs by a normal amount.  An evaluation at distance r rules that out
with probability exp(-r² / (2 width²)).  This is the mixture of a process and a wider one, whose weight falls
where evaluations are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from smbo.training_data import Array, Axis

_APART = 30.0  # widths between two levels of a category: evaluations of one say nothing of another


@dataclass(frozen=True)
class HiddenStructure:
    """A prior of structure that evaluations have not shown.

    Attributes:
        share: probability of structure at a point far from all evaluations.
        width: of structure, in edges of the unit cube.
        height: standard deviation of its effect, in standard deviations of the values.

    The three are measured by tests/benchmarks/bench_levels.py --calibration.

    >>> axes, here = [Axis("x", "continuous"), Axis("y", "continuous")], np.zeros((1, 2))
    >>> HiddenStructure().left(here, told=here, axes=axes).tolist()  # an evaluation there has seen all
    [0.0]
    """

    share: float = 0.1
    width: float = 0.05
    height: float = 0.4

    def seen(self, points: Array, others: Array, axes: Sequence[Axis]) -> Array:
        """Return the probability that structure at points (m, d) shows at others (r, d), (m, r)."""
        squared = cdist(self._scaled(points, axes), self._scaled(others, axes), "sqeuclidean")
        return np.asarray(np.exp(-0.5 * squared))

    def left(self, points: Array, told: Array, axes: Sequence[Axis]) -> Array:
        """Return the probability of hidden structure at points (m, d), given evaluations (n, d), (m,)."""
        return np.asarray(self.share * np.prod(1.0 - self.seen(points, told, axes), axis=1))

    def _scaled(self, points: Array, axes: Sequence[Axis]) -> Array:
        columns = [
            np.minimum(np.floor(column * axis.levels), axis.levels - 1) * _APART
            if axis.kind == "categorical" and axis.levels is not None
            else column / self.width
            for column, axis in zip(points.T, axes)
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(points), 0))
