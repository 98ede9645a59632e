"""Parse the result files of a program without trusting them: bounded size, regular files, strict JSON."""

from __future__ import annotations

import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

from smbo.problem import EvaluationFailed, Outcome
from smbo_objectives.delimited import number

__all__ = [
    "as_number",
    "bad_output",
    "bare_number",
    "parse_json",
    "parse_outcome",
    "printable",
    "read_bounded",
]

_LOG = logging.getLogger(__name__)

_left_out: set[str] = set()  # names that were logged

BAD_OUTPUT = "bad-output"

_NOT_FINITE = ("nan", "inf", "infinity")

_VECTORS = ("outputs", "outputs_variance")


def read_bounded(path: Path, limit_bytes: int, offset: int = 0) -> bytes:
    """Return the content of a regular file from an offset on.

    Raises:
        FileNotFoundError: there is no such file.
        EvaluationFailed: it is not a regular file, is too large, or cannot be read.
    """
    try:
        # a link or a pipe instead of the file must not make this process read, or wait for, another file
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise bad_output(f"{path.name} cannot be read: {error}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise bad_output(f"{path.name} is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            file.seek(offset)
            content = file.read(limit_bytes - offset + 1)
    finally:
        os.close(descriptor)
    if offset + len(content) > limit_bytes:
        raise bad_output(f"{path.name} has more than {limit_bytes} bytes")
    return content


def parse_json(text: str, what: str) -> Any:
    """Return a text as JSON values.

    Raises:
        EvaluationFailed: the text is not JSON, or has a key twice.
    """
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise bad_output(f"{what} is no JSON ({error}): {printable(text[:200])}") from None


def bare_number(text: str) -> float | None:
    """Return a result that is one number as C, Fortran and awk print it; None for any other text.

    >>> bare_number("nan"), bare_number(" .5"), bare_number("0.15D+02"), bare_number("done")
    (nan, 0.5, 15.0, None)
    """
    word = text.strip()
    if not any(each.isdigit() for each in word) and word.lower().lstrip("+-") not in _NOT_FINITE:
        return None
    try:
        return number(word)
    except ValueError:
        return None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{printable(twice[:80])!r} is there twice")
    return found


def parse_outcome(result: Any) -> Outcome:
    """Return a program's result, a number or an object, as an outcome.

    Of the other entries those that are numbers are metrics.  Texts, flags, lists and the like are left out,
    as a metric is a number; each name is logged once.

    Raises:
        EvaluationFailed: value, sem, cost or an entry of the outputs is not a number.
    """
    if not isinstance(result, dict):
        return Outcome(value=as_number("value", result))
    result = {name: value for name, value in result.items() if value is not None or name == "value"}
    known = {name: as_number(name, result[name]) for name in ("value", "sem", "cost") if name in result}
    vectors = {name: _vector(name, result[name]) for name in _VECTORS if name in result}
    metrics = {}
    for name, value in result.items():
        if name in known or name in vectors:
            continue
        try:
            metrics[name] = as_number(name, value)
        except EvaluationFailed:
            _log_left_out(name, printable(repr(value)[:80]))
    if "outputs_variance" in vectors and len(vectors["outputs_variance"]) != len(vectors.get("outputs", ())):
        raise bad_output("outputs_variance needs one entry for each of outputs")
    return Outcome(**known, **vectors, metrics=metrics)  # type: ignore[arg-type]


def _log_left_out(name: str, value: str) -> None:
    """Log, once a process and name, that an entry of the results is no metric."""
    if name not in _left_out:
        _left_out.add(name)
        _LOG.warning("result: %s is %s, no number; it is not among the metrics", printable(name[:80]), value)


def _vector(name: str, values: Any) -> Any:
    if not isinstance(values, list):
        raise bad_output(f"{name} is no list of numbers")
    return [as_number(name, value) for value in values]


def as_number(name: str, value: Any) -> float:
    """Return a number as a float; NaN and infinities too, which the study records as failures.

    Raises:
        EvaluationFailed: the value is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_output(f"{printable(name[:80])} is {printable(repr(value)[:200])}, not a number")
    try:
        return float(value)
    except OverflowError:
        raise bad_output(f"{printable(name[:80])} is too large for a number") from None


def bad_output(message: str) -> EvaluationFailed:
    """Return the failure of an evaluation whose result cannot be used."""
    return EvaluationFailed(f"result: {message}", reason=BAD_OUTPUT)


def printable(text: str) -> str:
    """Return text without the control characters that could act on a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
