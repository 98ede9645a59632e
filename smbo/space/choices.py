"""Choices in all forms in which people keep them: lists, ranges, arrays, columns of a table, sets."""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping, Sequence, Set as AbstractSet, ValuesView
from typing import Any

import numpy as np

from smbo.errors import SpaceError
from smbo.frozen import frozen
from smbo.plain_values import plain, shown

_MAX_CHOICES = 10_000  # each choice is a coordinate to many a surrogate; more are an axis, not choices


def is_sequence(given: Any) -> bool:
    """Return whether something is a one-dimensional collection: its members are choices.

    Text, mappings and iterators, which can be read but once, are none.
    """
    if isinstance(given, str | bytes | bytearray | Mapping):
        return False
    # a column of a table and an array of any library say how many dimensions they have
    return isinstance(given, Sequence | AbstractSet | ValuesView) or getattr(given, "ndim", 0) > 0


def choices_of(given: Any) -> tuple[Any, ...]:
    """Return the choices in a collection, as plain values that cannot be changed.

    Those of a set are sorted; by type and repr where they have no order.

    Raises:
        SpaceError: an array of several dimensions, more than 10 000, or a set whose order cannot be repeated.
    """
    n_dimensions = getattr(given, "ndim", 1)
    if n_dimensions != 1:
        shape = getattr(given, "shape", None)
        raise SpaceError(f"an array of shape {shape} is no list of choices; give one dimension of it")
    if hasattr(given, "__len__") and len(given) > _MAX_CHOICES:
        raise SpaceError(
            f"{shown(given)} has {len(given)} choices, more than {_MAX_CHOICES}; for numbers write "
            "Real(low, high, step=…) or Integer(low, high, step=…)"
        )
    if isinstance(given, AbstractSet) and not isinstance(given, KeysView):  # keys keep their order
        given = _sorted(given)
    elif not isinstance(given, np.ndarray) and callable(getattr(given, "tolist", None)):
        given = given.tolist()
    return tuple(frozen(plain_members(choice)) for choice in given)


def plain_members(value: Any) -> Any:
    """Return a choice with numpy's scalars as Python's, in tuples and lists too."""
    if type(value) is tuple or type(value) is list:
        members = [plain_members(member) for member in value]
        unchanged = all(new is old for new, old in zip(members, value))
        return value if unchanged else type(value)(members)
    return plain(value)


def _sorted(given: Iterable[Any]) -> list[Any]:
    members = [plain_members(member) for member in given]
    for kind in (str, int | float):
        if all(isinstance(member, kind) and member == member for member in members):
            return sorted(members)
    keys = [(type(member).__name__, repr(member)) for member in members]
    if any(" at 0x" in text for _, text in keys):
        raise SpaceError(f"{shown(given)} is a set without an order that can be repeated; give a list")
    return [member for _, member in sorted(zip(keys, members), key=lambda pair: pair[0])]
