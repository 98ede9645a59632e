"""Changes of the space of a running study: which are possible, their words, and which points still count."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.errors import PointError, SpaceError
from smbo.plain_values import shown
from smbo.space.categorical import Categorical, Constant
from smbo.space.constraints import constraint_name, hint
from smbo.space.derived import Derived
from smbo.space.numeric import Dimension, Integer, Real
from smbo.space.space import Space
from smbo.training_data import Array

_REACH = 1.0  # widths of the present range; the function farther out says little about the one within


def continued(old: Space, new: Space, defaults: Mapping[str, Any] | None = None, since: int = 0) -> Space:
    """Return a new space as the next one of a study, in which earlier points have their places.

    Args:
        defaults: values that new parameters have at the points evaluated before, by name.
        since: how many trials there are so far.

    Raises:
        SpaceError: a parameter is missing or cannot be changed so, or a default does not fit.
    """
    before, dimensions = old.own_dimensions, new.own_dimensions
    earlier = [*old.earlier, *([] if before in old.earlier else [before])]
    for name, each in before.items():
        if name not in dimensions and not isinstance(each, Derived):
            raise SpaceError(
                f"{name} is missing from the new space; to remove a parameter, keep it as the constant "
                f"that it is from now on: {name}: Constant(value), in a job file {name}: value"
            )
    for past in earlier:
        for name in dimensions.keys() & past.keys():
            _refuse_other_kind(name, past[name], dimensions[name])
    given = dict(old.defaults)
    for name, value in (defaults or {}).items():
        if name not in dimensions:
            raise SpaceError(f"default of {name!r}: there is no such parameter{hint(name, dimensions)}")
        always = any(name in past and past[name].active_when is None for past in earlier)
        if always or isinstance(dimensions[name], Derived):
            raise SpaceError(f"default of {name}: earlier points have a value of their own; leave it out")
        try:
            given[name] = dimensions[name].check(name, value)
        except PointError as error:
            raise SpaceError(f"default of {error}; give one of the new values") from None
    return Space(dimensions, new.constraints, earlier=earlier, defaults=given, since=since)


def differences(old: Space, new: Space) -> list[str]:
    """Return what a change of the space is, in words; [] where nothing differs."""
    return [*_of_dimensions(old, new), *_of_constraints(old, new)]


def _of_dimensions(old: Space, new: Space) -> Iterator[str]:
    before, now = old.own_dimensions, new.own_dimensions
    for name in [*now, *(name for name in before if name not in now)]:
        was, is_now = before.get(name), now.get(name)
        if was == is_now:
            continue
        if was is None:
            said = f"; {new.defaults[name]!r} so far" if name in new.defaults else ""
            yield f"{name} is new: {_short(is_now)}{said}"
        elif (
            isinstance(was, Categorical) and isinstance(is_now, Categorical) and was.choices != is_now.choices
        ):
            added = [shown(each) for each in is_now.choices if was.index(each) is None]
            retired = [shown(each) for each in was.choices if is_now.index(each) is None]
            texts = [f"{word} {', '.join(which)}" for word, which in (("added", added), ("retired", retired))]
            parts = [text for text, which in zip(texts, (added, retired)) if which]
            yield f"{name}: {'; '.join(parts) or 'choices in another order'}"
        else:
            yield f"{name}: {_short(was)} is now {'left out' if is_now is None else _short(is_now)}"


def _of_constraints(old: Space, new: Space) -> Iterator[str]:
    before, now = ([constraint_name(each) for each in space.constraints] for space in (old, new))
    for text in now:
        if text not in before:
            yield f"constraint {text!r} added"
    for text in before:
        if text not in now:
            yield f"constraint {text!r} dropped"


def _short(dimension: Any) -> str:
    form = dict(dimension.to_form())
    kind, value = next(iter(form.items()))
    further = "".join(f", {key}: {form[key]}" for key in list(form)[1:])
    return f"{kind} {value!r}{further}"


def _refuse_other_kind(name: str, old: Dimension, new: Dimension) -> None:
    """Refuse a change after which earlier values have no place on the parameter's axis."""
    was, now = _kind(old), _kind(new)
    if was == now:
        return
    for one, other in ((old, new), (new, old)):
        if isinstance(one, Constant) and (isinstance(other, Categorical) or _has_place(one.value, other)):
            return
    raise SpaceError(
        f"{name}: {was} cannot become {now} in a running study, where values of before have no place on the "
        "new axis; keep kind and scale, or add one of another name (and keep this one as a constant), or "
        "begin another study with transfer from this one"
    )


def _kind(dimension: Dimension) -> str:
    if isinstance(dimension, Real | Integer):
        kind = "a whole number" if isinstance(dimension, Integer) else "a real number"
        return f"{kind} on a log scale" if dimension.log else kind
    if isinstance(dimension, Categorical):
        return "a choice"
    return "a constant" if isinstance(dimension, Constant) else f"derived by {dimension.expression!r}"


def _has_place(value: Any, dimension: Dimension) -> bool:
    """Return whether a constant's value is a number of a dimension's kind, whatever its bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if not isinstance(dimension, Real | Integer):
        return False
    is_whole = not isinstance(dimension, Integer) or value == int(value)
    return is_whole and (value > 0 or not dimension.log)


def is_near(units: Array) -> NDArray[np.bool_]:
    """Return which earlier points (n, d) are near enough to the present space to inform its model, (n,)."""
    return np.asarray(((units >= -_REACH) & (units <= 1.0 + _REACH)).all(axis=1))
