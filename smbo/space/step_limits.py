"""Step limits: how far a parameter may move from its present value to the next evaluation.

For machines whose settings may not jump.  The limits are known constraints of one ask, around the present
point, as Xopt's ``max_travel_distances`` are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smbo.errors import AskError, PointError, ProblemError
from smbo.frozen import FrozenDict
from smbo.plain_values import finite_number, shown
from smbo.space.categorical import Categorical
from smbo.space.constraints import Point, hint
from smbo.space.formula_names import in_backticks
from smbo.space.numeric import Integer, Real
from smbo.space.space import Space


def checked_limits(space: Space, context: Sequence[str], given: Any) -> Mapping[str, float]:
    """Return step limits by name; {} for None.

    Args:
        context: names of the dimensions that are observed, which nobody moves.
        given: {name: limit}: in the dimension's own unit; a factor above 1 where its scale is logarithmic; a
            number of places for ordered choices.

    Raises:
        ProblemError: a name is not of the space or cannot be limited, or a limit allows no step.
    """
    if given is None:
        return FrozenDict()
    if not isinstance(given, Mapping):
        raise ProblemError(f"step_limits={shown(given)}: give {{name: how far it may move}}")
    return FrozenDict({str(name): _limit(space, context, name, each) for name, each in given.items()})


def _limit(space: Space, context: Sequence[str], name: Any, given: Any) -> float:
    dimension = space.dimensions.get(name)
    if dimension is None:
        raise ProblemError(
            f"step_limits: {shown(name)} is no dimension of the space{hint(str(name), space.dimensions)}"
        )
    is_ordered = isinstance(dimension, Categorical) and dimension.ordered
    if name in context or not (isinstance(dimension, Real | Integer) or is_ordered):
        raise ProblemError(
            f"step_limits: {name!r} is neither a number that is chosen nor an ordered choice, which alone "
            "have distances; leave it out"
        )
    limit = finite_number(given)
    if isinstance(dimension, Categorical):
        if not all(isinstance(each, str | int | float) for each in dimension.choices):
            raise ProblemError(f"step_limits: the choices of {name!r} are no texts or numbers; leave it out")
        least, unit = 1.0, "places among its choices, from 1 up"
    elif dimension.log:
        least, unit = 1.0, "a factor above 1, for its scale is logarithmic"
    else:
        least = float(dimension.step or (1 if isinstance(dimension, Integer) else 0))
        unit = f"a distance from {least:g} up (its step)" if least else "a distance above 0"
    if limit is None or limit < least or (limit == least and unit.startswith("a factor")) or limit <= 0.0:
        raise ProblemError(f"step_limits: {name}={shown(given)}; give {unit}")
    return limit


def checked_present(space: Space, limits: Mapping[str, float], given: Mapping[str, Any]) -> Point:
    """Return the limited values of the present point, in their canonical form.

    Raises:
        AskError: it lacks one (that always exists), or one is not in the space.
    """
    if not isinstance(given, Mapping):
        raise AskError(f"ask(present={shown(given)}): give a mapping of names to values, such as a point")
    for name in given:
        if name not in space.dimensions:
            raise AskError(
                f"ask: present {name!r} is no dimension of the space{hint(name, space.dimensions)}"
            )
    found = {}
    for name in limits:
        if name not in given and space.dimensions[name].active_when is None:
            raise AskError(f"ask: the present value of {name!r} is missing, and its step is limited")
        if name in given:
            try:
                found[name] = space.dimensions[name].check(name, given[name])
            except PointError as error:
                raise AskError(f"ask: present {error}") from None
    return found


def present_point(
    space: Space,
    limits: Mapping[str, float],
    given: Mapping[str, Any] | None,
    last: Mapping[str, Any] | None,
    *,
    begins: bool,
) -> Point:
    """Return the present values from which steps are limited; {} for an ask without limits.

    Args:
        given: by the user for this ask, None for the last point.
        last: the point of the last trial, asked for or told: what the machine was set to; None without one.
        begins: whether a point to try first is the present one, so that the first ask has no limits.

    Raises:
        AskError: see ``checked_present``; or nothing says where the machine stands.
    """
    if not limits:
        if given is not None:
            raise AskError("ask: present goes with step_limits, and the problem has none; leave it out")
        return {}
    if given is not None:
        return checked_present(space, limits, given)
    if last is not None:
        return {name: last[name] for name in limits if name in last}
    if begins:
        return {}
    raise AskError(
        f"ask: the steps of {list(limits)} are limited, and nothing says where they stand: give the present "
        "point, ask(present={...}), or as the first of try_first"
    )


def within_steps(space: Space, limits: Mapping[str, float], present: Point, fixed: Point) -> Space:
    """Return the points of a space that can be reached from the present one in a step.

    Raises:
        AskError: a fixed value is further away.
    """
    rules = []
    for name, value in present.items():
        dimension, word, limit = space.dimensions[name], in_backticks(name), limits[name]
        if isinstance(dimension, Categorical):
            every = dimension.ever or dimension  # the present choice may be retired
            place = every.index(value)
            assert place is not None, "of the space, or of an earlier one"
            beside = every.choices[max(0, place - int(limit)) : place + int(limit) + 1]
            near = [choice for choice in beside if dimension.index(choice) is not None]
            rules.append(" or ".join(f"{word} == {choice!r}" for choice in near))
            is_near = name not in fixed or fixed[name] in near
        else:
            low, high = (value / limit, value * limit) if dimension.log else (value - limit, value + limit)
            rules += [f"{word} >= {low!r}"] if low > dimension.low else []
            rules += [f"{word} <= {high!r}"] if high < dimension.high else []
            is_near = name not in fixed or low <= fixed[name] <= high
            near = [] if low > dimension.high or high < dimension.low else [value]
        if not near:
            raise AskError(
                f"ask: the present {name}={value!r} is outside of the space, further than its step limit "
                f"{limit:g}; move it there and say where it stands, ask(present={{{name!r}: value, …}})"
            )
        if not is_near:
            raise AskError(
                f"ask: fixed {name}={fixed[name]!r} is further from the present {value!r} than its step "
                f"limit {limit:g}; go there in several steps"
            )
    if not rules:
        return space
    constraints = [*space.constraints, *rules]
    return Space(space.dimensions, constraints, earlier=space.earlier, defaults=space.defaults)
