"""Dimensions of a space: what values one may take, and where they lie on the unit interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

import numpy as np

from smbo.errors import PointError, SpaceError
from smbo.evidence import Array, Axis
from smbo.transforms import Interval, Levels, LogLevels

_MOST_LEVELS = 2**48  # the middle of each is still exact to a quarter of a level in double precision
_LARGEST_LOG_INTEGER = 2**40  # exp(log(n)) still rounds to n
_SLACK = 1e-12  # of the range: what a value may lose on its way through text or a logarithm


@dataclass(frozen=True)
class Real:
    """A real number in [low, high].

    Args:
        low, high: bounds, both included.
        log: spread evenly by logarithm (low > 0).
        step: only low, low + step, low + 2 step, … high.
        active_when: formula over other dimensions; the dimension exists only where it holds.

    A grid that is also logarithmic is placed by logarithm and shown to surrogates as a continuous
    axis, so that distance means the same as it does without the step.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    active_when: str | None = None
    _scale: Interval | Levels | LogLevels = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        low, high = (_float(bound) for bound in _bounds(self))
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        scale: Interval | Levels | LogLevels = Interval(low, high, self.log)
        if self.step is not None:
            step = _float(_number(self.step, "step"))
            object.__setattr__(self, "step", step)
            scale = _grid(self, Decimal(repr(low)), Decimal(repr(high)), Decimal(repr(step)))
        object.__setattr__(self, "_scale", scale)

    @property
    def n_levels(self) -> int | None:
        """How many values there are, None where they are not countable."""
        return None if isinstance(self._scale, Interval) else self._scale.count

    def positions(self) -> Array:
        """Return where the values lie, shape (n_levels,); there must be countably many."""
        assert not isinstance(self._scale, Interval)
        return self._scale.to_unit(np.arange(self._scale.count))

    def axis(self, name: str) -> Axis | None:
        """Return the column of unit points, None if there is nothing to choose."""
        if isinstance(self._scale, Levels):
            return Axis(name, "ordered", self._scale.count)
        return Axis(name, "continuous")

    def to_unit(self, values: Sequence[Any]) -> Array:
        """Return the positions of canonical values."""
        numbers = np.asarray(values, dtype=np.float64)
        if isinstance(self._scale, Interval):
            return self._scale.to_unit(numbers)
        assert self.step is not None
        return self._scale.to_unit(np.rint((numbers - self.low) / self.step).astype(np.int64))

    def column(self, units: Array) -> Array:
        """Return the values at positions, as formulas see them."""
        if isinstance(self._scale, Interval):
            return self._scale.from_unit(units)
        assert self.step is not None
        values = self.low + self._scale.from_unit(units) * self.step
        return np.minimum(np.round(values, self._decimals()), self.high)

    def from_unit(self, units: Array) -> list[float]:
        """Return the values at positions, as plain floats within the bounds."""
        if isinstance(self._scale, Interval):
            return self._scale.from_unit(units).tolist()
        return [self._level(index) for index in self._scale.from_unit(units).tolist()]

    def snap(self, units: Array) -> Array:
        """Return the positions moved to the nearest values."""
        if isinstance(self._scale, Interval):
            return np.clip(units, 0.0, 1.0)
        return self._scale.to_unit(self._scale.from_unit(units))

    def check(self, name: str, value: Any) -> float:
        """Return a user's value as this dimension gives it; PointError if it is not one."""
        number = _float(_within(self, name, value))
        if self.step is None:
            return number
        index = round((number - self.low) / self.step)
        level = self._level(index)
        if abs(number - level) > 1e-9 * self.step:
            raise PointError(
                f"{name}={number!r} is not on the grid {self.low} + k·{self.step}; the nearest is {level}"
            )
        return level

    def _decimals(self) -> int:
        return max(_decimals(self.low), _decimals(self.step or 0.0))

    def _level(self, index: int) -> float:
        assert self.step is not None
        # rounded to the digits that were written, so that 0.1 + 2·0.1 is 0.3
        return min(round(self.low + index * self.step, self._decimals()), self.high)

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values."""
        return {"real": [self.low, self.high], **_options(self)}


@dataclass(frozen=True)
class Integer:
    """A whole number in [low, high]; log, step and active_when as for Real.

    Without log, the values have equal shares of the unit interval.  With log they are placed by
    their logarithm, and surrogates see a continuous axis.
    """

    low: int
    high: int
    log: bool = False
    step: int | None = None
    active_when: str | None = None
    _scale: Levels | LogLevels = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        low, high = (_whole(bound, name) for bound, name in zip(_bounds(self), ("low", "high")))
        step = 1 if self.step is None else _whole(_number(self.step, "step"), "step")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "step", None if self.step is None else step)
        if self.log and high > _LARGEST_LOG_INTEGER:
            raise SpaceError(f"{self!r}: a logarithmic integer goes up to 2**40; use Real and round")
        object.__setattr__(self, "_scale", _grid(self, Decimal(low), Decimal(high), Decimal(step)))

    @property
    def n_levels(self) -> int:
        """How many values there are."""
        return self._scale.count

    def positions(self) -> Array:
        """Return where the values lie, shape (n_levels,)."""
        return self._scale.to_unit(np.arange(self._scale.count))

    def axis(self, name: str) -> Axis | None:
        """Return the column of unit points."""
        if isinstance(self._scale, Levels):
            return Axis(name, "ordered", self._scale.count)
        return Axis(name, "continuous")

    def to_unit(self, values: Sequence[Any]) -> Array:
        """Return the positions of canonical values."""
        step = self.step or 1
        return self._scale.to_unit((np.asarray(values, dtype=np.int64) - self.low) // step)

    def column(self, units: Array) -> Array:
        """Return the values at positions, as formulas see them."""
        return (self.low + self._scale.from_unit(units) * (self.step or 1)).astype(np.float64)

    def from_unit(self, units: Array) -> list[int]:
        """Return the values at positions, as plain ints within the bounds."""
        values: list[int] = (self.low + self._scale.from_unit(units) * (self.step or 1)).tolist()
        return values

    def snap(self, units: Array) -> Array:
        """Return the positions moved to the nearest values."""
        return self._scale.to_unit(self._scale.from_unit(units))

    def check(self, name: str, value: Any) -> int:
        """Return a user's value as this dimension gives it; PointError if it is not one."""
        number = _within(self, name, value)
        if number != int(number):
            raise PointError(f"{name}={number!r}: a whole number is needed")
        step = self.step or 1
        if (int(number) - self.low) % step:
            raise PointError(f"{name}={int(number)} is not on the grid {self.low} + k·{step}")
        return int(number)

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values."""
        return {"integer": [self.low, self.high], **_options(self)}


@dataclass(frozen=True)
class Categorical:
    """One of several objects, which come back as the very objects given.

    True, 1 and 1.0 are three different choices: choices are told apart by type and value, or, where
    they do not hash, by identity and then by equality.

    Args:
        choices: at least one, no two the same.
        ordered: neighbours in the list are alike ("low", "mid", "high").
        active_when: as for Real.
    """

    choices: tuple[Any, ...]
    ordered: bool = False
    active_when: str | None = None
    _index: dict[Any, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.choices, str | bytes | Mapping) or not hasattr(self.choices, "__iter__"):
            raise SpaceError(f"Categorical({self.choices!r}): give a list of choices")
        object.__setattr__(self, "choices", tuple(self.choices))
        object.__setattr__(self, "_index", {})
        if not self.choices:
            raise SpaceError("Categorical([]): give at least one choice")
        for index, choice in enumerate(self.choices):
            if self.index(choice) is not None:
                raise SpaceError(f"Categorical: {choice!r} is given twice")
            key = _key(choice)
            if key is not None:
                self._index[key] = index
            else:
                self._index[_Unhashable(index)] = index

    @property
    def n_levels(self) -> int:
        """How many choices there are."""
        return len(self.choices)

    def index(self, value: Any) -> int | None:
        """Return which choice a value is, None if it is none of them."""
        key = _key(value)
        if key is not None:
            return self._index.get(key)
        candidates = [key.index for key in self._index if isinstance(key, _Unhashable)]
        for index in candidates:
            if self.choices[index] is value:
                return index
        for index in candidates:
            if type(self.choices[index]) is type(value) and _equal(self.choices[index], value):
                return index
        return None

    def positions(self) -> Array:
        """Return where the choices lie, shape (n_levels,)."""
        return Levels(len(self.choices)).to_unit(np.arange(len(self.choices)))

    def axis(self, name: str) -> Axis | None:
        """Return the column of unit points, None for a single choice."""
        if len(self.choices) == 1:
            return None
        return Axis(name, "ordered" if self.ordered else "categorical", len(self.choices))

    def to_unit(self, values: Sequence[Any]) -> Array:
        """Return the positions of canonical values."""
        indices = [self.index(value) for value in values]
        if None in indices:
            raise PointError(f"{values[indices.index(None)]!r} is none of the choices {self.choices!r}")
        return Levels(len(self.choices)).to_unit(np.array(indices, dtype=np.int64))

    def column(self, units: Array) -> np.ndarray[Any, Any]:
        """Return the choices at positions, as formulas see them: an object array."""
        column = np.empty(len(units), dtype=object)
        # one by one: numpy would turn a list of tuples into a matrix
        for row, choice in enumerate(self.from_unit(units)):
            column[row] = choice
        return column

    def from_unit(self, units: Array) -> list[Any]:
        """Return the choices at positions, the very objects."""
        return [self.choices[index] for index in Levels(len(self.choices)).from_unit(units).tolist()]

    def snap(self, units: Array) -> Array:
        """Return the positions moved to the middle of their choices."""
        levels = Levels(len(self.choices))
        return levels.to_unit(levels.from_unit(units))

    def check(self, name: str, value: Any) -> Any:
        """Return the choice that a user's value is; PointError if it is none."""
        candidates = [value]
        if isinstance(value, np.generic):
            candidates.append(value.item())
        if isinstance(value, list):  # JSON and YAML have no tuples
            candidates.append(frozen_lists(value))
        for candidate in candidates:
            index = self.index(candidate)
            if index is not None:
                return self.choices[index]
        raise PointError(f"{name}={value!r} is none of the choices {list(self.choices)!r}")

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values; SpaceError for a choice that JSON cannot hold."""
        form: dict[str, Any] = {"choice": [to_plain(choice) for choice in self.choices]}
        if self.ordered:
            form["ordered"] = True
        if self.active_when is not None:
            form["active_when"] = self.active_when
        return form


@dataclass(frozen=True)
class Constant:
    """A value that is the same in every point."""

    value: Any
    active_when: ClassVar[None] = None

    @property
    def n_levels(self) -> int:
        """One."""
        return 1

    def axis(self, name: str) -> Axis | None:
        """Return None: there is nothing to choose."""
        del name
        return None

    def check(self, name: str, value: Any) -> Any:
        """Return the value; PointError if another was given."""
        same = value is self.value or (type(value) is type(self.value) and _equal(value, self.value))
        if not same:
            raise PointError(f"{name}={value!r}: it is the constant {self.value!r}; leave it out")
        return self.value

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values."""
        return {"constant": to_plain(self.value)}


