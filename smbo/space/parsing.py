"""Parsing of dimensions: shorthand in Python ((0.0, 1.0), ["a", "b"]), and mappings in YAML and JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from smbo.errors import SpaceError
from smbo.plain_values import plain, shown
from smbo.space.categorical import Categorical, Constant
from smbo.space.choices import is_sequence
from smbo.space.derived import Derived
from smbo.space.foreign import from_other_package
from smbo.space.json_values import from_plain
from smbo.space.numeric import Dimension, Fixed, Integer, Real
from smbo.space.options import checked_flag

_PYTHON_FORMS = "(low, high), [choices, …], Real(low, high), Integer(low, high) or Categorical([…])"
_JOB_FORMS = "{real: [0, 1]}, {integer: [1, 9]} or {choice: [a, b]}"


def as_dimension(name: str, given: Any) -> Dimension | Fixed:
    """Return the dimension that a user wrote in one of its forms.

    Args:
        given: a dimension; (low, high) or (low, high, "log-uniform"); a collection of choices: a list, range,
            one-dimensional array, column of a table or set; a mapping such as {"real": [0.11, 0.16],
            "log": True}; a distribution or dimension of another package (``smbo.space.foreign``).  A number,
            a text, True, False and None are constants.

    Raises:
        SpaceError: with the name of the dimension in front; anything else, which only ``Constant(…)`` makes a
            constant, and text that looks like a dimension.
    """
    try:
        return _as_dimension(given)
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def _as_dimension(given: Any) -> Dimension | Fixed:
    if isinstance(given, Real | Integer | Categorical | Constant | Derived | Fixed):
        return given
    if isinstance(given, tuple):
        return _from_tuple(given)
    if isinstance(given, Mapping):
        return _from_form(given)
    if is_sequence(given):
        return Categorical(given)
    value = plain(given)
    if value is None or isinstance(value, bool | int | float):
        return Constant(value)
    if isinstance(value, str):
        _refuse_text_of_a_dimension(value)
        return Constant(value)
    foreign = from_other_package(given)
    if foreign is not None:
        return foreign
    if hasattr(given, "__next__"):
        raise SpaceError(f"{shown(given)} can be read but once; write a list of it: list(…)")
    raise SpaceError(
        f"{shown(given)} is none of the forms of a dimension: {_PYTHON_FORMS}; "
        "for a value that never changes write Constant(…)"
    )


def _from_tuple(given: tuple[Any, ...]) -> Dimension:
    if len(given) not in (2, 3):
        raise SpaceError(f"{given!r}: a tuple is (low, high); write a list for choices")
    low, high, *rest = (plain(member) for member in given)
    if any(isinstance(bound, str | bool) or bound is None for bound in (low, high)):
        raise SpaceError(f"{given!r}: a tuple is (low, high); write a list for choices")
    if rest and not (isinstance(rest[0], str) and rest[0] in ("uniform", "log-uniform")):
        raise SpaceError(
            f"{given!r}: the third entry is 'uniform' or 'log-uniform'; write a list for choices"
        )
    log = bool(rest) and rest[0] == "log-uniform"
    if all(isinstance(bound, int) for bound in (low, high)):
        return Integer(low, high, log=log)
    return Real(low, high, log=log)


_FORMS = {
    "real": ("log", "step", "active_when", "prior"),
    "integer": ("log", "step", "active_when", "prior"),
    "choice": ("ordered", "active_when", "prior"),
    "constant": (),
    "expression": ("low", "high"),
}

# What other tools call them, and what is written here.
_OTHER_WORDS = {
    **dict.fromkeys(("float", "uniform", "quniform", "double", "range", "linear"), "{real: [low, high]}"),
    **dict.fromkeys(
        ("loguniform", "logreal", "reciprocal", "qloguniform", "logspace"), "{real: [low, high], log: true}"
    ),
    **dict.fromkeys(("int", "randint", "quniformint", "intuniform"), "{integer: [low, high]}"),
    **dict.fromkeys(("lograndint", "loginteger", "logint"), "{integer: [low, high], log: true}"),
    **dict.fromkeys(("choices", "categorical", "values", "options", "enum", "oneof"), "{choice: [a, b]}"),
    "ordinal": "{choice: [a, b], ordered: true}",
    **dict.fromkeys(("normal", "norm", "gaussian"), "{real: [low, high], prior: {normal: [mean, std]}}"),
    "lognormal": "{real: [low, high], log: true, prior: {lognormal: [median, factor]}}",
    **dict.fromkeys(("value", "const", "fixed"), "{constant: value}"),
    "real": "{real: [low, high]}",
    "integer": "{integer: [low, high]}",
    "choice": "{choice: [a, b]}",
    "constant": "{constant: value}",
    **dict.fromkeys(("derived", "formula", "expression"), "{expression: formula}"),
}

_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_CALL = re.compile(r"[~{\s'\"]*([A-Za-z][\w.-]*)\s*[(\[{:]")
_WORD_AND_NUMBERS = re.compile(rf"\s*([A-Za-z][\w-]*)[\s,]+{_NUMBER}[\s,]+{_NUMBER}\s*")
_RANGE = re.compile(rf"\s*[(\[{{]?\s*{_NUMBER}\s*(,|\.\.\.?|…|\bto\b)\s*{_NUMBER}\s*(,.*)?[)\]}}]?\s*")
_BRACKETS = re.compile(r"\s*[\[({].*,.*[\])}]\s*", re.DOTALL)


def _refuse_text_of_a_dimension(text: str) -> None:
    """Refuse text that looks like a dimension, such as "real(0, 1)", which would be a constant."""
    found = _CALL.match(text[:200]) or _WORD_AND_NUMBERS.fullmatch(text[:200])
    word = "" if found is None else found.group(1).rpartition(".")[2].lower()
    meant = _OTHER_WORDS.get(re.sub(r"[_-]", "", word))
    if meant is None and (_RANGE.fullmatch(text[:200]) or _BRACKETS.fullmatch(text[:200])):
        meant = _JOB_FORMS
    if meant is not None:
        raise SpaceError(
            f"{shown(text)} is text that looks like a dimension; write {meant} without quotes, in Python "
            f"{_PYTHON_FORMS}; if this very text is meant, {{constant: …}} or Constant(…)"
        )


def _from_form(form: Mapping[Any, Any]) -> Dimension:
    kinds = [kind for kind in _FORMS if kind in form]
    if len(kinds) != 1:
        words = (_OTHER_WORDS.get(re.sub(r"[_-]", "", str(key)).lower()) for key in form)
        meant = next((word for word in words if word is not None), "such as {real: [0, 1]}")
        raise SpaceError(f"{shown(dict(form))}: write one of {', '.join(_FORMS)}, {meant}")
    (kind,) = kinds
    options = {key: value for key, value in form.items() if key != kind}
    unknown = sorted(str(key) for key in options.keys() - set(_FORMS[kind]))
    if unknown:
        allowed = ", ".join(_FORMS[kind]) or "no other key"
        raise SpaceError(f"{unknown[0]!r} is unknown beside {kind!r}, which takes {allowed}")
    for key in options.keys() & {"log", "ordered"}:
        options[key] = checked_flag(key, options[key])
    given = form[kind]
    if kind == "constant":
        return Constant(from_plain(given))
    if kind == "expression":
        return Derived(given, **options)
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if not is_sequence(given):
        raise SpaceError(f"{kind} needs a list, got {shown(given)}")
    if kind == "choice":
        return Categorical(tuple(from_plain(choice) for choice in given), **options)
    if len(given) != 2:
        raise SpaceError(f"{kind} needs [low, high], got {shown(given)}")
    return Real(*given, **options) if kind == "real" else Integer(*given, **options)
