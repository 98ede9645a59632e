"""Create a study, read and change its row, and read its trials, attempts and events."""

from __future__ import annotations

import gc
import json
import secrets
import time
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from smbo.errors import UnknownStudy
from smbo.store import schema
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget, Spent
from smbo.store.bulk_load import COLUMNS, load_trials
from smbo.store.change_feed import lock, note
from smbo.store.postgres import lock_store
from smbo.store.records import (
    AttemptRecord,
    Decode,
    StudyRecord,
    check_name,
    dump_json,
    refuse_damaged,
)
from smbo.store.statements import selection
from smbo.trial import Trial

_STUDY = schema.study.c
_BY_NAME = selection(schema.study, "WHERE name = :name")
_CHANGED = selection(
    schema.trial,
    "WHERE study = :study AND seq > :cursor ORDER BY seq LIMIT :most",
    COLUMNS,
)
_EVENTS = selection(schema.event, "WHERE study = :study AND seq > :cursor ORDER BY seq")
_EVENTS_OF_A_KIND = selection(
    schema.event, "WHERE study = :study AND seq > :cursor AND kind = :kind ORDER BY seq"
)
_PAGE = 10_000
_Row = namedtuple("_Row", COLUMNS)  # type: ignore[misc]
_ATTEMPT_FIELDS = frozenset(each.name for each in fields(AttemptRecord))


def names(connection: Connection) -> list[str]:
    """Return the names of all studies, sorted."""
    # sorted in Python: a server's collation may put them in another order
    return sorted(connection.scalars(select(_STUDY.name)))


def create(
    connection: Connection, name: str, problem: Mapping[str, Any], recipe: Any, seed: int, budget: Budget
) -> StudyRecord:
    """Return the study of this name, which is made if there is none."""
    if connection.dialect.name != "sqlite":
        lock_store(connection)
    row = _row(connection, name)
    if row is None:
        connection.execute(
            insert(schema.study).values(
                name=name,
                uid=secrets.token_hex(8),
                problem=dump_json(problem),
                recipe=dump_json(recipe),
                seed=str(seed),
                budget=dump_json(budget.to_json()),
                memory="{}",
                created=time.time(),
            )
        )
        row = _row(connection, name)
        assert row is not None
        note(connection, row.id, "created")
        row = _row(connection, name)
    return study_record(row)


def find(connection: Connection, name: str, store: str, known: StudyRecord | None = None) -> StudyRecord:
    """Return a study's record as it stands now.

    Args:
        store: its URL as it may be shown.
        known: an earlier record of the study.

    Raises:
        UnknownStudy: there is none of that name.
    """
    row = _row(connection, check_name(name))
    if row is None:
        there = ", ".join(names(connection)[:10]) or "none"
        raise UnknownStudy(f"no study {name!r} in {store}; it has: {there}")
    return study_record(row, known)


def raise_budget(connection: Connection, study: int, budget: Budget) -> Budget:
    """Raise the limits that ``budget`` states and return all that hold now.

    Raises:
        StudyMismatch: a limit would be lowered.
    """
    lock(connection, study)
    text = connection.scalar(select(_STUDY.budget).where(_STUDY.id == study))
    old = Budget.from_json(json.loads(text or "{}"))
    new = old.raised_to(budget)
    if new != old:
        payload = new.to_json()
        note(connection, study, "budget", payload=payload, budget=dump_json(payload))
    return new


def changes(
    connection: Connection,
    name: str,
    cursor: int,
    store: str,
    decode: Decode | None = None,
    known: StudyRecord | None = None,
) -> tuple[StudyRecord, list[Trial]]:
    """Return the study, and all trials changed after ``cursor`` in the order of their changes.

    Args:
        store: its URL as it may be shown.
        decode: makes a point of each trial's JSON values.
        known: an earlier record of the study.
    """
    record = find(connection, name, store, known)
    trials: list[Trial] = []
    if cursor >= record.last_seq:
        return record, trials
    with _without_collector(record.last_seq - cursor > _PAGE):
        # in pages: the rows of a million trials take more memory than the trials
        while True:
            rows = _CHANGED.run(connection, {"study": record.id, "cursor": cursor, "most": _PAGE}).fetchall()
            trials += load_trials(rows, decode, _Row._make)
            if len(rows) < _PAGE:
                break
            cursor = rows[-1][-1]
    return record, trials


@contextmanager
def _without_collector(is_many: bool) -> Iterator[None]:
    """Pause the garbage collector while many trials are made: else it takes half of the time."""
    if not is_many or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def attempts(
    connection: Connection, study: int, number: int | None, is_open: bool, not_of: str | None
) -> list[AttemptRecord]:
    """Return attempts by token: all, those at one trial, that have not ended, or of other owners."""
    attempt = schema.attempt
    query = select(attempt).where(attempt.c.study == study).order_by(attempt.c.token)
    if number is not None:
        query = query.where(attempt.c.number == number)
    if is_open:
        query = query.where(attempt.c.outcome.is_(None))
    if not_of is not None:
        query = query.where(attempt.c.owner != not_of)
    return [_attempt_record(row) for row in connection.execute(query)]


def events(connection: Connection, study: int, cursor: int, kind: str | None = None) -> Sequence[Row[Any]]:
    """Return the change feed after ``cursor``, all of it or one kind: rows of the event table."""
    if kind is not None:
        return _EVENTS_OF_A_KIND.all(connection, study=study, cursor=cursor, kind=kind)
    return _EVENTS.all(connection, study=study, cursor=cursor)


def study_record(row: Row[Any] | None, known: StudyRecord | None = None) -> StudyRecord:
    """Return the study in a row of the study table.

    Args:
        known: an earlier record; of the same study, what has not changed is taken from there.
    """
    assert row is not None
    is_known = known is not None and known.uid == row.uid
    has_problem = known and is_known and known.problem_text == row.problem  # else its space has changed
    problem = known.problem if known and has_problem else json.loads(row.problem)
    budget, memory = json.loads(row.budget), json.loads(row.memory)
    counters = {row.next_number.__class__, row.next_seq.__class__, row.n_charged.__class__}
    if not all(isinstance(each, dict) for each in (problem, budget, memory)) or counters != {int}:
        refuse_damaged(schema.study, row)
    return StudyRecord(
        id=row.id,
        name=row.name,
        uid=row.uid,
        problem=problem,
        recipe=known.recipe if known and is_known else json.loads(row.recipe),
        seed=int(row.seed),
        budget=budget,
        memory=memory,
        is_stopped=bool(row.is_stopped),
        spent=Spent(row.n_charged, row.n_failed, row.spent_seconds),
        next_number=row.next_number,
        last_seq=row.next_seq - 1,
        problem_text=row.problem,
    )


def _row(connection: Connection, name: str) -> Row[Any] | None:
    return _BY_NAME.one(connection, name=name)


def _attempt_record(row: Row[Any]) -> AttemptRecord:
    columns = {name: value for name, value in row._mapping.items() if name in _ATTEMPT_FIELDS}
    outcome = None if row.outcome is None else AttemptOutcome(row.outcome)
    return AttemptRecord(**{**columns, "outcome": outcome})
