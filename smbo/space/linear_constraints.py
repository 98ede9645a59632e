"""Known constraints that are linear: a polytope of the unit cube, or of the ranges in the user's units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smbo.errors import SpaceError
from smbo.space.categorical import Categorical, Constant
from smbo.space.constraints import Constraint
from smbo.space.derived import Derived
from smbo.space.expressions import Expression
from smbo.space.formula_names import in_backticks
from smbo.space.linear import Comparison, Known, Row, comparisons_of
from smbo.space.numeric import Dimension, Fixed, Integer, Real
from smbo.space.polytope import Mask, Polytope, centre, contradiction, extreme_points, optimum
from smbo.training_data import Array, Axis

# Distance that an ascent keeps from a face, so that rounding never breaks a constraint.
_MARGIN = 2e-9
LEAST_RADIUS = 1e-11  # of the largest ball: a thinner region is that of an equation
_HUGE = 1e300
_MOST_RANGES = 8  # that a message shows


class Searched(Protocol):
    """What of a space is asked here."""

    @property
    def dimensions(self) -> Mapping[str, Any]: ...
    @property
    def axes(self) -> tuple[Axis, ...]: ...
    @property
    def rules(self) -> tuple[Constraint, ...]: ...
    @property
    def parts(self) -> Mapping[str, frozenset[str]]: ...
    def snap(self, units: Array) -> Array: ...
    def allowed(self, units: Array) -> Mask: ...
    def active(self, units: Array) -> Mask: ...
    def grid(self) -> Array | None: ...


@dataclass(frozen=True)
class _Scale:
    """A column's values, or their logarithms, as offset + factor · position."""

    offset: float
    factor: float
    of_logs: bool

    @classmethod
    def of(cls, dimension: Any) -> _Scale | None:
        """Return the scale of a number, None of a category."""
        if isinstance(dimension, Fixed):
            dimension = dimension.dimension
        if not isinstance(dimension, Real | Integer):
            return None
        low, high = float(dimension.low), float(dimension.high)
        first, last = dimension.to_unit([dimension.low, dimension.high]).tolist()
        if dimension.log:
            low, high = math.log(low), math.log(high)
        factor = (high - low) / (last - first)
        return cls(low - factor * first, factor, dimension.log)


