"""What each column of a store may hold, and what is wrong with a value that it does not.  Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Float, Integer, LargeBinary, Table

from smbo.store.attempt_outcome import AttemptOutcome
from smbo.trial import TrialState

Check = Callable[[Any], str | None]  # from a value to what is wrong with it

_MOST_SHOWN = 60  # characters of a damaged value


_OBJECTS = {
    "study": ("problem", "budget", "memory"),
    "trial": ("params",),
    "event": ("payload",),
    "attempt": ("result",),
}
_VALUES = {"study": ("recipe",)}
_WHOLE = {"study": ("seed",), "trial": ("seed",)}  # numbers that may be wider than 64 bits
# the column by which a row is named
KEYS = {"study": "id", "trial": "number", "attempt": "token", "event": "seq", "report": "seq", "driver": "id"}
_WORDS: Mapping[tuple[str, str], frozenset[str]] = {
    ("trial", "state"): frozenset(TrialState),
    ("trial", "origin"): frozenset({"asked", "told"}),
    ("attempt", "outcome"): frozenset(AttemptOutcome),
}
_FLAGS = {("study", "is_stopped"), ("trial", "feasible")}


def wrong_values(table: Table, row: Any) -> Iterator[tuple[str, str]]:
    """Yield each column of a row that holds what smbo does not write there, and that in words.

    Args:
        row: of all columns of the table, or of some.
    """
    for column, check in _checks(table):
        value = getattr(row, column, None)
        why = check(value) if hasattr(row, column) else None
        if why is not None:
            shown = repr(value)
            shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - 3]}..."
            yield column, f"column {column} holds {shown}; {why}"


@lru_cache
def _checks(table: Table) -> list[tuple[str, Check]]:
    """Return how each column of a table is checked: a function from a value to what is wrong with it."""
    found = []
    for column in table.columns:
        name, where = column.name, (table.name, column.name)
        if where == ("trial", "metrics"):
            check: Check = _not_numbers
        elif name in _OBJECTS.get(table.name, ()):
            check = _not_an_object
        elif name in _VALUES.get(table.name, ()):
            check = _not_json
        elif name in _WHOLE.get(table.name, ()):
            check = _not_whole
        elif where in _WORDS:
            check = _not_among(_WORDS[where])
        elif where in _FLAGS:
            check = _not_a_flag
        elif isinstance(column.type, Integer):
            check = _not_an_integer
        elif isinstance(column.type, Float):
            check = _not_a_number
        elif isinstance(column.type, LargeBinary):
            check = _not_a_vector
        else:
            check = _not_text
        found.append((name, _or_empty(check) if column.nullable else check))
    return found


def _or_empty(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _not_an_integer(value: Any) -> str | None:
    return None if type(value) is int else "a whole number is needed"


def _not_a_number(value: Any) -> str | None:
    return None if type(value) in (float, int) and math.isfinite(value) else "a finite number is needed"


def _not_a_flag(value: Any) -> str | None:
    return None if type(value) is int and value in (0, 1) else "0 or 1 is needed"


def _not_a_vector(value: Any) -> str | None:
    return None if isinstance(value, bytes) and len(value) % 8 == 0 else "float64 numbers are needed"


def _not_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "text is needed"
    return None if value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value) else "not UTF-8"


def _not_whole(value: Any) -> str | None:
    if (why := _not_text(value)) is not None:
        return why
    try:
        int(value)
    except ValueError:
        return "a whole number is needed"
    return None


def _not_among(words: frozenset[str]) -> Check:
    listed = ", ".join(sorted(words))
    return lambda value: None if isinstance(value, str) and value in words else f"one of {listed} is needed"


def _not_json(value: Any) -> str | None:
    if (why := _not_text(value)) is not None:
        return why
    try:
        json.loads(value)
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    return None


def _not_an_object(value: Any) -> str | None:
    if (why := _not_json(value)) is not None:
        return why
    return None if isinstance(json.loads(value), dict) else "a JSON object is needed"


def _not_numbers(value: Any) -> str | None:
    if (why := _not_an_object(value)) is not None:
        return why
    try:
        for number in json.loads(value).values():
            float(number)  # NaN and infinities are strings
    except (TypeError, ValueError, OverflowError):
        return "a JSON object of numbers is needed"
    return None
