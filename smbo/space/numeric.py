"""Numeric dimensions: real and whole numbers with bounds, grids and logarithmic scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

import numpy as np

from smbo.errors import PointError, SpaceError
from smbo.plain_values import as_number, plain, shown
from smbo.space.categorical import Categorical, Constant
from smbo.space.derived import Derived
from smbo.space.options import checked_flag, options_by_name
from smbo.space.priors import Prior, as_prior, check_within
from smbo.space.scaling import Interval, Levels, LogLevels, within
from smbo.training_data import Array, Axis

_MAX_LEVELS = 2**48  # the middle of each is still exact to a quarter of a level in double precision
_MAX_LOG_INTEGER = 2**40  # exp(log(n)) still rounds to n
_OFF_GRID = 1e-6  # of a step: values of a grid are nearer to their level
_ROUNDING = 1e-12  # of the range (of the bound, for a log): rounding error of a value written as text


@options_by_name(2, "log=True, step=…, active_when=… or prior=…")
@dataclass(frozen=True)
class Real:
    """A real number in [low, high].

    Args:
        low, high: bounds in the user's units, both included.
        log: logarithmic scale (low > 0): the unit interval is log(value), linearly.
        step: grid spacing; values are low, low + step, low + 2 step, … high.
        active_when: formula over other dimensions; the dimension exists only where it holds.
        prior: distribution of the optimum: Normal(mean, std) or LogNormal(median, factor).

    A grid that is also logarithmic is placed by logarithm and is a continuous axis to surrogates, so that
    distance means the same as it does without the step.

    Raises:
        SpaceError: bounds, step or prior that make no sense.

    >>> Space({"lr": Real(1e-4, 1e-2, log=True)}).to_unit([{"lr": 1e-3}]).round(6)
    array([[0.5]])
    >>> Real(0, 1, step=0.25).n_levels
    5
    """

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    step: float | None = None
    active_when: str | None = None
    prior: Prior | None = None
    _scale: Interval | Levels | LogLevels = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", checked_flag("log", self.log))
        low, high = (float(bound) for bound in _bounds(self))
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        scale: Interval | Levels | LogLevels = Interval(low, high, self.log)
        if self.step is not None:
            step = float(_number(self.step, "step"))
            object.__setattr__(self, "step", step)
            scale = _grid(self, Decimal(repr(low)), Decimal(repr(high)), Decimal(repr(step)))
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(self, "prior", as_prior(self.prior))
        check_within(self.prior, low, high)

    @property
    def n_levels(self) -> int | None:
        """How many values there are, None where they are not countable."""
        return None if isinstance(self._scale, Interval) else self._scale.count

    def positions(self) -> Array:
        """Return the positions of the values, shape (n_levels,); there must be countably many."""
        assert not isinstance(self._scale, Interval)
        return self._scale.to_unit(np.arange(self._scale.count))

    def axis(self, name: str) -> Axis | None:
        """Return the column of unit points, None if there is nothing to choose."""
        if isinstance(self._scale, Levels):
            return Axis(name, "ordered", self._scale.count)
        return Axis(name, "continuous")

    @property
    def is_linear(self) -> bool:
        """Whether positions in the unit interval are linear in the values."""
        return isinstance(self._scale, Interval) and not self._scale.log

    def to_unit(self, values: Sequence[Any]) -> Array:
        """Return the positions of canonical values."""
        numbers = np.asarray(values, dtype=np.float64)
        if isinstance(self._scale, Interval):
            return self._scale.to_unit(numbers)
        assert self.step is not None
        return self._scale.to_unit(np.rint((numbers - self.low) / self.step).astype(np.int64))

    def to_unit_beyond(self, values: Sequence[Any]) -> Array:
        """Return the positions of any numbers, those out of bounds beyond [0, 1]."""
        return _beyond(self, values)

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
            return within(units, 0.0, 1.0)
        return self._scale.to_unit(self._scale.from_unit(units))

    def check(self, name: str, value: Any) -> float:
        """Return a user's value as this dimension gives it; PointError if it is not one."""
        number = float(_within(self, name, value))
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