@dataclass(frozen=True, eq=False)
class LinearConstraints:
    """What of a space's known constraints is linear in positions of the unit cube."""

    space: Searched

    @cached_property
    def faces(self) -> tuple[Array, Array]:
        """Normals (m, d) and bounds (m,) of the linear constraints that hold in all of the space.

        An ascent that keeps to them stays a margin inside.  Constraints of dimensions that do not always
        exist are left out.
        """
        always = frozenset(self.columns) - self.space.parts.keys()
        polytope, _ = self.polytope([row for row in self.rows if row.weights.keys() <= always])
        return polytope.normals, polytope.bounds - _MARGIN

    @cached_property
    def columns(self) -> dict[str, int]:
        return {axis.name: column for column, axis in enumerate(self.space.axes)}

    @cached_property
    def scales(self) -> dict[str, _Scale]:
        found = {name: _Scale.of(self.space.dimensions[name]) for name in self.columns}
        return {name: scale for name, scale in found.items() if scale is not None}

    @cached_property
    def comparisons(self) -> list[tuple[Expression, list[Comparison] | None]]:
        dimensions = self.space.dimensions
        known = Known(
            {name: float(value) for name, value in _constants(dimensions)},
            {name: each.formula for name, each in dimensions.items() if isinstance(each, Derived)},
            frozenset(name for name, each in dimensions.items() if _lowest(each) > 0.0),
        )
        return [
            (rule, comparisons_of(rule, known)) for rule in self.space.rules if isinstance(rule, Expression)
        ]

    @cached_property
    def rows(self) -> list[Row]:
        """The inequalities that are linear in positions."""
        found = []
        for _, comparisons in self.comparisons:
            for comparison in comparisons or ():
                for row in (*comparison.linear, *comparison.logarithmic):
                    if self._is_of_positions(row):
                        found.append(row)
        return found

    @cached_property
    def is_complete(self) -> bool:
        """Whether the polytope alone says which points of continuous columns are allowed."""
        if not all(isinstance(rule, Expression) for rule in self.space.rules):
            return False
        for _, comparisons in self.comparisons:
            for comparison in comparisons if comparisons is not None else [Comparison((), ())]:
                if not any(
                    rows and all(self._is_of_positions(row) and not self._is_rounded(row) for row in rows)
                    for rows in (comparison.linear, comparison.logarithmic)
                ):
                    return False
        return True

    def _is_rounded(self, row: Row) -> bool:
        """Whether a column is rounded to other positions than the middles of levels."""
        columns = [self.columns[name] for name in row.weights]
        return any(self._half[column] > 0.0 and self.space.axes[column].levels is None for column in columns)

    @cached_property
    def _half(self) -> Array:
        found = np.zeros(len(self.space.axes))
        for name, column in self.columns.items():
            own, levels = _own(self.space.dimensions[name]), self.space.axes[column].levels
            if levels is not None:
                found[column] = 0.5 / levels
            elif own.n_levels is not None:  # a logarithmic grid, whose lowest cell is the widest
                first, second = own.to_unit([own.low, own.low + (own.step or 1)]).tolist()
                found[column] = second - first
        return found

    def _is_of_positions(self, row: Row) -> bool:
        return abs(row.bound) < _HUGE and all(
            name in self.scales and self.scales[name].of_logs == row.of_logs for name in row.weights
        )

    def polytope(self, rows: Sequence[Row]) -> tuple[Polytope, tuple[str, ...]]:
        """Return inequalities over positions, of unit length, and the constraint that each is of."""
        d = len(self.space.axes)
        normals, bounds = np.zeros((len(rows), d)), np.zeros(len(rows))
        low, high, levels = np.zeros(d), np.ones(d), np.zeros(d, dtype=np.int64)
        for name, column in self.columns.items():
            dimension = self.space.dimensions[name]
            levels[column] = self.space.axes[column].levels or 0
            if isinstance(dimension, Fixed):
                low[column] = high[column] = dimension.positions()[0]
        for number, row in enumerate(rows):
            bound = self._below(row)
            for name, weight in row.weights.items():
                scale = self.scales[name]
                normals[number, self.columns[name]] = weight * scale.factor
                bound -= weight * scale.offset
            length = float(np.linalg.norm(normals[number]))
            normals[number] /= length
            bounds[number] = bound / length
        return Polytope(normals, bounds, low, high, levels, self._half), tuple(row.text for row in rows)

    def _below(self, row: Row) -> float:
        """Return the bound, of a strict inequality of whole numbers the next lower one."""
        whole = all(
            isinstance(_own(self.space.dimensions[name]), Integer) and weight == int(weight)
            for name, weight in row.weights.items()
        )
        if whole and not row.of_logs:
            return math.ceil(row.bound) - 1.0 if row.strict else math.floor(row.bound + 1e-9)
        return row.bound

    def refuse_contradictions(self) -> None:
        """Raise SpaceError where the inequalities of dimensions that always exist contradict each other."""
        rows = [row for row in self.rows if not row.weights.keys() & self.space.parts]
        if not rows:
            return
        polytope, texts = self.polytope(rows)
        point, decided = optimum(polytope, np.zeros(len(polytope.low)))
        if point is None and decided:
            raise SpaceError(self.contradiction_of(contradiction(polytope, texts)))

    def contradiction_of(self, texts: Sequence[str]) -> str:
        named = dict.fromkeys(
            name
            for _, comparisons in self.comparisons
            for comparison in comparisons or ()
            for row in (*comparison.linear, *comparison.logarithmic)
            if row.text in texts
            for name in row.weights
        )
        ranges = [
            f"{name} in {_range(self.space.dimensions[name])}" for name in self.columns if name in named
        ]
        if len(ranges) > _MOST_RANGES:
            ranges = [*ranges[:_MOST_RANGES], f"… {len(ranges) - _MOST_RANGES} more"]
        shown = [f"{text!r}{self._meaning(text)}" for text in texts]
        meets = (
            f"the constraint {shown[0]} holds nowhere"
            if len(shown) == 1
            else f"the constraints {' and '.join(shown)} contradict each other"
        )
        return (
            f"{meets} within the ranges ({', '.join(ranges)}): no point can meet all; loosen a constraint or "
            "a range"
        )

    def _meaning(self, text: str) -> str:
        """Return what the derived dimensions in a constraint are, for messages."""
        names = {name for rule, _ in self.comparisons if rule.text == text for name in rule.names}
        derived = ((name, self.space.dimensions[name]) for name in sorted(names))
        found = [f"{name} = {each.expression}" for name, each in derived if isinstance(each, Derived)]
        return f" ({', '.join(found)})" if found else ""

    def refuse_equations(self) -> None:
        """Refuse equations of continuous dimensions, with the derived dimension to write instead."""
        for rule, comparisons in self.comparisons:
            for comparison in comparisons or ():
                for row in comparison.linear:
                    name = self._solved(row)
                    if row.is_equality and name is not None:
                        raise SpaceError(_as_derived(rule.text, row, name, self.space.dimensions[name]))

    def _solved(self, row: Row) -> str | None:
        """Return the last continuous dimension of a row, None where all are on levels."""
        names = [
            name
            for name in self.columns
            if name in row.weights and self.space.dimensions[name].n_levels is None
        ]
        return names[-1] if names else None

    def ends_by_value(self, rng: np.random.Generator) -> tuple[Array, NDArray[np.intp]]:
        """Return extreme points of the constraints that are linear in the user's units but not in positions.

        Returns:
            Shares of the ranges in the user's units, (k, d), none without such constraints; the columns that
            they are about.
        """
        none = np.empty((0, len(self.space.axes))), np.zeros(0, dtype=np.intp)
        rows = [
            row
            for _, comparisons in self.comparisons
            for comparison in comparisons or ()
            for row in comparison.linear
            if row.weights.keys() <= self.scales.keys() and abs(row.bound) < _HUGE
        ]
        if all(self._is_of_positions(row) for row in rows):
            return none
        d = len(self.space.axes)
        normals, bounds = np.zeros((len(rows), d)), np.array([row.bound for row in rows])
        low, high = np.zeros(d), np.ones(d)
        for name, column in self.columns.items():
            if name in self.scales:
                first, last = self._range_of(name)
                if first == last:
                    high[column] = 0.0
                for number, row in enumerate(rows):
                    weight = row.weights.get(name, 0.0)
                    normals[number, column] = weight * (last - first)
                    bounds[number] -= weight * first
        lengths = np.linalg.norm(normals, axis=1)
        kept = lengths > 0.0
        normals, bounds = normals[kept] / lengths[kept, None], bounds[kept] / lengths[kept]
        polytope = Polytope(normals, bounds, low, high, np.zeros(d, dtype=np.int64), np.zeros(d))
        ends = extreme_points(polytope, rng)
        if len(ends) == 0:
            texts = [row.text for row, is_kept in zip(rows, kept) if is_kept]
            raise SpaceError(self.contradiction_of(contradiction(polytope, texts)))
        middle, _ = centre(polytope)
        ends = ends if middle is None else np.concatenate([0.9 * ends + 0.1 * middle, middle[None]])
        return ends, np.flatnonzero((normals != 0.0).any(axis=0) & (high > 0.0))

    def _range_of(self, name: str) -> tuple[float, float]:
        dimension = self.space.dimensions[name]
        if isinstance(dimension, Fixed):
            return float(dimension.value), float(dimension.value)
        return float(dimension.low), float(dimension.high)

    def positions(self, shares: Array) -> Array:
        """Return positions of shares of the ranges in the user's units, (n, d)."""
        units = shares.copy()
        for name, column in self.columns.items():
            scale = self.scales.get(name)
            if scale is not None:
                low, high = self._range_of(name)
                values = low + shares[:, column] * (high - low)
                units[:, column] = (
                    (np.log(values) if scale.of_logs else values) - scale.offset
                ) / scale.factor
        return np.clip(units, 0.0, 1.0)


