"""Linear, logarithmic and grid scales between the user's units and the unit interval, a column at a time.

Inverse transforms clip in the target's own units, so rounding never carries a value out of bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]


def within(values: Array, low: float | Array, high: float | Array) -> Array:
    """Return values moved to [low, high]; as ``np.clip``, in a third of its time for a few of them."""
    return np.minimum(np.maximum(values, low), high)


@dataclass(frozen=True)
class Interval:
    """The interval [low, high] mapped onto [0, 1], by value or by logarithm (then low > 0)."""

    low: float
    high: float
    log: bool = False

    def to_unit(self, values: Array) -> Array:
        """Return the positions of values, each in [0, 1]."""
        return within(self.to_unit_beyond(values), 0.0, 1.0)

    def to_unit_beyond(self, values: Array) -> Array:
        """Return the positions of values, those out of bounds beyond [0, 1]."""
        if self.log:
            return (np.log(values) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (values - self.low) / (self.high - self.low)

    def from_unit(self, units: Array) -> Array:
        """Return the values at positions, each in [low, high]."""
        if self.log:
            log_low = math.log(self.low)
            values = np.exp(log_low + units * (math.log(self.high) - log_low))
        else:
            values = self.low + units * (self.high - self.low)
        return within(values, self.low, self.high)


@dataclass(frozen=True)
class Levels:
    """K levels side by side: level k owns [k/K, (k+1)/K) and sits in the middle, at (k + 1/2) / K."""

    count: int

    def to_unit(self, indices: Indices) -> Array:
        """Return the positions of levels."""
        return (indices + 0.5) / self.count

    def from_unit(self, units: Array) -> Indices:
        """Return the index of the level that owns each position."""
        return np.clip(np.floor(units * self.count), 0, self.count - 1).astype(np.int64)


@dataclass(frozen=True)
class LogLevels:
    """The K values first + k·step placed by their logarithm.

    A position belongs to the value that is nearest in logarithm.  The outermost values get a
    margin as wide as half their distance to the next, so that none is drawn too rarely.
    """

    first: float
    step: float
    count: int

    def _edges(self) -> tuple[float, float]:
        last = self.first + (self.count - 1) * self.step
        low = 1.5 * math.log(self.first) - 0.5 * math.log(self.first + self.step)
        high = 1.5 * math.log(last) - 0.5 * math.log(last - self.step)
        return low, high

    def to_unit(self, indices: Indices) -> Array:
        """Return the positions of levels."""
        low, high = self._edges()
        return (np.log(self.first + indices * self.step) - low) / (high - low)

    def from_unit(self, units: Array) -> Indices:
        """Return the index of the level nearest (in logarithm) to each position."""
        low, high = self._edges()
        values = np.exp(low + units * (high - low))
        below = np.clip(np.floor((values - self.first) / self.step), 0, self.count - 2)
        lower = self.first + below * self.step
        is_nearer_the_next = values > np.sqrt(lower * (lower + self.step))
        return (below + is_nearer_the_next).astype(np.int64)