Dimension: TypeAlias = Real | Integer | Categorical | Constant


def as_dimension(name: str, given: Any) -> Dimension:
    """Return what a user wrote for a dimension as one.

    Args:
        given: a dimension; (low, high) or (low, high, "log-uniform"); a list of choices; a mapping
            such as {"real": [0.11, 0.16], "log": True}; any other value is a constant.

    Raises:
        SpaceError: with the name of the dimension in front.
    """
    try:
        if isinstance(given, Real | Integer | Categorical | Constant):
            return given
        if isinstance(given, tuple):
            return _from_tuple(given)
        if isinstance(given, list):
            return Categorical(tuple(given))
        if isinstance(given, Mapping):
            return _from_form(given)
        return Constant(given)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def _from_tuple(given: tuple[Any, ...]) -> Dimension:
    if len(given) not in (2, 3):
        raise SpaceError(f"{given!r}: a tuple is (low, high); write a list for choices")
    low, high, *rest = given
    if any(isinstance(bound, str | bool) or bound is None for bound in (low, high)):
        raise SpaceError(f"{given!r}: a tuple is (low, high); write a list for choices")
    if rest and rest[0] not in ("uniform", "log-uniform"):
        raise SpaceError(f"{given!r}: the third entry is 'uniform' or 'log-uniform'")
    log = bool(rest) and rest[0] == "log-uniform"
    if all(isinstance(bound, int | np.integer) for bound in (low, high)):
        return Integer(low, high, log=log)
    return Real(low, high, log=log)


