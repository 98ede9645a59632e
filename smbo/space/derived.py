"""Derived dimensions: values that follow from other dimensions, such as the last share of a mixture."""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from smbo.errors import ExpressionError, PointError, SpaceError
from smbo.plain_values import as_number, plain, shown
from smbo.space.expressions import Expression
from smbo.space.formula_names import in_backticks
from smbo.training_data import Array, Axis

# A told value may differ from the computed one by this share of the largest number that it is computed
# from: values come back from files with twelve digits or more.
_TOLERANCE = 1e-9
# A computed value may miss a bound by this share of the same: 1 - 0.9 - 0.1 is -3e-17, not 0.
_ROUNDING = 1e-12

_OF_WHOLE = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)  # whole of whole numbers


@dataclass(frozen=True)
class Derived:
    """A value that follows from other dimensions.  It is in every point, but nothing is chosen.

    With it an equation is solved for one of its dimensions: a mixture ``a + b + c == 1`` is the dimensions a
    and b, and ``c: Derived("1 - a - b", low=0)``.  The value reaches the objective, the constraints, the
    store and the report like any other; points to tell or to enqueue may leave it out.

    Args:
        expression: formula of other dimensions, constants and derived dimensions.
        low, high: bounds, both included, which are known constraints; None for no bound.

    It is a whole number where the formula adds, subtracts and multiplies whole numbers only, and exists
    where all the dimensions that it names do.

    Raises:
        SpaceError: the expression is no formula of numbers, or the bounds are not in order.

    >>> space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": Derived("1 - a - b", low=0)})
    >>> space.check({"a": 0.25, "b": 0.5})
    {'a': 0.25, 'b': 0.5, 'c': 0.25}
    >>> space.contains({"a": 0.75, "b": 0.5})
    False
    """

    expression: str
    low: float | None = None
    high: float | None = None
    n_levels: ClassVar[int] = 1
    prior: ClassVar[None] = None
    active_when: ClassVar[None] = None
    formula: Expression = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            formula = Expression.parse(self.expression)
        except ExpressionError as error:
            raise SpaceError(f"expression: {error}") from None
        if formula.is_condition:
            raise SpaceError(
                f"expression {self.expression!r} is a condition; write a number, such as '1 - a - b'"
            )
        if not formula.names:
            raise SpaceError(f"expression {self.expression!r} names no dimension: write a constant instead")
        for name in ("low", "high"):
            object.__setattr__(self, name, _bound(name, getattr(self, name)))
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise SpaceError(f"low must be below high, got low={self.low!r}, high={self.high!r}")
        object.__setattr__(self, "formula", formula)

    def axis(self, name: str) -> Axis | None:
        """Return None: there is nothing to choose."""
        del name
        return None

    def column(self, values: Mapping[str, Any], n: int, whole: Iterable[str]) -> Array:
        """Return the values at n points, moved into the bounds where only rounding misses them, (n,).

        Args:
            values: of the dimensions named, each (n,).
            whole: names of dimensions of whole numbers.
        """
        found = np.broadcast_to(np.asarray(self.formula.evaluate(values), dtype=np.float64), (n,)).copy()
        if self.is_whole(whole):
            return np.asarray(np.rint(found))
        slack = _ROUNDING * self._size(values, np.abs(found))
        for bound in (self.low, self.high):
            if bound is not None:
                found = np.where(np.abs(found - bound) <= slack, bound, found)
        return found

    def check(self, name: str, value: Any) -> float | int:
        """Return a user's value as a plain number; PointError if it is none."""
        value = plain(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        try:
            return as_number(value)
        except ValueError as error:
            raise PointError(f"{name}={shown(value)}: {error}") from None

    def agreed(self, name: str, value: Any, point: Mapping[str, Any], computed: float) -> None:
        """Refuse a user's value that contradicts the computed one.

        Raises:
            PointError: they differ by more than 1e-9 of the largest number involved.
        """
        told = self.check(name, value)
        slack = _TOLERANCE * float(
            self._size({each: point[each] for each in self.formula.names}, abs(computed))
        )
        if not abs(told - computed) <= slack:
            raise PointError(
                f"{name}={told!r} contradicts its expression {self.expression!r}, which is {computed!r} at "
                f"the point's other values (they may differ by {slack:.1g}); correct one, or leave {name} out"
            )

    def is_whole(self, whole: Iterable[str]) -> bool:
        """Return whether the values are whole numbers, given the names of dimensions that are."""
        return _is_whole(self.formula.tree, frozenset(whole))

    def bounds_rule(self, name: str) -> Expression:
        """Return the bounds as a known constraint; without any, that the value is finite."""
        low = -sys.float_info.max if self.low is None else self.low
        high = sys.float_info.max if self.high is None else self.high
        parts = [f"{self.low!r} <= " if self.low is not None else "", in_backticks(name)]
        parts.append(f" <= {self.high!r}" if self.high is not None else "")
        text = (
            "".join(parts)
            if self.low is not None or self.high is not None
            else f"{low!r} <= {parts[1]} <= {high!r}"
        )
        tree = ast.Compare(
            ast.Constant(low), [ast.LtE(), ast.LtE()], [ast.Name(name, ast.Load()), ast.Constant(high)]
        )
        return Expression(text, frozenset([name]), tree)

    def to_form(self) -> dict[str, Any]:
        """Return the dimension as JSON values."""
        bounds = {"low": self.low, "high": self.high}
        return {"expression": self.expression, **{key: end for key, end in bounds.items() if end is not None}}

    def _size(self, values: Mapping[str, Any], found: Any) -> Any:
        """Return the largest of the numbers that a value is computed from, and itself."""
        size = found
        for node in ast.walk(self.formula.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
                size = np.maximum(size, abs(float(node.value)))
        for value in values.values():
            size = np.maximum(size, np.abs(np.asarray(value, dtype=np.float64)))
        return size


def _bound(name: str, given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, np.integer | np.floating):
        given = given.item()
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) < math.inf:
        raise SpaceError(f"{name} must be a finite number, got {given!r}")
    try:
        float(given)
    except OverflowError:
        raise SpaceError(f"{name}={str(given)[:20]}… is too large for a real number") from None
    return float(given) if isinstance(given, float) else given


def _is_whole(node: ast.expr, whole: frozenset[str]) -> bool:
    while isinstance(node, ast.BinOp) and isinstance(node.op, _OF_WHOLE):  # a sum may have hundreds of terms
        if not _is_whole(node.right, whole):
            return False
        node = node.left
    match node:
        case ast.Constant(value=number):
            return isinstance(number, bool | int)
        case ast.Name(id=name):
            return name in whole
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _is_whole(operand, whole)
        case ast.Call(func=ast.Name(id="abs" | "min" | "max"), args=parts):
            return all(_is_whole(part, whole) for part in parts)
    return False
