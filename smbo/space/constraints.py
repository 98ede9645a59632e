"""Known constraints and conditions of a space: formulas over its dimensions, or callables."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from smbo.errors import ExpressionError, SpaceError
from smbo.space.expressions import Expression
from smbo.space.numeric import Dimension, Fixed

Point: TypeAlias = dict[str, Any]
Constraint: TypeAlias = "Expression | Callable[[Point], bool]"


@dataclass(frozen=True)
class StoredCallable:
    """Holds the place of a constraint that is Python code, which is stored by name only."""

    name: str

    def __call__(self, _point: Point) -> bool:
        raise SpaceError(
            f"the known constraint {self.name!r} is Python code, which is stored by name only; "
            "open the study with the problem as it is in your code to propose points"
        )


def conditions_of(dimensions: Mapping[str, Dimension | Fixed]) -> dict[str, Expression]:
    """Return the conditions by dimension, each after those that it refers to."""
    waiting: dict[str, Expression] = {}
    for name, dimension in dimensions.items():
        if dimension.active_when is not None:
            waiting[name] = _formula(f"{name}: active_when", dimension.active_when, dimensions)
    conditions: dict[str, Expression] = {}
    while waiting:
        ready = [name for name, formula in waiting.items() if not formula.names & waiting.keys()]
        if not ready:
            raise SpaceError(f"the conditions of {sorted(waiting)} refer to each other in a circle")
        for name in ready:
            conditions[name] = waiting.pop(name)
    return conditions


def parse_constraint(given: Any, dimensions: Mapping[str, Dimension | Fixed]) -> Constraint:
    """Return a known constraint as a formula or a callable; SpaceError for anything else."""
    if isinstance(given, str):
        return _formula("constraint", given, dimensions)
    if not callable(given):
        raise SpaceError(f"a constraint is a formula or a callable, got {given!r}")
    return given


def _formula(role: str, text: str, dimensions: Mapping[str, Dimension | Fixed]) -> Expression:
    try:
        formula = Expression.parse(text)
    except ExpressionError as error:
        raise SpaceError(f"{role}: {error}") from None
    for name in sorted(formula.names):
        if name not in dimensions:
            raise SpaceError(f"{role} {text!r} names {name!r}, which is no dimension{hint(name, dimensions)}")
    is_flag = formula.text.strip() in dimensions
    if not formula.is_condition and not is_flag:
        raise SpaceError(f"{role} {text!r} is no comparison; write one, such as 'x + y <= 1'")
    if not formula.names:
        raise SpaceError(f"{role} {text!r} names no dimension, so it never changes; drop it")
    return formula


def constraint_name(given: Any) -> str:
    """Return how a constraint is stored: a formula as it is, a callable as "module:name"."""
    if isinstance(given, str):
        return given
    if isinstance(given, StoredCallable):
        return given.name
    kind = given if hasattr(given, "__qualname__") else type(given)
    return f"{kind.__module__}:{kind.__qualname__}"


def hint(name: object, dimensions: Mapping[str, Dimension | Fixed]) -> str:
    """Return the end of a message about an unknown name: the closest known name, or all of them."""
    close = difflib.get_close_matches(str(name), dimensions, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(dimensions)}"
