"""Read and write transactions on SQLite or PostgreSQL.

Transactions are begun and ended by hand on the driver's connection, and connections are kept from one to
the next: SQLAlchemy's own way takes longer than a whole ask.  Its ``Connection`` is passed along for rare
statements; it sends each to the database as it is.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from smbo.errors import DamagedStore, StoreError, StoreUnavailable
from smbo.store import postgres
from smbo.store.connect import connect_sqlite, is_damage, is_temporary, masked, parse_url
from smbo.store.statements import CALL, driver_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long a transaction is tried again by itself while the server is away, from its first failure on.
RETRY_SECONDS = 40.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 1.0

_MOST_IDLE = 8  # connections kept for later: as many threads as mostly work on one study at once

# BEGIN IMMEDIATE: a transaction that reads first and writes later would fail at once, whatever the
# timeout, when another process wrote in between.  In PostgreSQL a plain BEGIN is one snapshot a statement.
_WRITE = {True: "BEGIN IMMEDIATE", False: "BEGIN"}
_READ = {True: "BEGIN", False: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


class Database:
    """An engine, and the two kinds of transactions on it.

    ``write`` returns once its transaction is committed to disk.  On PostgreSQL a transaction that failed
    by a conflict or a lost connection is run again.  Safe to use from several threads.

    Args:
        url: of the store.
        create: whether to make the file if it is missing (SQLite).

    Raises:
        StoreError: the URL, the file, the disk or the server cannot be used.
    """

    def __init__(self, url: str | os.PathLike[str], *, create: bool = True) -> None:
        parsed = parse_url(url)
        self.shown = masked(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.n_rolled_back = 0  # joint transactions, of which something may have been read
        self._joint = threading.local()  # the transaction that this thread is in, if any
        self._engine = connect_sqlite(url, create=create) if self.is_sqlite else postgres.connect(parsed)
        self._idle: list[Connection] = []

    def close(self) -> None:
        """Close the connections to the file or the server; committed data stay."""
        self._drop_idle()
        self._engine.dispose()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return the result of ``work``, run in one snapshot; in a joint transaction, as that stands.

        Of a joint transaction this thread's reads are a part: on a connection of their own they could wait
        for a third session that waits for the transaction.
        """
        joint = getattr(self._joint, "connection", None)
        if joint is not None:
            return work(joint)

        def attempt(_: bool) -> T:
            with self._begun(_READ[self.is_sqlite]) as connection:
                return work(connection)

        return self._repeat(attempt)

    def write(
        self,
        work: Callable[[Connection], T],
        settle: Callable[[Connection, str], T | None] | None = None,
        *,
        is_patient: bool = True,
        call: str | None = None,
    ) -> T:
        """Return the result of ``work``, run in one transaction.

        Args:
            work: must be harmless to repeat, unless ``settle`` knows whether it was done.
            settle: called with the call's name before a repetition, since a COMMIT that went
                unanswered may have happened; returns the result of ``work``, None if it was not committed.
            is_patient: whether to try again for a while if the server is away.
            call: the call's name, of ``new_call``, stored in the events that ``work`` adds.
        """
        joint = getattr(self._joint, "connection", None)
        if joint is not None:
            return work(joint)
        name = call or new_call()

        def attempt(is_repeated: bool) -> T:
            with self._begun(_WRITE[self.is_sqlite], name) as connection:
                if is_repeated and settle is not None:
                    done = settle(connection, name)
                    if done is not None:
                        return done
                return work(connection)

        return self._repeat(attempt, is_patient=is_patient)

    def jointly(self, work: Callable[[], T]) -> Callable[[Connection], T]:
        """Return ``work`` for ``write``: all that this thread reads and writes in it is one transaction."""

        def joint(connection: Connection) -> T:
            with self._joined(connection):
                return work()

        return joint

    @contextmanager
    def together(self) -> Iterator[None]:
        """Combine all that this thread reads and writes within the block into one transaction.

        It is committed, once, when the block ends without an exception, and else rolled back.  It is not
        tried again: the caller repeats the whole block, whose calls must be harmless to repeat.

        Raises:
            StoreUnavailable: the disk is full or the server away, perhaps in the COMMIT.
        """
        try:
            with (
                self._begun(_WRITE[self.is_sqlite], new_call()) as connection,
                self._joined(connection),
            ):
                yield
        except BaseException as error:
            self.n_rolled_back += 1
            if isinstance(error, _errors()):
                raise self._in_our_words(error) from error
            raise

    @contextmanager
    def _joined(self, connection: Connection) -> Iterator[None]:
        self._joint.connection = connection
        try:
            yield
        finally:
            self._joint.connection = None

    def _in_our_words(self, error: BaseException) -> StoreError:
        original = error.orig if isinstance(error, DBAPIError) else error
        is_passing = is_temporary(original) if self.is_sqlite else postgres.is_passing(original)
        kind = StoreUnavailable if is_passing else DamagedStore if is_damage(original) else StoreError
        return kind(f"store {self.shown}: {_without_details(original)}")

    def _repeat(self, attempt: Callable[[bool], T], *, is_patient: bool = True) -> T:
        deadline: float | None = None
        pause, is_repeated = _FIRST_PAUSE_SECONDS, False
        while True:
            try:
                return attempt(is_repeated)
            except _errors() as error:
                told = self._in_our_words(error)
                now = time.monotonic()
                if deadline is None:  # the first attempt itself may have waited for a minute
                    deadline = now + RETRY_SECONDS
                is_final = self.is_sqlite or not is_patient or now > deadline
                if is_final or not isinstance(told, StoreUnavailable):
                    raise told from error
            logger.log(logging.DEBUG if is_repeated else logging.INFO, "%s; trying again", told)
            time.sleep(pause)
            pause, is_repeated = min(2 * pause, _LONGEST_PAUSE_SECONDS), True

    @contextmanager
    def _begun(self, begin: str, call: str = "") -> Iterator[Connection]:
        """Yield a connection in a transaction, committed if the block ends without an exception."""
        connection = self._connection()
        raw = driver_of(connection)
        try:
            raw.execute(begin)
            connection.info[CALL] = call
            yield connection
            raw.commit()
        except BaseException as error:
            self._give_up(connection, error)
            raise
        self._put_back(connection)

    def _connection(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.connect()

    def _put_back(self, connection: Connection) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def _give_up(self, connection: Connection, error: BaseException) -> None:
        """Roll a transaction back, and close a connection that may be lost."""
        if self.is_sqlite or not isinstance(error, _errors()):
            try:
                driver_of(connection).rollback()
            except Exception:  # whatever it is, the transaction's own error says more
                pass
            else:
                self._put_back(connection)
                return
        connection.invalidate()
        connection.close()
        if not self.is_sqlite:  # the idle ones were made before the same trouble
            self._drop_idle()

    def _drop_idle(self) -> None:
        while self._idle:
            with suppress(IndexError):  # another thread may have taken the last
                self._idle.pop().close()


def new_call() -> str:
    """Return a new name of a call, by which is found what it has written."""
    return secrets.token_hex(8)


def _errors() -> tuple[type[BaseException], ...]:
    """Return the exceptions of a failed statement: as SQLAlchemy wraps them, and the driver's own."""
    psycopg = sys.modules.get("psycopg")
    driver = () if psycopg is None else (psycopg.Error,)
    return (DBAPIError, sqlite3.Error, UnicodeDecodeError, *driver)


def _without_details(error: BaseException | None) -> str:
    """Return the first line of an error; what follows may quote statements and values."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else repr(error)
