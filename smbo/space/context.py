"""Contextual variables: dimensions that are observed, not chosen, such as a temperature (contextual BO).

At each ask their present values are fixed and the rest is searched for; a surrogate is fitted to points and
contexts together.  Values under different contexts are not comparable: what is best depends on the context.

Source: Krause & Ong (2011), "Contextual Gaussian Process Bandit Optimization".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from smbo.errors import AskError, PointError, ProblemError
from smbo.plain_values import shown
from smbo.space.constraints import Point, hint
from smbo.space.derived import Derived
from smbo.space.fixed import checked
from smbo.space.space import Space
from smbo.training_data import Array


def context_names(space: Space, given: Any) -> tuple[str, ...]:
    """Return the names of the dimensions that are observed, in the order of the space.

    Raises:
        ProblemError: one is no dimension with an axis of its own, is conditional, has a prior, or nothing is
            left to choose.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ProblemError(
            f"context={shown(given)}: give a list of names of the space, such as ['temperature']"
        )
    names = list(given)
    for name in names:
        dimension = space.dimensions.get(name) if isinstance(name, str) else None
        if dimension is None:
            raise ProblemError(
                f"context: {shown(name)} is no dimension of the space{hint(str(name), space.dimensions)}; "
                "give it there, with the range or the choices that may be observed"
            )
        if isinstance(dimension, Derived) or dimension.n_levels == 1:
            raise ProblemError(f"context: {name!r} is constant or derived; leave it out of context")
        if dimension.active_when is not None:
            raise ProblemError(
                f"context: {name!r} exists only when {dimension.active_when}, and what is observed is there "
                "at each ask; leave its active_when out"
            )
        if dimension.prior is not None:
            raise ProblemError(
                f"context: {name!r} has a prior, which says where the best value lies, and it is observed, "
                "not chosen; leave its prior out"
            )
    if names and all(axis.name in names for axis in space.axes):
        raise ProblemError(f"context={names}: nothing is left to choose; name only what is observed")
    return tuple(name for name in space.dimensions if name in names)


def checked_context(
    space: Space, names: Sequence[str], given: Mapping[str, Any] | None, call: str = "ask"
) -> Point:
    """Return the present values of the context, in their canonical form; {} for a problem without context.

    Args:
        names: of the context, as of ``context_names``.
        given: by the user, or by what observes them.
        call: whose argument they are, for messages.

    Raises:
        AskError: a value is missing, unknown, not a number, or outside of its range.
    """
    if given is not None and not isinstance(given, Mapping):
        raise AskError(f"{call}(context={shown(given)}): give a mapping of names to values")
    values = dict(given or {})
    for name in values:
        if name not in names:
            known = f"the problem's context is {list(names)}" if names else "the problem has no context"
            raise AskError(f"{call}: context {name!r}: {known}; say Problem(..., context=[...])")
    for name in names:
        if name not in values:
            raise AskError(
                f"{call}: {name!r} is observed, and its present value is missing; give "
                f"context={{{name!r}: value}}"
            )
    return {name: _value(space, name, values[name], call) for name in names}


def _value(space: Space, name: str, value: Any, call: str) -> Any:
    try:
        return space.dimensions[name].check(name, value)
    except PointError as error:
        raise AskError(
            f"{call}: context {error}; the space has to hold whatever may be observed: widen {name!r} there"
        ) from None


def ask_settings(
    space: Space,
    names: Sequence[str],
    fixed: Mapping[str, Any] | None,
    context: Mapping[str, Any] | None,
) -> Point:
    """Return the values that all points of an ask have: those that a user fixes, and the present context.

    Raises:
        AskError: see ``checked_context`` and ``fixed.checked``; or a fixed value is of the context.
    """
    for name in names:
        if isinstance(fixed, Mapping) and name in fixed:
            raise AskError(f"ask: fixed {name!r} is observed, not chosen; give it as context={{{name!r}: …}}")
    present = checked_context(space, names, context)
    if fixed is not None and not isinstance(fixed, Mapping):
        return checked(space, fixed)  # which refuses it
    return checked(space, {**(fixed or {}), **present})


def with_observed(
    space: Space, names: Sequence[str], params: Mapping[str, Any], observed: Mapping[str, Any]
) -> Point:
    """Return a point with the context that was observed during its evaluation.

    Raises:
        PointError: a name is not of the context, or the point is then not in the space.
    """
    for name in observed:
        if name not in names:
            raise PointError(f"context: {name!r} is not of the context {list(names)}")
    try:
        return space.check({**params, **observed})
    except PointError as error:
        raise PointError(f"observed context {dict(observed)!r}: {error}") from None


def same_choice(names: Sequence[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two points differ in their context at most."""
    return one == other or (
        bool(names)
        and {name: value for name, value in one.items() if name not in names}
        == {name: value for name, value in other.items() if name not in names}
    )


def context_row(space: Space, names: Sequence[str], present: Mapping[str, Any]) -> Array | None:
    """Return the present context as a unit point, (d,), NaN where it is chosen; None without a context."""
    if not names:
        return None
    row = np.full(len(space.axes), np.nan)
    for column, axis in enumerate(space.axes):
        if axis.name in names and axis.name in present:
            row[column] = space.dimensions[axis.name].to_unit([present[axis.name]])[0]
    return row