def _own(dimension: Dimension | Fixed) -> Any:
    return dimension.dimension if isinstance(dimension, Fixed) else dimension


def _constants(dimensions: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    for name, each in dimensions.items():
        value = each.value if isinstance(each, Constant) else None
        if isinstance(each, Categorical) and len(each.choices) == 1:
            value = each.choices[0]
        if isinstance(value, bool | int | float):
            yield name, value


def _lowest(dimension: Any) -> float:
    own = _own(dimension)
    return float(own.low) if isinstance(own, Real | Integer) else -math.inf


def _range(dimension: Any) -> str:
    if isinstance(dimension, Fixed):
        return f"{{{dimension.value!r}}}"
    return f"[{dimension.low}, {dimension.high}]"


def _as_derived(text: str, row: Row, name: str, dimension: Any) -> str:
    """Return the refusal of an equation, with the derived dimension that solves it for ``name``."""
    weight = row.weights[name]
    parts = [f"{row.bound / weight:.12g}"] if row.bound or len(row.weights) == 1 else []
    for other, each in sorted(row.weights.items()):
        if other != name:
            ratio = -each / weight
            size = "" if abs(ratio) == 1.0 else f"{abs(ratio):.12g} * "
            sign = ("-" if ratio < 0 else "") if not parts else (" - " if ratio < 0 else " + ")
            parts.append(f"{sign}{size}{in_backticks(other)}")
    expression = "".join(parts)
    if len(row.weights) == 1:
        return f"the constraint {text!r} leaves one value of {name}: write it as the constant {expression}"
    own = _own(dimension)
    return (
        f"no point drawn at random meets the equation {text!r}; drop it and derive one of its dimensions: "
        f"{name}: {{expression: {expression!r}, low: {own.low:g}, high: {own.high:g}}} "
        f"(in Python Derived({expression!r}, low={own.low:g}, high={own.high:g}))"
    )
