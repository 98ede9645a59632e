"""Parsing of dimensions: shorthand in Python ((0.0, 1.0), ["a", "b"]), and mappings in YAML and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smbo.errors import SpaceError
from smbo.space.categorical import Categorical, Constant
from smbo.space.json_values import from_plain
from smbo.space.numeric import Dimension, Fixed, Integer, Real


def as_dimension(name: str, given: Any) -> Dimension | Fixed:
    """Return the dimension that a user wrote in one of its forms.

    Args:
        given: a dimension; (low, high) or (low, high, "log-uniform"); a list of choices; a mapping
            such as {"real": [0.11, 0.16], "log": True}; any other value is a constant.

    Raises:
        SpaceError: with the name of the dimension in front.
    """
    try:
        if isinstance(given, Real | Integer | Categorical | Constant | Fixed):
            return given
        if isinstance(given, tuple):
            return _from_tuple(given)
        if isinstance(given, list):
            return Categorical(tuple(given))
        if isinstance(given, Mapping):
            return _from_form(given)
        return Constant(given)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def _from_tuple(given: tuple[Any, ...]) -> Dimension:
    if len(given) not in (2, 3):
        raise SpaceError(f"{given!r}: a tuple is (low, high); write a list for choices")
    low, high, *rest = given
    if any(isinstance(bound, str | bool) or bound is None for bound in (low, high)):
        raise SpaceError(f"{given!r}: a tuple is (low, high); write a list for choices")
    if rest and rest[0] not in ("uniform", "log-uniform"):
        raise SpaceError(f"{given!r}: the third entry is 'uniform' or 'log-uniform'")
    log = bool(rest) and rest[0] == "log-uniform"
    if all(isinstance(bound, int | np.integer) for bound in (low, high)):
        return Integer(low, high, log=log)
    return Real(low, high, log=log)


_FORMS = {
    "real": ("log", "step", "active_when", "prior"),
    "integer": ("log", "step", "active_when", "prior"),
    "choice": ("ordered", "active_when", "prior"),
    "constant": (),
}


def _from_form(form: Mapping[Any, Any]) -> Dimension:
    kinds = [kind for kind in _FORMS if kind in form]
    if len(kinds) != 1:
        raise SpaceError(f"{dict(form)!r}: write one of {', '.join(_FORMS)}, such as {{real: [0, 1]}}")
    (kind,) = kinds
    options = {key: value for key, value in form.items() if key != kind}
    unknown = sorted(str(key) for key in options.keys() - set(_FORMS[kind]))
    if unknown:
        allowed = ", ".join(_FORMS[kind]) or "no other key"
        raise SpaceError(f"{unknown[0]!r} is unknown beside {kind!r}, which takes {allowed}")
    for key in ("log", "ordered"):
        if not isinstance(options.get(key, False), bool):
            raise SpaceError(f"{key} is true or false, got {options[key]!r}")
    given = form[kind]
    if kind == "constant":
        return Constant(from_plain(given))
    if not isinstance(given, list | tuple):
        raise SpaceError(f"{kind} needs a list, got {given!r}")
    if kind == "choice":
        return Categorical(tuple(from_plain(choice) for choice in given), **options)
    if len(given) != 2:
        raise SpaceError(f"{kind} needs [low, high], got {given!r}")
    return Real(*given, **options) if kind == "real" else Integer(*given, **options)
