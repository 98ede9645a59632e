"""When a search has come to its end: nothing was gained for a while, or nothing worth the noise is left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from smbo.errors import ProblemError


@dataclass(frozen=True)
class Termination:
    """When a study is done before its budget is used up: as soon as one of these holds.

    Attributes:
        plateau: so many evaluations in a row gained nothing; they count once something feasible is known.
        gain: a lower (higher) value counts as a gain from this much on, in the value's unit; of several
            objectives it is the hypervolume that gains.
        left: no more than this is left to gain, in standard errors of one evaluation (told ones, or
            learned); where there is no noise, in hundredths of the values' standard deviation.

    Raises:
        ProblemError: figures that make no sense, or none.
    """

    plateau: int | None = None
    gain: float = 0.0
    left: float | None = None

    def __post_init__(self) -> None:
        if self.plateau is None and self.left is None:
            raise ProblemError("enough: give plateau=20 (evaluations), left=0.5 (standard errors), or both")
        if self.plateau is not None and (
            isinstance(self.plateau, bool) or not isinstance(self.plateau, int) or self.plateau < 1
        ):
            raise ProblemError(f"enough: plateau={self.plateau!r}; give a whole number from 1 up, or None")
        for name, value, low in (("gain", self.gain, 0.0), ("left", self.left, 1e-300)):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and low <= value < math.inf):
                raise ProblemError(f"enough: {name}={value!r}; give a positive number")

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON values."""
        return {name: value for name, value in asdict(self).items() if value}


def as_termination(given: Any) -> Termination | None:
    """Return a rule as given: one, its settings, or None.

    Raises:
        ProblemError: it is none of them.
    """
    if given is None or isinstance(given, Termination):
        return given
    known = ("plateau", "gain", "left")
    if not isinstance(given, Mapping) or not set(given) <= set(known):
        raise ProblemError(f"enough={given!r}: give Enough(plateau=20), or a mapping of {', '.join(known)}")
    return Termination(**given)