_FORMS = {
    "real": ("log", "step", "active_when"),
    "integer": ("log", "step", "active_when"),
    "choice": ("ordered", "active_when"),
    "constant": (),
}


def _from_form(form: Mapping[Any, Any]) -> Dimension:
    kinds = [kind for kind in _FORMS if kind in form]
    if len(kinds) != 1:
        raise SpaceError(f"{dict(form)!r}: write one of {', '.join(_FORMS)}, such as {{real: [0, 1]}}")
    (kind,) = kinds
    options = {key: value for key, value in form.items() if key != kind}
    unknown = sorted(str(key) for key in options.keys() - set(_FORMS[kind]))
    if unknown:
        allowed = ", ".join(_FORMS[kind]) or "no other key"
        raise SpaceError(f"{unknown[0]!r} is unknown beside {kind!r}, which takes {allowed}")
    for key in ("log", "ordered"):
        if not isinstance(options.get(key, False), bool):
            raise SpaceError(f"{key} is true or false, got {options[key]!r}")
    given = form[kind]
    if kind == "constant":
        return Constant(from_plain(given))
    if not isinstance(given, list | tuple):
        raise SpaceError(f"{kind} needs a list, got {given!r}")
    if kind == "choice":
        return Categorical(tuple(from_plain(choice) for choice in given), **options)
    if len(given) != 2:
        raise SpaceError(f"{kind} needs [low, high], got {given!r}")
    return Real(*given, **options) if kind == "real" else Integer(*given, **options)


