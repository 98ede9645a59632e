"""Maintenance of a store: check its invariants, and back it up."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from smbo.errors import StoreError
from smbo.store.connect import sqlite_path
from smbo.store.inspection import result_faults, row_faults
from smbo.store.schema import SCHEMA_VERSION

# Each finds rows that must not be there: what is wrong, and a query for (study, number or token, detail).
_RULES: tuple[tuple[str, str], ...] = (
    (
        "numbers have gaps: so many trials, and the next number",
        """SELECT s.name, count(t.number), s.next_number FROM study s LEFT JOIN trial t ON t.study = s.id
           GROUP BY s.id, s.name, s.next_number
           HAVING count(t.number) <> s.next_number OR coalesce(max(t.number) + 1, 0) <> s.next_number""",
    ),
    (
        "the change feed has gaps: so many events, and the next sequence number",
        """SELECT s.name, count(e.seq), s.next_seq FROM study s LEFT JOIN event e ON e.study = s.id
           GROUP BY s.id, s.name, s.next_seq
           HAVING count(e.seq) <> s.next_seq - 1 OR coalesce(max(e.seq), 0) <> s.next_seq - 1""",
    ),
    (
        "a trial's last change is not in the change feed",
        """SELECT s.name, t.number, t.seq FROM trial t JOIN study s ON s.id = t.study
           LEFT JOIN event e ON e.study = t.study AND e.seq = t.seq
           WHERE e.seq IS NULL OR e.number <> t.number""",
    ),
    (
        "a running trial has no open attempt",
        """SELECT s.name, t.number, t.token FROM trial t JOIN study s ON s.id = t.study
           LEFT JOIN attempt a ON a.study = t.study AND a.token = t.token AND a.number = t.number
           WHERE t.state = 'running' AND (a.token IS NULL OR a.outcome IS NOT NULL)""",
    ),
    (
        "an open attempt is not the one under which its trial runs",
        """SELECT s.name, a.token, a.number FROM attempt a JOIN study s ON s.id = a.study
           LEFT JOIN trial t ON t.study = a.study AND t.number = a.number
           WHERE a.outcome IS NULL AND (t.state IS NULL OR t.state <> 'running' OR t.token <> a.token)""",
    ),
    (
        "a complete trial that was asked for has no attempt with its result",
        """SELECT s.name, t.number, t.token FROM trial t JOIN study s ON s.id = t.study
           LEFT JOIN attempt a ON a.study = t.study AND a.token = t.token AND a.number = t.number
           WHERE t.state = 'complete' AND t.origin = 'asked'
             AND (a.outcome IS NULL OR a.outcome NOT IN ('complete', 'late') OR a.result_hash IS NULL)""",
    ),
    (
        "a token is beyond the next one",
        """SELECT s.name, a.token, s.next_token FROM attempt a JOIN study s ON s.id = a.study
           WHERE a.token >= s.next_token""",
    ),
    (
        "the budget's account is wrong: charged, and as counted",
        """SELECT s.name, s.n_charged, count(t.number) FROM study s LEFT JOIN trial t
             ON t.study = s.id AND t.origin = 'asked' AND t.state <> 'cancelled'
             AND NOT (t.state = 'failed' AND coalesce(t.reason, '') = 'lost')
           GROUP BY s.id, s.name, s.n_charged HAVING s.n_charged <> count(t.number)""",
    ),
    (
        "failures are counted wrongly: as counted before, and now",
        """SELECT s.name, s.n_failed, count(t.number) FROM study s
           LEFT JOIN trial t ON t.study = s.id AND t.origin = 'asked' AND t.state = 'failed'
           GROUP BY s.id, s.name, s.n_failed HAVING s.n_failed <> count(t.number)""",
    ),
    (
        "a report is not in the change feed",
        """SELECT s.name, r.number, r.seq FROM report r JOIN study s ON s.id = r.study
           LEFT JOIN event e ON e.study = r.study AND e.seq = r.seq WHERE e.seq IS NULL""",
    ),
)
_MOST_SHOWN = 5  # of one kind
_MOST_ROWS = 20  # of one column


def faults(connection: Connection) -> list[str]:
    """Return in words what is wrong in a store of the present version: its file, its rows, its invariants."""
    is_file = connection.dialect.name == "sqlite"
    found = _readable(_file_faults, connection) if is_file else []
    found += _readable(_all_row_faults, connection)
    for what, query in _RULES:
        found += _readable(partial(_rule_faults, what, query), connection)
    return found


def most_of_each(faults: Iterable[tuple[str, str]], most: int = _MOST_ROWS) -> list[str]:
    """Return the first faults of each kind, and how many more there are."""
    by_kind: dict[str, list[str]] = {}
    hidden: Counter[str] = Counter()
    for kind, fault in faults:
        shown = by_kind.setdefault(kind, [])
        if len(shown) < most:
            shown.append(fault)
        else:
            hidden[kind] += 1
    for kind, n in hidden.items():
        by_kind[kind].append(f"… and {n} more of the same")
    return [fault for shown in by_kind.values() for fault in shown]


def _readable(find: Callable[[Connection], list[str]], connection: Connection) -> list[str]:
    """Return what ``find`` finds; where it cannot read the store, that is the fault."""
    try:
        return find(connection)
    except (DBAPIError, sqlite3.Error, UnicodeDecodeError) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        return [f"the file is damaged: {original}"]


def _all_row_faults(connection: Connection) -> list[str]:
    found = most_of_each(row_faults(connection))
    # results are compared where all of their parts can be read
    return found or most_of_each(result_faults(connection))


def _rule_faults(what: str, query: str, connection: Connection) -> list[str]:
    rows = connection.execute(text(query)).all()
    found = [(what, f"study {name}: {what} ({first}, {second})") for name, first, second in rows]
    return most_of_each(found, _MOST_SHOWN)


def _file_faults(connection: Connection) -> list[str]:
    answers = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    found = [f"the file is damaged: {answer}" for answer in answers[:_MOST_SHOWN] if answer != "ok"]
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found += [f"table {row[0]}: row {row[1]} refers to nothing in {row[2]}" for row in dangling[:_MOST_SHOWN]]
    return found


def refuse_other_version(found: int | None) -> None:
    """Refuse a store of another version than the present one.

    Raises:
        StoreError: it is older or newer, or no store.
    """
    if found is None:
        raise StoreError("the database holds no studies of smbo")
    if found < SCHEMA_VERSION:
        raise StoreError(
            f"the store has schema version {found}, the present one is {SCHEMA_VERSION}; smbo db migrate"
        )
    if found > SCHEMA_VERSION:
        raise StoreError(f"the store has schema version {found}, newer than {SCHEMA_VERSION}; update smbo")


def back_up(url: str, target: Path) -> None:
    """Copy a SQLite store as of one moment into a new file, while other processes use it.

    Raises:
        StoreError: it is no SQLite store, the target exists, or one of them cannot be read or written.
    """
    source = sqlite_path(url)
    if not source.is_file():
        raise StoreError(f"store {source} does not exist")
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise StoreError(f"{target} exists; a backup goes into a new file") from None
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)  # all pages in one go: one moment, whatever is written meanwhile
            new.execute("PRAGMA journal_mode = DELETE")  # one file, until it is opened as a store
        for written in (target, target.absolute().parent):  # the file, and its name
            descriptor = os.open(written, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise StoreError(f"backup of {source} to {target}: {error}") from error
