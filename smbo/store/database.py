"""Transactions on a store's database, of whichever kind it is."""

from __future__ import annotations

import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from smbo.errors import StoreError, StoreUnavailable
from smbo.store import postgres
from smbo.store.connect import connect_sqlite, is_temporary, parse_url

T = TypeVar("T")

# How long a transaction is tried again by itself while the server is away.
RETRY_SECONDS = 40.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 1.0


class Database:
    """An engine, and the two kinds of transactions on it.

    What ``write`` returns was committed to disk before.  On PostgreSQL a transaction that failed for
    want of luck or connection is run again.  Safe to use from several threads.

    Args:
        url: of the store.
        create: whether to make the file if it is missing (SQLite).

    Raises:
        StoreError: the URL, the file, the disk or the server will not do.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        parsed = parse_url(url)
        self.shown = parsed.render_as_string(hide_password=True)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._joint = threading.local()  # the transaction that this thread is in, if it is in one
        self._engine = connect_sqlite(url, create=create) if self.is_sqlite else postgres.connect(parsed)

    def close(self) -> None:
        """Let go of the file or the server; what was committed stays."""
        self._engine.dispose()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what ``work`` finds in one snapshot."""
        return self._repeat(lambda _: self._read_once(work))

    def write(
        self,
        work: Callable[[Connection], T],
        settle: Callable[[Connection, str], T | None] | None = None,
        *,
        is_patient: bool = True,
    ) -> T:
        """Return what ``work`` has done in one transaction.

        Args:
            work: must be harmless to repeat, unless ``settle`` knows whether it was done.
            settle: asked with the call's name before a repetition, since a COMMIT that went
                unanswered may have happened; returns what ``work`` did, None if nothing.
            is_patient: whether to try again for a while if the server is away.
        """
        joint = getattr(self._joint, "connection", None)
        if joint is not None:
            return work(joint)
        call = secrets.token_hex(8)  # in the events that ``work`` notes

        def attempt(is_repeated: bool) -> T:
            with self._begun(call) as connection:
                if is_repeated and settle is not None:
                    done = settle(connection, call)
                    if done is not None:
                        return done
                return work(connection)

        return self._repeat(attempt, is_patient=is_patient)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all that this thread writes within the block one transaction.

        It is committed, once, when the block ends well; else nothing of it counts.  It is not tried
        again here: the caller repeats the whole block, whose calls must be harmless to repeat.

        Raises:
            StoreUnavailable: the disk is full or the server away, perhaps in the COMMIT.
        """
        try:
            with self._begun(secrets.token_hex(8)) as connection:
                self._joint.connection = connection
                try:
                    yield
                finally:
                    self._joint.connection = None
        except _errors() as error:
            raise self._in_our_words(error) from error

    def _in_our_words(self, error: BaseException) -> StoreError:
        original = error.orig if isinstance(error, DBAPIError) else error
        is_passing = is_temporary(original) if self.is_sqlite else postgres.is_passing(original)
        kind = StoreUnavailable if is_passing else StoreError
        return kind(f"store {self.shown}: {_without_details(original)}")

    def _repeat(self, attempt: Callable[[bool], T], *, is_patient: bool = True) -> T:
        deadline = time.monotonic() + (RETRY_SECONDS if is_patient and not self.is_sqlite else 0.0)
        pause, is_repeated = _FIRST_PAUSE_SECONDS, False
        while True:
            try:
                return attempt(is_repeated)
            except _errors() as error:
                told = self._in_our_words(error)
                if not isinstance(told, StoreUnavailable) or time.monotonic() > deadline:
                    raise told from error
            time.sleep(pause)
            pause, is_repeated = min(2 * pause, _LONGEST_PAUSE_SECONDS), True

    @contextmanager
    def _begun(self, call: str) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            writer = connection.execution_options(write=True, call=call)
            try:
                with writer.begin():
                    yield writer
            except _errors():
                # a connection that has seen an error of its own is not used again
                if not self.is_sqlite:
                    writer.invalidate()
                raise

    def _read_once(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            if not self.is_sqlite:  # where it would be one snapshot per statement
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                return work(connection)


def _errors() -> tuple[type[BaseException], ...]:
    """Return what a failed statement raises: as SQLAlchemy wraps it, or as the driver does."""
    psycopg = sys.modules.get("psycopg")
    driver = () if psycopg is None else (psycopg.Error,)
    return (DBAPIError, sqlite3.Error, *driver)


def _without_details(error: BaseException | None) -> str:
    """Return the first line of an error; what follows may quote statements and values."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else repr(error)
