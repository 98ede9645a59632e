"""Termination of a study: by a plateau of the best value, or by a bound of the remaining regret.

Source: Makarova et al. (2022), "Automatic Termination for Hyperparameter Optimization" (the bound).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from smbo.errors import ProblemError
from smbo.plain_values import as_whole_number, finite_number, make_fields_plain, shown


@dataclass(frozen=True)
class Termination:
    """When a study is done before its budget is used up: as soon as one of these holds.

    Attributes:
        plateau: number of evaluations in a row without a gain; counted once a feasible value is known.
        gain: smallest improvement of the best value that counts, in the value's unit; of several
            objectives it is the improvement of the hypervolume.
        left: bound of the regret, in standard errors of one evaluation (given or learned ones); where
            there is no noise, in hundredths of the values' standard deviation.

    Raises:
        ProblemError: figures that make no sense, or none.

    >>> Termination(plateau=20, gain=0.01).to_json()
    {'plateau': 20, 'gain': 0.01}
    """

    plateau: int | None = None
    gain: float = 0.0
    left: float | None = None

    def __post_init__(self) -> None:
        make_fields_plain(self, "plateau", "gain", "left")
        if self.plateau is None and self.left is None:
            raise ProblemError(
                "termination: give plateau=20 (evaluations) or left=0.5 (standard errors), or both"
            )
        if self.plateau is not None and (as_whole_number(self.plateau) or 0) < 1:
            raise ProblemError(
                f"termination: plateau={shown(self.plateau)}; give a whole number from 1 up, or None"
            )
        for name, value, low in (("gain", self.gain, 0.0), ("left", self.left, 1e-300)):
            number = finite_number(value)
            if (value is not None or name == "gain") and (number is None or number < low):
                raise ProblemError(f"termination: {name}={shown(value)}; give a positive number")

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
        raise ProblemError(
            f"termination={given!r}: give Termination(plateau=20), or a mapping of {', '.join(known)}"
        )
    return Termination(**given)
