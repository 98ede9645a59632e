"""Fixed values of an ask: the subspace of the points that have them (BoTorch's fixed features).

The subspace has the axes of the whole space, so that a surrogate of the whole space can be evaluated; a
fixed dimension has a single position to snap to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from smbo.errors import AskError, PointError, SpaceError
from smbo.space.categorical import Constant
from smbo.space.constraints import Point, constraint_name, hint
from smbo.space.derived import Derived
from smbo.space.expressions import Expression
from smbo.space.numeric import Fixed, Removed
from smbo.space.space import Mask, Space
from smbo.training_data import Array

_COORDINATE_TOLERANCE = 1e-9  # two snapped coordinates closer than this are the same


def checked(space: Space, fixed: Mapping[str, Any] | None) -> Point:
    """Return the values that a user fixes for an ask, in their canonical form; {} for None.

    Raises:
        AskError: a name or a value is not of the space, or no allowed point has all of them.
    """
    if fixed is None:
        return {}
    if not isinstance(fixed, Mapping):
        raise AskError(f"ask(fixed={fixed!r}): give a mapping of names to values, such as {{'x': 0.5}}")
    found: Point = {}
    for name, value in fixed.items():
        if name not in space.dimensions:
            raise AskError(f"ask: fixed {name!r} is no dimension of the space{hint(name, space.dimensions)}")
        derived = space.dimensions[name]
        if isinstance(derived, Derived):
            raise AskError(
                f"ask: fixed {name!r} follows from {derived.expression!r}; fix the dimensions that it names"
            )
        try:
            found[name] = space.dimensions[name].check(name, value)
        except PointError as error:
            raise AskError(f"ask: fixed {error}; fix another value, or leave {name} to the recipe") from None
    found = {name: found[name] for name in space.dimensions if name in found}
    if found:
        _refuse_impossible(space, found)
    return found


def _refuse_impossible(space: Space, fixed: Point) -> None:
    """Refuse values that no allowed point has, naming the constraint where one alone excludes them."""
    known = {**_constants(space), **fixed}
    for name in fixed:
        for condition in _conditions_for(space, name):
            if condition.names <= known.keys() and not condition.evaluate(known):
                raise AskError(
                    f"ask: fixed {name}={fixed[name]!r} exists only when {condition.text}, and the other "
                    f"fixed values are {_without(fixed, name)!r}; leave {name} out, or fix those otherwise"
                )
    for given in space.constraints:
        if isinstance(given, str):
            formula = Expression.parse(given)
            if formula.names <= known.keys() and not formula.evaluate(known):
                raise AskError(
                    f"ask: fixed {fixed!r} violates the known constraint {given!r}; fix other values"
                )
    try:
        subspace(space, fixed).sample_unit(1, np.random.default_rng(0))
    except SpaceError:
        rules = [rule.text if isinstance(rule, Expression) else constraint_name(rule) for rule in space.rules]
        needed = [condition.text for name in fixed for condition in _conditions_for(space, name)]
        raise AskError(
            f"ask: no allowed point with fixed {fixed!r} was found, by the known constraints {rules} and the "
            f"conditions {needed}; fix other values, or fewer"
        ) from None


def subspace(space: Space, fixed: Point) -> Space:
    """Return the points of a space that have these values, of ``checked``; the space itself for {}.

    A conditional dimension that is fixed exists in all of them, so its conditions are known constraints.
    """
    if not fixed:
        return space
    dimensions = dict(space.dimensions)
    for name, value in fixed.items():
        if not isinstance(dimensions[name], Constant | Removed):
            dimensions[name] = Fixed(dimensions[name], value)
    for name in _absent(space, fixed):
        # the dimension is inactive in all of the points: one position is enough to count and list them
        dimensions[name] = Fixed(dimensions[name], dimensions[name].from_unit(np.array([0.5]))[0])
    conditions = dict.fromkeys(condition.text for name in fixed for condition in _conditions_for(space, name))
    rules = [*space.constraints, *conditions]
    return replace(space, dimensions=dimensions, constraints=rules)


def rows_in(space: Space, rows: Array) -> Array:
    """Return the rows of evaluated unit points (m, d) that lie in a subspace, (k, d)."""
    return np.asarray(rows[is_within(space, rows)])


def is_within(space: Space, rows: Array) -> Mask:
    """Return which rows of evaluated unit points (m, d) lie in a subspace, or in the present space, (m,)."""
    if len(rows) == 0 or not (space.earlier or _fixed_in(space)):
        return np.ones(len(rows), dtype=np.bool_)
    found = (np.abs(space.snap(rows) - rows) < _COORDINATE_TOLERANCE).all(axis=1)
    return found & space.allowed(rows) if space.earlier else np.asarray(found)


def describe(space: Space) -> str:
    """Return how messages call a space or a subspace of it."""
    fixed = _fixed_in(space)
    return f"the space with fixed {fixed!r}" if fixed else "the space"


def _fixed_in(space: Space) -> Point:
    return {name: each.value for name, each in space.dimensions.items() if isinstance(each, Fixed)}


def _constants(space: Space) -> Point:
    is_one = (Constant, Removed)
    return {name: each.value for name, each in space.dimensions.items() if isinstance(each, is_one)}


def _without(point: Point, name: str) -> Point:
    return {other: value for other, value in point.items() if other != name}


def _conditions_for(space: Space, name: str) -> list[Expression]:
    """Return the conditions for a dimension to exist: its own, and those of the dimensions it names."""
    text = space.dimensions[name].active_when
    if text is None:
        return []
    condition = Expression.parse(text)
    above = [each for other in sorted(condition.names) for each in _conditions_for(space, other)]
    return [*above, condition]


def _absent(space: Space, fixed: Point) -> list[str]:
    """Return the conditional dimensions that exist at none of the points that have these values."""
    known = {**_constants(space), **fixed}
    return [
        name
        for name in space.dimensions
        if name not in fixed
        and any(
            condition.names <= known.keys() and not condition.evaluate(known)
            for condition in _conditions_for(space, name)
        )
    ]
