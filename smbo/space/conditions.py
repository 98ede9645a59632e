"""Conditions that can never hold: dimensions that would be left out of every point."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from smbo.errors import ExpressionError, SpaceError
from smbo.space.categorical import Categorical, Constant
from smbo.space.choice_names import name_of
from smbo.space.expressions import Expression
from smbo.space.numeric import Dimension, Fixed, Integer, Real

_MOST_COMBINATIONS = 4096  # of values at which a condition is looked at
_MOST_SHOWN = 8

_is_stored: ContextVar[bool] = ContextVar("is_stored", default=False)


@contextmanager
def as_stored() -> Iterator[None]:
    """Take conditions as they are: a stored study is read although one of them never holds."""
    token = _is_stored.set(True)
    try:
        yield
    finally:
        _is_stored.reset(token)


def check_conditions(
    conditions: Mapping[str, Expression], dimensions: Mapping[str, Dimension | Fixed]
) -> None:
    """Refuse a condition that can never hold, where that can be known.

    It is looked at for all combinations of the choices that it depends on, and for numbers at their
    bounds and on either side of the numbers that they are compared with.

    Raises:
        SpaceError: one can never hold; says what its names can be.
    """
    if _is_stored.get():
        return
    for name, condition in conditions.items():
        values = _values(condition, dimensions)
        if values is None:
            continue
        try:
            can_hold = any(
                bool(condition.evaluate(dict(zip(values, point))))
                for point in itertools.product(*values.values())
            )
        except ExpressionError as error:
            raise SpaceError(f"{name}: active_when {error}") from None
        if not can_hold:
            known = "; ".join(_range(each, dimensions[each]) for each in values)
            raise SpaceError(f"{name}: active_when {condition.text!r} can never hold: {known}")


def _values(
    condition: Expression, dimensions: Mapping[str, Dimension | Fixed]
) -> dict[str, list[Any]] | None:
    """Return the values of each name that decide whether a condition can hold; None if they are not known."""
    tree = condition._tree
    numbers = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    marks = [float(each) for each in numbers if isinstance(each, int | float) and not isinstance(each, bool)]
    marks += [-each for each in marks]
    for each in condition.names:
        dimension = dimensions[each]
        if isinstance(dimension, Real | Integer):
            marks += [float(dimension.low), float(dimension.high)]
    found: dict[str, list[Any]] = {}
    n_combinations, is_by_marks = 1, False
    for each in sorted(condition.names):
        dimension = dimensions[each]
        if isinstance(dimension, Categorical):
            found[each] = list(dimension.choices)
        elif isinstance(dimension, Constant):
            found[each] = [dimension.value]
        elif isinstance(dimension, Integer) and dimension.high - dimension.low < _MOST_COMBINATIONS:
            found[each] = [float(value) for value in range(dimension.low, dimension.high + 1)]
        elif isinstance(dimension, Real | Integer):
            is_by_marks = True
            found[each] = _around(marks, dimension.low, dimension.high)
        else:
            return None
        n_combinations *= len(found[each])
    is_plain = not any(isinstance(node, ast.BinOp | ast.Call) for node in ast.walk(tree))
    return found if n_combinations <= _MOST_COMBINATIONS and (is_plain or not is_by_marks) else None


def _around(marks: list[float], low: float, high: float) -> list[float]:
    """Return the marks within bounds, the floats beside them, and the middles between them."""
    inside = np.unique([mark for mark in marks if low <= mark <= high])
    beside = np.concatenate([inside, np.nextafter(inside, -np.inf), np.nextafter(inside, np.inf)])
    middles = (inside[:-1] + inside[1:]) / 2
    every = np.unique(np.concatenate([beside, middles]))
    return [float(value) for value in every if low <= value <= high]


def _range(name: str, dimension: Dimension | Fixed) -> str:
    if isinstance(dimension, Constant):
        return f"{name} is {name_of(dimension.value)}"
    if isinstance(dimension, Categorical):
        shown = ", ".join(dict.fromkeys(name_of(choice) for choice in dimension.choices[:_MOST_SHOWN]))
        more = ", …" if len(dimension.choices) > _MOST_SHOWN else ""
        return f"{name} is one of {shown}{more}"
    assert isinstance(dimension, Real | Integer)
    return f"{name} is in [{dimension.low:g}, {dimension.high:g}]"
