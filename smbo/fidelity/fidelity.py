"""A fidelity, and what a trial came to at a low one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from smbo.errors import ProblemError


@dataclass(frozen=True)
class Fidelity:
    """How far an evaluation goes: epochs, iterations, events, rows.  More is dearer and nearer the truth.

    What counts in the end is the value at ``high``.

    Args:
        low: the least that tells anything, > 0.
        high: what is wanted in the end, > low.
        integer: whether it is a whole number.
        name: what it is, in the user's words.
        averages: whether a value is an average over so many of something (events, samples), so that
            the variance of its error falls as one over the fidelity.

    Raises:
        ProblemError: bounds that make no sense.
    """

    low: float
    high: float
    integer: bool = True
    name: str = "fidelity"
    averages: bool = False

    def __post_init__(self) -> None:
        for word in ("low", "high"):
            bound = getattr(self, word)
            if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
                raise ProblemError(f"fidelity: {word}={bound!r}; give a number above 0")
            if self.integer and float(bound) != int(bound):
                raise ProblemError(
                    f"fidelity: {word}={bound!r} is no whole number; round it, or say integer=False"
                )
            object.__setattr__(self, word, float(bound))
        if not 0 < self.low < self.high:
            raise ProblemError(f"fidelity: low={self.low:g}, high={self.high:g}; 0 < low < high is needed")
        if not isinstance(self.averages, bool):
            raise ProblemError(f"fidelity: averages={self.averages!r}; say true or false")
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise ProblemError(f"fidelity: name={self.name!r}; give a word, such as 'epochs'")

    def ladder(self, eta: float, start: int = 0) -> tuple[float, ...]:
        """Return the fidelities at which trials are compared, ascending; the last is ``high``.

        Args:
            eta: ratio of one to the next.
            start: how many of the lowest to leave out; ``high`` stays in any case.
        """
        levels = (*_below_the_highest(self, eta)[start:], self.high)
        return tuple(self.as_told(level) for level in levels)

    def fidelity_gap(self, level: float) -> float:
        """Return how far below the highest a level is: 0 there, 1 at the lowest, in logarithms."""
        return math.log(self.high / level) / math.log(self.high / self.low)

    def noise_growth(self, level: float) -> float:
        """Return the noise variance at a level over that at the highest."""
        return self.high / level if self.averages else 1.0

    def to_json(self) -> dict[str, Any]:
        """Return the fidelity as plain JSON values."""
        data = {"low": self.low, "high": self.high, "integer": self.integer, "name": self.name}
        # absent where false: so was it when it could not be said
        return {**data, "averages": True} if self.averages else data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fidelity:
        """Return what ``to_json`` wrote."""
        return cls(**data)

    def as_told(self, level: float) -> float | int:
        """Return a level as an objective wants it: an int where the fidelity is a whole number."""
        return int(level) if self.integer else level


@lru_cache(maxsize=64)
def _below_the_highest(fidelity: Fidelity, eta: float) -> tuple[float, ...]:
    rungs = set()
    # a rung just below the highest would cost nearly as much and save nothing
    level, most = fidelity.low, fidelity.high / math.sqrt(eta)
    while level < most * (1 - 1e-9):
        rungs.add(float(round(level)) if fidelity.integer else level)
        level *= eta
    # whatever the ratio, the lowest is what was asked for
    return tuple(sorted({fidelity.low, *rungs}))