@options_by_name(2, "log=True, step=…, active_when=… or prior=…")
@dataclass(frozen=True)
class Integer:
    """A whole number in [low, high]; log, step, active_when and prior as for Real.

    Without log, the values have equal shares of the unit interval.  With log they are placed by
    their logarithm, and surrogates see a continuous axis.

    Raises:
        SpaceError: bounds, step or prior that make no sense; log with high > 2**40.

    >>> Space({"depth": Integer(1, 4)}).to_unit([{"depth": 1}, {"depth": 4}])
    array([[0.125],
           [0.875]])
    """

    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    step: int | None = None
    active_when: str | None = None
    prior: Prior | None = None
    _scale: Levels | LogLevels = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", checked_flag("log", self.log))
        low, high = (_whole(bound, name) for bound, name in zip(_bounds(self), ("low", "high")))
        step = 1 if self.step is None else _whole(_number(self.step, "step"), "step")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "step", None if self.step is None else step)
        if self.log and high > _MAX_LOG_INTEGER:
            raise SpaceError(f"{self!r}: a logarithmic integer goes up to 2**40; use Real and round")
        object.__setattr__(self, "_scale", _grid(self, Decimal(low), Decimal(high), Decimal(step)))
        object.__setattr__(self, "prior", as_prior(self.prior))
        check_within(self.prior, low, high)

    @property
    def n_levels(self) -> int:
        """How many values there are."""
        return self._scale.count

    def positions(self) -> Array:
        """Return the positions of the values, shape (n_levels,)."""
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

    def to_unit_beyond(self, values: Sequence[Any]) -> Array:
        """Return the positions of any numbers, those out of bounds beyond [0, 1]."""
        return _beyond(self, values)

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
            raise PointError(f"{name}={shown(number)}: a whole number is needed")
        step = self.step or 1
        if (int(number) - self.low) % step:
            raise PointError(f"{name}={int(number)} is not on the grid {self.low} + k·{step}")
        return int(number)

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values."""
        return {"integer": [self.low, self.high], **_options(self)}


Dimension: TypeAlias = Real | Integer | Categorical | Constant | Derived


@dataclass(frozen=True)
class Fixed:
    """A dimension that is fixed at one of its values, for one ask (BoTorch's fixed features).

    Its axis stays, so that unit points and surrogates of the whole space can be used as they are.

    Attributes:
        dimension: of the space.
        value: in the dimension's own form.
    """

    dimension: Real | Integer | Categorical
    value: Any
    n_levels: ClassVar[int] = 1
    prior: ClassVar[None] = None  # a prior's density is the same at all points of the subspace

    @property
    def active_when(self) -> str | None:
        """As of the dimension."""
        return self.dimension.active_when

    def positions(self) -> Array:
        """Return the position of the value, shape (1,)."""
        return self.dimension.to_unit([self.value])

    def axis(self, name: str) -> Axis | None:
        """Return the dimension's column of unit points."""
        return self.dimension.axis(name)

    def to_unit(self, values: Sequence[Any]) -> Array:
        """Return the positions of any values of the dimension."""
        return self.dimension.to_unit(values)

    def column(self, units: Array) -> np.ndarray[Any, Any]:
        """Return the values at positions, as formulas see them."""
        return self.dimension.column(units)

    def from_unit(self, units: Array) -> list[Any]:
        """Return the value, once for each position: as it was given, to the last bit."""
        return [self.value] * len(units)

    def snap(self, units: Array) -> Array:
        """Return the value's position, once for each."""
        return np.repeat(self.positions(), len(units))

    def check(self, name: str, value: Any) -> Any:
        """Return a user's value as the dimension gives it; PointError if it is none of its own."""
        return self.dimension.check(name, value)

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values."""
        return self.dimension.to_form()


@dataclass(frozen=True)
class Removed(Fixed):
    """A parameter that is a constant from now on, and had other values in earlier trials of the study."""

    active_when: ClassVar[None] = None

    def check(self, name: str, value: Any) -> Any:
        """Return the value; PointError if another was given."""
        return Constant(self.value).check(name, value)

    def to_form(self) -> dict[str, Any]:
        """Return the constant as JSON values."""
        return Constant(self.value).to_form()


def _beyond(dimension: Real | Integer, values: Sequence[Any]) -> Array:
    """Return the positions of any numbers, out of bounds and off the grid too."""
    numbers, scale = np.asarray(values, dtype=np.float64), dimension._scale
    if isinstance(scale, Interval):
        return scale.to_unit_beyond(numbers)
    steps = (numbers - dimension.low) / (dimension.step or 1)
    levels = np.rint(steps)
    return scale.to_unit(np.where(np.abs(steps - levels) < _OFF_GRID, levels, steps))


def _number(value: Any, name: str) -> int | float:
    value = plain(value)
    try:
        number = as_number(value)
    except ValueError as error:
        raise SpaceError(f"{name} must be a number, got {shown(value)}: {error}") from None
    if not math.isfinite(number):
        raise SpaceError(f"{name} must be finite, got {value!r}")
    # an int of more than 53 bits is exact only as it is
    return value if isinstance(value, int) else number


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
    if count > _MAX_LEVELS:
        raise SpaceError(f"{count} values are too many for a grid; drop the step or use Real")
    return LogLevels(float(low), float(step), count) if dimension.log else Levels(count)


def _within(dimension: Real | Integer, name: str, value: Any) -> int | float:
    """Return a user's number moved into the bounds by no more than rounding; PointError if it is out."""
    if type(value) is not float:
        value = plain(value)
    if not isinstance(value, int) or isinstance(value, bool):
        try:
            value = as_number(value)
        except ValueError as error:
            raise PointError(f"{name}={shown(value)}: {error}") from None
    below, above = _tolerance(dimension)
    if not dimension.low - below <= value <= dimension.high + above:  # false for nan, too
        raise PointError(f"{name}={shown(value)} is outside [{dimension.low}, {dimension.high}]")
    return min(max(value, dimension.low), dimension.high)


def _tolerance(dimension: Real | Integer) -> tuple[float, float]:
    """Return by how much a value may miss each bound through rounding alone."""
    if isinstance(dimension, Integer):
        return 0.0, 0.0
    if dimension.log:
        return _ROUNDING * dimension.low, _ROUNDING * dimension.high
    return (_ROUNDING * (dimension.high - dimension.low),) * 2


def _options(dimension: Real | Integer) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if dimension.log:
        options["log"] = True
    if dimension.step is not None:
        options["step"] = dimension.step
    if dimension.active_when is not None:
        options["active_when"] = dimension.active_when
    if dimension.prior is not None:
        options["prior"] = dimension.prior.to_json()
    return options


def _decimals(number: float) -> int:
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return max(0, -int(exponent))
