"""Frozen containers: what a log hands out can be read and copied, and not changed.

They are lists and dicts to every reader (``json``, ``==``, ``isinstance``, ``**``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import numpy as np

Key = TypeVar("Key")
Value = TypeVar("Value")


def _refuse(container: Any, *_args: Any, **_kwargs: Any) -> NoReturn:
    kind = "dict" if isinstance(container, dict) else "list"
    raise TypeError(f"{container!r} is part of a record, which never changes; change a copy of it: {kind}(…)")


class FrozenDict(dict[Key, Value]):
    """A dict that cannot be changed; its copies can.

    >>> params = FrozenDict(x=0.5)
    >>> params["x"] = 1.0
    Traceback (most recent call last):
    TypeError: {'x': 0.5} is part of a record, which never changes; change a copy of it: dict(…)
    >>> dict(params) | {"x": 1.0}
    {'x': 1.0}
    """

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[Key, Value]:
        return dict(self)

    def __deepcopy__(self, memo: Any) -> dict[Key, Value]:
        return {key: thawed(value) for key, value in self.items()}

    def __reduce__(self) -> tuple[type[FrozenDict[Key, Value]], tuple[dict[Key, Value]]]:
        return FrozenDict, (dict(self),)


class FrozenList(list[Value]):
    """A list that cannot be changed; its copies can."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = remove = pop = clear = sort = reverse = _refuse

    def __copy__(self) -> list[Value]:
        return list(self)

    def __deepcopy__(self, memo: Any) -> list[Value]:
        return [thawed(value) for value in self]

    def __reduce__(self) -> tuple[type[FrozenList[Value]], tuple[list[Value]]]:
        return FrozenList, (list(self),)


def frozen(value: Any) -> Any:
    """Return lists, dicts, sets and arrays, nested ones too, as frozen copies; any other object as it is."""
    kind = type(value)
    if kind is tuple:
        members = tuple(frozen(member) for member in value)
        return value if all(new is old for new, old in zip(members, value)) else members
    if kind is list:
        return FrozenList(frozen(member) for member in value)
    if kind is dict:
        return FrozenDict((key, frozen(member)) for key, member in value.items())
    if kind is set:
        return frozenset(value)
    return frozen_array(value) if kind is np.ndarray else value


def thawed(value: Any) -> Any:
    """Return frozen lists, dicts and arrays, nested ones too, as copies that can be changed."""
    if isinstance(value, FrozenList):
        return [thawed(member) for member in value]
    if isinstance(value, FrozenDict):
        return {key: thawed(member) for key, member in value.items()}
    if type(value) is tuple:
        members = tuple(thawed(member) for member in value)
        return value if all(new is old for new, old in zip(members, value)) else members
    return value.copy() if type(value) is np.ndarray and not value.flags.writeable else value


def thawed_point(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a point as a dict of its receiver's own."""
    return {name: thawed(value) for name, value in params.items()}


def frozen_array(array: Any) -> Any:
    """Return an array as a copy that cannot be written to; None for None, and itself where it is one."""
    if array is None or (array.flags.owndata and not array.flags.writeable):
        return array
    copy = np.array(array)
    copy.flags.writeable = False
    return copy