def to_plain(value: Any) -> Any:
    """Return a category as JSON values from which ``from_plain`` makes an equal one.

    Tuples and lists, and floats that JSON lacks, are tagged: {"tuple": […]}, {"list": […]},
    {"float": "inf"}.

    Raises:
        SpaceError: JSON cannot hold it.
    """
    if type(value) is float and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (tuple, list):
        return {type(value).__name__: [to_plain(member) for member in value]}
    raise SpaceError(
        f"the value {value!r} ({type(value).__name__}) cannot be stored; "
        "use texts, numbers, True, False, None or tuples of these, and look the object up from them"
    )


def from_plain(value: Any) -> Any:
    """Return the category that ``to_plain`` wrote; a plain list (from YAML) becomes a tuple."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((tag, content),) = value.items()
        if tag == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if tag in ("tuple", "list") and isinstance(content, list):
            members = [from_plain(member) for member in content]
            return tuple(members) if tag == "tuple" else members
    if isinstance(value, Mapping):
        raise SpaceError(f"the choice {dict(value)!r} is a mapping; name it and look the mapping up")
    return frozen_lists(value)


def frozen_lists(value: Any) -> Any:
    """Return a value with its lists, nested ones too, as tuples."""
    return tuple(frozen_lists(member) for member in value) if isinstance(value, list) else value


@dataclass(frozen=True)
class _Unhashable:
    """Stands in the index for a choice that does not hash."""

    index: int


def _key(value: Any) -> Any:
    """Return a key that keeps True, 1 and 1.0 apart, inside tuples too; None if there is none."""
    if isinstance(value, tuple):
        members = tuple(_key(member) for member in value)
        return None if None in members else (type(value), members)
    if isinstance(value, float) and value != value:
        return (type(value), "nan")
    try:
        hash(value)
    except TypeError:
        return None
    return (type(value), value)


def _equal(left: Any, right: Any) -> bool:
    try:
        return bool(left == right)
    except ValueError:  # arrays compare element by element
        return bool(np.array_equal(left, right))


def _number(value: Any, name: str) -> int | float:
    if isinstance(value, np.integer | np.floating):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpaceError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise SpaceError(f"{name} must be finite, got {value!r}")
    return value


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise SpaceError(f"{str(value)[:20]}… is too large for a real number") from None


def _whole(value: int | float, name: str) -> int:
    if value != int(value):
        raise SpaceError(f"{name} of an Integer must be whole, got {value!r}; use Real")
    return int(value)


def _bounds(dimension: Real | Integer) -> tuple[int | float, int | float]:
    """Return the bounds if they and the logarithm make sense."""
    low, high = _number(dimension.low, "low"), _number(dimension.high, "high")
    if not low < high:
        raise SpaceError(f"low must be below high, got low={low!r}, high={high!r}; a fixed value is Constant")
    if not math.isfinite(float(high) - float(low)) or max(abs(low), abs(high)) > 2**1000:
        raise SpaceError(f"the range from {low!r} to {high!r} is too wide for double precision")
    if isinstance(dimension, Integer) and max(abs(low), abs(high)) > 2**53:
        raise SpaceError(f"the integers from {low!r} to {high!r} do not fit double precision (2**53)")
    if dimension.log and low <= 0:
        raise SpaceError(f"a log scale needs low > 0, got low={low!r}; shift the range or drop log=True")
    return low, high


def _grid(dimension: Real | Integer, low: Decimal, high: Decimal, step: Decimal) -> Levels | LogLevels:
    """Return the scale of low, low + step, … high; in decimal, as the numbers were written."""
    if step <= 0:
        raise SpaceError(f"step must be above 0, got step={dimension.step!r}")
    count = int((high - low) / step) + 1
    last = low + (count - 1) * step
    if last != high:
        raise SpaceError(
            f"step={dimension.step!r} does not lead from {low} to {high}; the last value would be {last}: "
            "make that the upper bound"
        )
    if count > _MOST_LEVELS:
        raise SpaceError(f"{count} values are too many for a grid; drop the step or use Real")
    return LogLevels(float(low), float(step), count) if dimension.log else Levels(count)


def _within(dimension: Real | Integer, name: str, value: Any) -> int | float:
    """Return a user's number moved into the bounds by no more than rounding; PointError if it is out."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PointError(f"{name}={value!r}: a number is needed")
    slack = _SLACK * (dimension.high - dimension.low) if isinstance(dimension, Real) else 0
    if not dimension.low - slack <= value <= dimension.high + slack:  # false for nan, too
        raise PointError(f"{name}={value!r} is outside [{dimension.low}, {dimension.high}]")
    return min(max(value, dimension.low), dimension.high)


def _options(dimension: Real | Integer) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if dimension.log:
        options["log"] = True
    if dimension.step is not None:
        options["step"] = dimension.step
    if dimension.active_when is not None:
        options["active_when"] = dimension.active_when
    return options


def _decimals(number: float) -> int:
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return max(0, -int(exponent))
