"""Dimensions with values that they had in earlier spaces of a study, so that those have a place on the axis.

A number out of a narrowed range lies beyond [0, 1].  A retired choice keeps a level of its axis, and a
removed parameter its axis, on which nothing is proposed any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from smbo.space.categorical import Categorical, Constant
from smbo.space.derived import Derived
from smbo.space.numeric import Dimension, Fixed, Integer, Real, Removed


def with_past(dimension: Dimension | Fixed, past: Iterable[Dimension]) -> Dimension | Fixed:
    """Return a dimension with places for the values that it had before.

    Args:
        past: the same dimension in earlier spaces, in their order.
    """
    before = [each for each in past if not isinstance(each, Derived)]
    if isinstance(dimension, Categorical):
        ever = _merged(dimension, before)
        return replace(dimension, ever=ever) if len(ever.choices) > len(dimension.choices) else dimension
    if not isinstance(dimension, Constant):
        return dimension
    value, ranges = dimension.value, [each for each in before if isinstance(each, Real | Integer)]
    if not ranges:
        ever = _merged(Categorical((value,)), before)
        return Removed(ever, value) if len(ever.choices) > 1 else dimension
    numbers = [value, *(each.value for each in before if isinstance(each, Constant))]
    low = min(*numbers, *(each.low for each in ranges))
    high = max(*numbers, *(each.high for each in ranges))
    return Removed(replace(ranges[-1], low=low, high=high, step=None, active_when=None, prior=None), value)


def with_all_values(dimension: Dimension | Fixed, past: Iterable[Dimension]) -> Dimension | Fixed:
    """Return a dimension that has every value of the present and of earlier spaces, for other programs."""
    if isinstance(dimension, Removed):
        return dimension.dimension
    if isinstance(dimension, Categorical):
        return dimension.ever or dimension
    numbers = [each.value for each in past if isinstance(each, Constant)]
    numbers += [end for each in past if isinstance(each, Real | Integer) for end in (each.low, each.high)]
    if not numbers or not isinstance(dimension, Real | Integer):
        return dimension
    low, high = min(dimension.low, *numbers), max(dimension.high, *numbers)
    return replace(dimension, low=low, high=high, step=None, prior=None)


def without_past(dimension: Dimension | Fixed) -> Dimension | Fixed:
    """Return a dimension as the user wrote it."""
    if isinstance(dimension, Removed):
        return Constant(dimension.value)
    if isinstance(dimension, Categorical) and dimension.ever is not None:
        return replace(dimension, ever=None)
    return dimension


def _merged(present: Categorical, past: Sequence[Dimension]) -> Categorical:
    """Return all choices that there ever were; ordered ones that are retired stay beside their neighbours."""
    found = Categorical(present.choices)
    for each in reversed(past):
        choices = each.choices if isinstance(each, Categorical) else (each.value,)  # type: ignore[union-attr]
        for place, choice in enumerate(choices):
            if found.index(choice) is not None:
                continue
            at = len(found.choices)
            if present.ordered:
                at = 0 if place == 0 else (found.index(choices[place - 1]) or 0) + 1
            found = Categorical((*found.choices[:at], choice, *found.choices[at:]))
    return replace(found, ordered=present.ordered)
