"""Level-set estimation: the contours where functions have given values, such as CLs = 0.05."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smbo.errors import ProblemError
from smbo.frozen import FrozenDict
from smbo.plain_values import finite_number, make_fields_plain, plain, shown
from smbo.training_data import Array

SCALES = ("linear", "log", "p-value")
TRANSFORMS = ("auto", *SCALES)
# Name of the function where a result is a plain number.
UNNAMED = "value"

# On a logarithmic scale, values below this fraction of the level (and all that are not positive) are clipped
# to it: how far down CLs goes where a model is excluded anyway need not be modelled.
_MIN_RATIO = 1e-6
# Where nothing can be excluded CLs is 1 up to rounding: clipped, the distance from 1 is not modelled.
_MIN_P, _MAX_P = 1e-300, 0.99
_MAX_LEVEL = 1e75  # squares of values and levels stay within the range of a float
# exp() of this, and its products with values, do not overflow
_MAX_EXPONENT = 300.0


@dataclass(frozen=True)
class LevelSet:
    """The level set to find: all points at which a function has the value ``level``.

    Args:
        level: the value; or {name: value}, where several functions have levels of their own.
        of: names of the functions, as an evaluation returns them; all are measured at the same
            points.  Empty for the names of ``level``, or for a single one returned as a plain number.
        transform: of the values before they are modelled.  "log" where they span decades
            (it needs a level > 0); "p-value" for numbers in [0, 1] such as CLs, as -log(-log p), which
            changes with a yield or a mass as evenly as the yield's logarithm does; "linear" leaves them as
            they are; "auto" takes the one whose leave-one-out predictions tell best on which side of
            the level each evaluation lies.
        tolerance: the study is done once the expected share of the space that is classified on the wrong
            side of the contour is no larger, for each function; None runs to the end of the budget.

    Raises:
        ProblemError: levels that are no numbers, names that contradict each other, an unknown transform.

    >>> contours = LevelSet(0.05, of=["cls_expected", "cls_observed"], transform="p-value")
    >>> contours.levels
    (0.05, 0.05)
    """

    level: float | Mapping[str, float]
    of: Sequence[str] = ()
    transform: str = "auto"
    tolerance: float | None = None
    names: tuple[str, ...] = field(init=False, repr=False)
    levels: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        make_fields_plain(self, "level", "transform", "tolerance")
        names, levels = _names_and_levels(self.level, self.of)
        if not isinstance(self.transform, str) or self.transform not in TRANSFORMS:
            raise ProblemError(
                f"level_set: transform={shown(self.transform)}; there are {', '.join(map(repr, TRANSFORMS))}"
            )
        if abs(far := max(levels, key=abs)) > _MAX_LEVEL:
            raise ProblemError(
                f"level_set: level={far:g} is beyond {_MAX_LEVEL:g}; scale the function and its level down"
            )
        if self.transform == "log" and min(levels) <= 0.0:
            raise ProblemError(f"level_set: transform='log' needs levels above 0, got {min(levels):g}")
        if self.transform == "p-value" and not 0.0 < min(levels) <= max(levels) < _MAX_P:
            raise ProblemError(
                f"level_set: transform='p-value' needs levels above 0 and below {_MAX_P}, got {levels}"
            )
        tolerance = self.tolerance
        if tolerance is not None and (not _is_number(tolerance) or not 0.0 < tolerance < 0.5):
            raise ProblemError(
                f"level_set: tolerance={tolerance!r}; a share of the space is needed, such as 0.01"
            )
        if isinstance(self.level, Mapping):
            levels_by_name = {name: plain(each) for name, each in self.level.items()}
            object.__setattr__(self, "level", FrozenDict(levels_by_name))
        object.__setattr__(self, "of", tuple(self.of))
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "levels", levels)

    @property
    def n_outputs(self) -> int:
        return len(self.names)

    def scaled(self, values: Array, variances: Array) -> tuple[Array, Array]:
        """Return differences from the levels and their variances, both (..., k), on the scale asked for.

        Linear for "auto", whose scale depends on the data.
        """
        scale = "linear" if self.transform == "auto" else self.transform
        pairs = [
            scaled(values[..., k], variances[..., k], level, scale) for k, level in enumerate(self.levels)
        ]
        return np.stack([value for value, _ in pairs], axis=-1), np.stack([v for _, v in pairs], axis=-1)

    def scales(self, values: Array, k: int) -> tuple[str, ...]:
        """Return the scales on which function k, with these values (n,), may be modelled."""
        if self.transform != "auto":
            return (self.transform,)
        level = self.levels[k]
        found = ["linear"]
        if level > 0.0 and (values > 0.0).all():
            found.append("log")
        if 0.0 < level < _MAX_P and (values >= 0.0).all() and (values <= 1.0).all():
            found.append("p-value")
        return tuple(found)

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


def scaled(values: Array, variances: Array, level: float, scale: str) -> tuple[Array, Array]:
    """Return differences from a level and their variances on one of the ``SCALES``, both of one shape."""
    if scale == "linear":
        return values - level, variances
    # Errors to first order; a relative error above 1 counts as 1.  A value below its own error (a p-value of
    # 0 from so many toys) is known to be low and not how low: else its logarithm would be an outlier that is
    # believed to be exact.
    values = np.maximum(values, np.minimum(np.sqrt(variances), level))
    if scale == "log":
        raised = np.maximum(values, _MIN_RATIO * level)
        return np.log(raised / level), np.minimum(variances / raised**2, 1.0)
    held = np.clip(values, _MIN_P, _MAX_P)
    depth = -np.log(held)
    return -np.log(depth / -np.log(level)), (np.minimum(np.sqrt(variances) / held, 1.0) / depth) ** 2


def unscaled(above: Array, level: float, scale: str) -> Array:
    """Return values from their scaled differences from a level (the inverse of ``scaled``), same shape."""
    if scale == "linear":
        return above + level
    above = np.clip(above, -_MAX_EXPONENT, _MAX_EXPONENT)
    if scale == "log":
        return np.asarray(level * np.exp(above))
    return np.asarray(np.exp(np.log(level) * np.exp(-above)))


@dataclass(frozen=True)
class NearestLevel:
    """The distance to the nearest of the levels: the value of a trial of a level set."""

    level_set: LevelSet

    @property
    def n_outputs(self) -> int:
        return self.level_set.n_outputs

    def of(self, outputs: Array) -> Array:
        """Return the distance for noiseless outputs (..., k), on the modelled scale, shape (...)."""
        offsets, _ = self.level_set.scaled(outputs, np.zeros_like(outputs))
        return np.asarray(np.abs(offsets).min(axis=-1))

    def measured(self, outputs: Array, variances: Array) -> tuple[float, float]:
        """Return the distance and its standard error, of measured outputs (k,) with variances (k,)."""
        distance, sem = self.measured_rows(outputs[None], variances[None])
        return float(distance[0]), float(sem[0])

    def measured_rows(self, outputs: Array, variances: Array) -> tuple[Array, Array]:
        """Return distances and standard errors, each (n,), of outputs (n, k) with variances (n, k)."""
        offsets, spreads = self.level_set.scaled(outputs, variances)
        nearest = np.abs(offsets).argmin(axis=1)[:, None]
        distances = np.abs(np.take_along_axis(offsets, nearest, 1)[:, 0])
        return distances, np.sqrt(np.take_along_axis(spreads, nearest, 1)[:, 0])


def _names_and_levels(level: Any, of: Any) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the functions' names and their levels, in the same order."""
    if isinstance(of, str) or not isinstance(of, Iterable):
        raise ProblemError(f"level_set: of={shown(of)}; give a list of names, such as ['cls']")
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
            raise ProblemError(
                f"level_set: the level of {name!r} is {shown(each)}; a finite number is needed"
            )
    names = names or (UNNAMED,)
    return names, tuple(float(levels[name]) for name in names)


def _is_number(value: object) -> bool:
    return finite_number(value) is not None
