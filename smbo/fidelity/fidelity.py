"""Multi-fidelity evaluations: the range of a fidelity and its rungs in geometric progression."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from smbo.errors import ProblemError
from smbo.plain_values import finite_number, make_fields_plain, shown


@dataclass(frozen=True)
class Fidelity:
    """How much an evaluation spends: epochs, iterations, events, rows.  More costs more and is more accurate.

    The value at ``high`` is the one that is optimised.

    Args:
        low: lowest fidelity whose values are of any use, > 0, in the user's unit (epochs, events, ...).
        high: the fidelity of the final values, > low, in the same unit.
        integer: whether fidelities are whole numbers.
        name: of the unit, in the user's words.
        averages: whether a value is a mean over so many events or samples, so that the variance of its
            error is proportional to 1 / fidelity.
        resumes: whether a promoted evaluation continues from its checkpoint, so that it costs what is added;
            otherwise it begins anew, and a model promotes less often.

    Raises:
        ProblemError: a bound that is no positive finite number, or low >= high.

    >>> epochs = Fidelity(3, 81, name="epochs")
    >>> epochs.rungs(eta=3)
    (3, 9, 27, 81)
    """

    low: float
    high: float
    integer: bool = True
    name: str = "fidelity"
    averages: bool = False
    resumes: bool = True

    def __post_init__(self) -> None:
        make_fields_plain(self, "low", "high", "integer", "averages", "resumes", "name")
        for word in ("integer", "averages", "resumes"):
            if not isinstance(getattr(self, word), bool):
                raise ProblemError(f"fidelity: {word}={shown(getattr(self, word))}; say true or false")
        for word in ("low", "high"):
            bound = finite_number(getattr(self, word))
            if bound is None:
                raise ProblemError(f"fidelity: {word}={shown(getattr(self, word))}; give a number above 0")
            if self.integer and bound != int(bound):
                raise ProblemError(
                    f"fidelity: {word}={bound!r} is no whole number; round it, or say integer=False"
                )
            object.__setattr__(self, word, bound)
        if not 0 < self.low < self.high:
            raise ProblemError(f"fidelity: low={self.low:g}, high={self.high:g}; 0 < low < high is needed")
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise ProblemError(f"fidelity: name={shown(self.name)}; give a word, such as 'epochs'")

    def rungs(self, eta: float, start: int = 0) -> tuple[float, ...]:
        """Return the fidelities at which trials are compared, ascending; the last is ``high``.

        Args:
            eta: ratio of successive rungs, > 1.
            start: how many of the lowest rungs to leave out (the bracket of Hyperband); ``high`` stays.
        """
        fidelities = (*_below_the_highest(self, eta)[start:], self.high)
        return tuple(self.as_number(fidelity) for fidelity in fidelities)

    def fidelity_gap(self, fidelity: float) -> float:
        """Return log(high / fidelity) / log(high / low): 0 at ``high``, 1 at ``low``."""
        return math.log(self.high / fidelity) / math.log(self.high / self.low)

    def noise_growth(self, fidelity: float) -> float:
        """Return the noise variance at a fidelity over that at ``high``."""
        return self.high / fidelity if self.averages else 1.0

    def cost(self, below: float, level: float) -> float:
        """Return the cost of an evaluation at ``level`` after one at ``below`` (0: none)."""
        return level - below if self.resumes else level

    def to_json(self) -> dict[str, Any]:
        """Return the fidelity as plain JSON values."""
        data = {"low": self.low, "high": self.high, "integer": self.integer, "name": self.name}
        # absent where they are the default, as in studies stored before they existed
        told = {"averages": True} if self.averages else {}
        return {**data, **told} if self.resumes else {**data, **told, "resumes": False}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fidelity:
        """Return what ``to_json`` wrote."""
        return cls(**data)

    def as_number(self, fidelity: float) -> float | int:
        """Return a fidelity as objectives get it: an int where fidelities are whole numbers."""
        return int(fidelity) if self.integer else fidelity


@lru_cache(maxsize=64)
def _below_the_highest(fidelity: Fidelity, eta: float) -> tuple[float, ...]:
    rungs = set()
    # a rung just below the highest would cost nearly as much and save nothing
    rung, highest = fidelity.low, fidelity.high / math.sqrt(eta)
    while rung < highest * (1 - 1e-9):
        rungs.add(float(round(rung)) if fidelity.integer else rung)
        rung *= eta
    # whatever the ratio, the lowest rung is ``low``
    return tuple(sorted({fidelity.low, *rungs}))
