"""Level sets: where functions have a value, such as the edge of what is excluded (CLs = 0.05)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smbo.errors import ProblemError
from smbo.evidence import Array

TRANSFORMS = ("auto", "log", "linear")
# A function of no name: its result is told as a plain number.
UNNAMED = "value"

# On a logarithmic scale, values this far below the level (and all that are not positive) are told as
# this far below: how far down CLs goes where a model is excluded anyway is not worth learning.
_LOWEST_RATIO = 1e-6


@dataclass(frozen=True)
class LevelSet:
    """What is sought where: all points at which a function has the value ``level``.

    Args:
        level: the value; or {name: value}, where several functions have levels of their own.
        of: names of the functions, as an evaluation returns them; all are measured at the same
            points.  Empty for the names of ``level``, or for a single one told as a plain number.
        transform: of the values before they are modelled.  "log" where they span decades
            (it needs a level > 0); "linear" leaves them as they are; "auto" bends them where that makes
            them likelier.
        tolerance: the study is done once the share of the space that is expected to be
            on the wrong side of the contour is no larger, for each function; None goes on to the
            end of the budget.

    Raises:
        ProblemError: levels that are no numbers, names that contradict each other, an unknown transform.
    """

    level: float | Mapping[str, float]
    of: Sequence[str] = ()
    transform: str = "auto"
    tolerance: float | None = None
    names: tuple[str, ...] = field(init=False, repr=False)
    levels: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names, levels = _names_and_levels(self.level, self.of)
        if self.transform not in TRANSFORMS:
            raise ProblemError(
                f"level_set: transform={self.transform!r}; there are {', '.join(map(repr, TRANSFORMS))}"
            )
        if self.transform == "log" and min(levels) <= 0.0:
            raise ProblemError(f"level_set: transform='log' needs levels above 0, got {min(levels):g}")
        tolerance = self.tolerance
        if tolerance is not None and (not _is_number(tolerance) or not 0.0 < tolerance < 0.5):
            raise ProblemError(
                f"level_set: tolerance={tolerance!r}; a share of the space is needed, such as 0.01"
            )
        object.__setattr__(self, "of", tuple(self.of))
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "levels", levels)

    @property
    def n_outputs(self) -> int:
        return len(self.names)

    @property
    def is_named(self) -> bool:
        """Whether results are told by name."""
        return self.names != (UNNAMED,)

    def scaled(self, values: Array, variances: Array) -> tuple[Array, Array]:
        """Return values minus levels and their variances as they are to be modelled, both (..., k)."""
        levels = np.array(self.levels)
        if self.transform != "log":
            return values - levels, variances
        floor = _LOWEST_RATIO * levels
        raised = np.maximum(values, floor)
        # to first order; an error larger than its value says no more than one as large
        return np.log(raised / levels), np.minimum(variances / raised**2, 1.0)

    def to_json(self) -> dict[str, Any]:
        """Return the level set as plain JSON values."""
        level = dict(self.level) if isinstance(self.level, Mapping) else self.level
        return {
            "level": level,
            "of": list(self.of),
            "transform": self.transform,
            "tolerance": self.tolerance,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LevelSet:
        """Return the level set that ``to_json`` wrote."""
        return cls(data["level"], tuple(data["of"]), data["transform"], data["tolerance"])


@dataclass(frozen=True)
class NearestLevel:
    """How far the nearest of the levels is: the one number that a trial of a level set shows as its value."""

    level_set: LevelSet

    @property
    def n_outputs(self) -> int:
        return self.level_set.n_outputs

    def of(self, outputs: Array) -> Array:
        """Return the distance for noiseless outputs (..., k), on the modelled scale, shape (...)."""
        offsets, _ = self.level_set.scaled(outputs, np.zeros_like(outputs))
        return np.asarray(np.abs(offsets).min(axis=-1))

    def told(self, outputs: Array, variances: Array) -> tuple[float, float]:
        """Return the distance and its standard error, of measured outputs (k,) with variances (k,)."""
        offsets, spreads = self.level_set.scaled(outputs, variances)
        nearest = int(np.argmin(np.abs(offsets)))
        return float(abs(offsets[nearest])), float(np.sqrt(spreads[nearest]))


def _names_and_levels(level: Any, of: Any) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the functions' names and their levels, in the same order."""
    if isinstance(of, str):
        raise ProblemError(f"level_set: of={of!r}; give a list of names, such as [{of!r}]")
    names = tuple(of)
    if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
        raise ProblemError(f"level_set: of={list(names)!r}; different names are needed")
    if not isinstance(level, Mapping):
        levels: Mapping[str, Any] = dict.fromkeys(names or (UNNAMED,), level)
    else:
        levels = level
        names = names or tuple(level)
        if not names or set(names) != set(level):
            raise ProblemError(f"level_set: of={list(names)!r} and the levels are of {sorted(level)}")
    for name, each in levels.items():
        if not _is_number(each):
            raise ProblemError(f"level_set: the level of {name!r} is {each!r}; a finite number is needed")
    names = names or (UNNAMED,)
    return names, tuple(float(levels[name]) for name in names)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
