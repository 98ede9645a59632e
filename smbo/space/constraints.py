"""Known constraints and conditions of a space: formulas over its dimensions, or callables."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from smbo.errors import ExpressionError, SpaceError
from smbo.plain_values import shown
from smbo.space.categorical import Categorical, Constant
from smbo.space.derived import Derived
from smbo.space.expressions import Expression
from smbo.space.formula_names import about_names
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
    """Return the conditions, and the formulas of derived dimensions, each after those that it refers to.

    Raises:
        SpaceError: one names what is no dimension, or they refer to each other in a circle.
    """
    waiting: dict[str, Expression] = {}
    for name, dimension in dimensions.items():
        if isinstance(dimension, Derived):
            waiting[name] = _of_numbers(name, dimension.formula, dimensions)
        elif dimension.active_when is not None:
            waiting[name] = _formula(f"{name}: active_when", dimension.active_when, dimensions)
    conditions: dict[str, Expression] = {}
    while waiting:
        ready = [name for name, formula in waiting.items() if not formula.names & waiting.keys()]
        if not ready:
            kinds = {isinstance(dimensions[name], Derived) for name in waiting}
            what = {True: "expressions", False: "conditions"}[kinds.pop()] if len(kinds) == 1 else "formulas"
            raise SpaceError(f"the {what} of {sorted(waiting)} refer to each other in a circle")
        for name in ready:
            conditions[name] = waiting.pop(name)
    return conditions


def rules_of(dimensions: Mapping[str, Dimension | Fixed]) -> list[Expression]:
    """Return the bounds of derived dimensions as known constraints."""
    return [each.bounds_rule(name) for name, each in dimensions.items() if isinstance(each, Derived)]


def parts_of(
    dimensions: Mapping[str, Dimension | Fixed], conditions: Mapping[str, Expression]
) -> dict[str, frozenset[str]]:
    """Return, for each dimension that does not always exist, the names by which it does."""
    parts: dict[str, frozenset[str]] = {}
    for name, formula in conditions.items():
        if not isinstance(dimensions[name], Derived) or formula.names & parts.keys():
            parts[name] = formula.names
    return parts


def _of_numbers(name: str, formula: Expression, dimensions: Mapping[str, Dimension | Fixed]) -> Expression:
    """Return the formula of a derived dimension, if it names dimensions with numbers as values only."""
    for other in sorted(formula.names):
        if other not in dimensions:
            raise SpaceError(
                f"{name}: expression {formula.text!r} names {other!r}, which is no dimension"
                f"{about_names(formula.text, dimensions) or hint(other, dimensions)}"
            )
        each = dimensions[other]
        values = (
            each.choices
            if isinstance(each, Categorical)
            else (each.value,)
            if isinstance(each, Constant)
            else ()
        )
        for value in values:
            if not isinstance(value, bool | int | float):
                raise SpaceError(
                    f"{name}: expression {formula.text!r} computes with {other!r}, one of whose values is "
                    f"{value!r}; only numbers can be computed with"
                )
    return formula


def parse_constraint(given: Any, dimensions: Mapping[str, Dimension | Fixed]) -> Constraint:
    """Return a known constraint as a formula or a callable; SpaceError for anything else."""
    if isinstance(given, str):
        return _formula("constraint", given, dimensions)
    if not callable(given):
        raise SpaceError(f"a constraint is a formula or a callable, got {shown(given)}")
    return given


def _formula(role: str, text: str, dimensions: Mapping[str, Dimension | Fixed]) -> Expression:
    try:
        formula = Expression.parse(text)
    except ExpressionError as error:
        raise SpaceError(f"{role}: {error}{about_names(str(text), dimensions)}") from None
    for name in sorted(formula.names):
        if name not in dimensions:
            meant = about_names(text, dimensions) or hint(name, dimensions)
            raise SpaceError(f"{role} {shown(text)} names {shown(name)}, which is no dimension{meant}")
    is_flag = formula.is_name
    if not formula.is_condition and not is_flag:
        raise SpaceError(f"{role} {shown(text)} is no comparison; write one, such as 'x + y <= 1'")
    if not formula.names:
        raise SpaceError(f"{role} {shown(text)} names no dimension, so it never changes; drop it")
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
