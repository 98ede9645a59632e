"""Check that each stored value is of its column's kind, and that points and results have their hashes.

What other programs, damaged disks and hand-written SQL leave in a store is named by study, row and column.
The commands that only read use the same rules as ``smbo db check``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from smbo.store import schema
from smbo.store.column_kinds import KEYS, wrong_values
from smbo.store.records import Result, load_trial, params_hash
from smbo.store.statements import driver_of, selection
from smbo.trial import TrialState

Rows = Iterator[tuple[str, str]]  # what is checked in common, and the fault in words

_CHECKED = (schema.study, schema.trial, schema.attempt, schema.event, schema.report, schema.driver)


def row_faults(connection: Connection, only: str | None = None) -> Rows:
    """Yield what is wrong in the rows of all studies, or of the one named ``only``."""
    with _lenient_texts(connection):
        names: dict[Any, str] = {}
        for table in _CHECKED:
            try:
                for row in selection(table, "").each(connection):
                    if table is schema.study:
                        names[row.id] = str(row.name)
                    study = names.get(row.id if table is schema.study else row.study)
                    if only is None or study == only:
                        place = _place(table.name, row, study)
                        for column, fault in _faults_of_row(table, row):
                            yield f"{table.name}.{column}", f"{place}: {fault}"
            except (DBAPIError, sqlite3.Error) as error:
                yield table.name, f"the rows of table {table.name} cannot all be read: {error}"


def damage_text(store: str, faults: Sequence[str]) -> str:
    """Return the first of some faults, how many there are, and what to do."""
    more = "" if len(faults) == 1 else f" (the first of {len(faults)} faults)"
    return f"store {store} is damaged{more}: {faults[0]}; `smbo db check` lists all; go on from a backup"


def _place(table: str, row: Any, study: str | None) -> str:
    """Return which row it is, in words."""
    known = f"study {study}" if study is not None and study.isprintable() else f"study {study!r}"
    if table == "study":
        return known
    key = getattr(row, KEYS[table])
    of = f" of trial {row.number!r}" if table in ("attempt", "report") else ""
    return f"{known}, {table} {key!r}{of}"


def _faults_of_row(table: Table, row: Any) -> Iterator[tuple[str, str]]:
    """Yield each column of a row that is wrong, and how."""
    if wrong := list(wrong_values(table, row)):
        yield from wrong
        return
    if table is schema.trial:
        yield from _faults_of_trial(row)
    elif table is schema.attempt and row.outcome is None and row.result_hash is not None:
        yield "result_hash", "it has a result, and is open"


def _faults_of_trial(row: Any) -> Iterator[tuple[str, str]]:
    if params_hash(json.loads(row.params)) != row.params_hash:
        yield "params", f"column params holds {row.params[:80]!r}, which is not the point that was stored"
    if (row.state == TrialState.COMPLETE.value) and row.value is None:
        yield "value", "column value is empty, and the trial is complete"
    if row.outputs is not None and row.outputs_variance is not None:
        n, variance = len(row.outputs), len(row.outputs_variance)
        if n == 0 or variance % n:
            yield "outputs_variance", f"column outputs_variance is of {variance} bytes for outputs of {n}"


def result_faults(connection: Connection, only: str | None = None) -> Rows:
    """Yield trials whose result is not the one that their attempt was told, by its hash."""
    columns = schema.trial.c.keys()
    query = (
        f"SELECT s.name, a.result_hash, {', '.join(f't.{name}' for name in columns)}"
        " FROM trial t JOIN study s ON s.id = t.study"
        " JOIN attempt a ON a.study = t.study AND a.token = t.token AND a.number = t.number"
        " WHERE t.state = 'complete' AND t.origin = 'asked' AND a.result_hash IS NOT NULL"
    )
    for name, result_hash, *values in connection.exec_driver_sql(query):
        if only is not None and name != only:
            continue
        trial = load_trial(SimpleNamespace(**dict(zip(columns, values))))
        if Result.of(trial).hash() != result_hash:
            what = "its result is not the one that was told"
            yield "trial.result", f"study {name}, trial {trial.number}: {what}"


@contextmanager
def _lenient_texts(connection: Connection) -> Iterator[None]:
    """Read text that is not UTF-8 within the block, its wrong bytes as lone surrogates."""
    raw = driver_of(connection)
    if connection.dialect.name != "sqlite":
        yield
        return
    before = raw.text_factory
    raw.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        raw.text_factory = before
