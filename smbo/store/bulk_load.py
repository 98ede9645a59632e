"""Make trials of many rows column by column, in half the time that row by row takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from smbo.store import schema
from smbo.store.records import (
    DAMAGES,
    INTEGERS,
    NUMBERS,
    STATES,
    Decode,
    load_numbers,
    load_trial,
    load_variance,
    load_vector,
    refuse_damaged,
)
from smbo.trial import Trial

# of the trial table, in this order
COLUMNS = (
    "number",
    "params",
    "seed",
    "state",
    "value",
    "sem",
    "cost",
    "feasible",
    "metrics",
    "outputs",
    "outputs_variance",
    "reason",
    "error",
    "fidelity",
    "token",
    "rung",
    "checkpoint",
    "seq",
)


def load_trials(
    rows: Sequence[Sequence[Any]], decode: Decode | None, named: Callable[[Sequence[Any]], Any]
) -> list[Trial]:
    """Return the trials in rows of ``COLUMNS``.

    Args:
        decode: makes a point of its JSON values, which it is otherwise.
        named: makes a row whose columns are attributes.

    Raises:
        DamagedStore: a row holds what smbo does not write.
    """
    try:
        return _by_column(rows, decode)
    except DAMAGES:  # one of them; which, is found row by row
        trials = []
        for row in map(named, rows):
            refuse_damaged(schema.trial, row)
            trials.append(load_trial(row, decode))
        return trials


def _by_column(rows: Sequence[Sequence[Any]], decode: Decode | None) -> list[Trial]:
    columns = dict(zip(COLUMNS, zip(*rows))) if rows else dict.fromkeys(COLUMNS, ())
    for names, kinds in ((_NUMBERS, NUMBERS), (_INTEGERS, INTEGERS), (_TEXTS, _TEXT_KINDS)):
        for name in names:
            if not set(map(type, columns[name])) <= kinds:
                raise TypeError(name)
    params: list[Any] = json.loads(f"[{','.join(columns['params'])}]")
    if len(params) != len(rows) or not set(map(type, params)) <= {dict}:
        raise ValueError("params")
    outputs, variances = columns["outputs"], columns["outputs_variance"]
    no_rungs: Iterable[Any] = [()] * len(rows)
    return list(
        map(
            Trial,
            columns["number"],
            params if decode is None else map(decode, params),
            map(int, columns["seed"]),
            map(STATES.__getitem__, columns["state"]),
            columns["value"],
            columns["sem"],
            columns["cost"],
            (None if each is None else bool(each) for each in columns["feasible"]),
            ({} if each == "{}" else load_numbers(each) for each in columns["metrics"]),
            map(load_vector, outputs),
            map(load_variance, outputs, variances),
            columns["reason"],
            columns["error"],
            columns["fidelity"],
            no_rungs,
            columns["token"],
            columns["rung"],
            columns["checkpoint"],
        )
    )


_NUMBERS = ("value", "sem", "cost", "fidelity")
_INTEGERS = ("number", "token", "rung", "feasible", "seq")
_TEXTS = ("params", "reason", "error", "checkpoint")
_TEXT_KINDS = frozenset({str, type(None)})
