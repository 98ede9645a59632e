"""Categories, constants and points as JSON values, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from smbo.errors import SpaceError
from smbo.frozen import FrozenList
from smbo.plain_values import shown


def to_plain(value: Any) -> Any:
    """Return a category as JSON values from which ``from_plain`` makes an equal one.

    Tuples and lists, and floats that JSON lacks, are tagged: {"tuple": […]}, {"list": […]},
    {"float": "inf"}.

    Raises:
        SpaceError: JSON cannot hold it.
    """
    if type(value) is float and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (tuple, list, FrozenList):
        kind = "tuple" if type(value) is tuple else "list"
        return {kind: [to_plain(member) for member in value]}
    raise SpaceError(
        f"the value {shown(value)} ({type(value).__name__}) cannot be stored; "
        "use texts, numbers, True, False, None or tuples of these, and look the object up from them"
    )


def from_plain(value: Any) -> Any:
    """Return the category that ``to_plain`` wrote; a plain list (from YAML) becomes a tuple."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((tag, content),) = value.items()
        if tag == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if tag in ("tuple", "list") and isinstance(content, list):
            members = [from_plain(member) for member in content]
            return tuple(members) if tag == "tuple" else members
    if isinstance(value, Mapping):
        raise SpaceError(f"the choice {dict(value)!r} is a mapping; name it and look the mapping up")
    return frozen_lists(value)


def frozen_lists(value: Any) -> Any:
    """Return a value with its lists, nested ones too, as tuples."""
    return tuple(frozen_lists(member) for member in value) if isinstance(value, list) else value
