"""The store: studies, trials, attempts, drivers and events in SQL, one transaction for each call."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from smbo.errors import AlreadyTold, DamagedStore, SmboError, StoreUnavailable
from smbo.store import ask, change_feed, leases, postgres, retry, rungs, schema, studies, tell
from smbo.store.ask import Asking
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget, Spent
from smbo.store.connect import file_url, is_sqlite, sqlite_path
from smbo.store.database import Database, new_call
from smbo.store.inspection import damage_text, row_faults
from smbo.store.records import (
    DAMAGES,
    AttemptRecord,
    Decode,
    DriverRecord,
    Place,
    ReportRecord,
    Result,
    StudyRecord,
    check_name,
    dump_json,
    load_trial,
)
from smbo.store.tell import NOWHERE
from smbo.store.unsettled import Unsettled
from smbo.trial import Trial, TrialState

_T = TypeVar("_T")

_MOST_COUNTED = 1000  # damaged values, in a message that shows the first


class SqlStore:
    """Studies, trials, attempts, drivers and events in a SQL database.

    Each method returns once its transaction is committed to disk.  Safe to use from several threads
    and from any number of processes at once.  Where the database is away for longer than a
    transaction is tried again by itself, methods raise StoreUnavailable; calling them again later
    is safe, and the only remedy.

    Args:
        url: such as "sqlite:///runs.db" or "postgresql://user@host/database"; a path object stands for
            the SQLite file there, whatever characters it has.
        create: whether to make the file and its tables if they are missing.

    Raises:
        UnknownStudy: the database is empty, and ``create`` is False.
        StoreError: the URL, the file, the disk or the server cannot be used.
    """

    def __init__(self, url: str | os.PathLike[str], *, create: bool = True) -> None:
        # absolute: an objective may change the current folder
        self.url = file_url(sqlite_path(url)) if is_sqlite(url) else str(url)
        self._database = Database(url, create=create)
        self._unsettled = Unsettled()
        try:
            self._write(lambda at: schema.prepare(at, create=create), is_patient=False)
        except BaseException:
            self._database.close()
            raise

    def _read(self, work: Callable[[Connection], _T]) -> _T:
        """Return the result of ``work``, run in one snapshot.

        Raises:
            DamagedStore: it met what smbo does not write; names study, row and column.
        """
        with self._damage_named():
            return self._database.read(work)

    def _write(
        self,
        work: Callable[[Connection], _T],
        settle: Callable[[Connection, str], _T | None] | None = None,
        *,
        is_patient: bool = True,
        call: str | None = None,
    ) -> _T:
        """Return the result of ``work``, run in one transaction; see ``Database.write``, and ``_read``."""
        with self._damage_named():
            return self._database.write(work, settle, is_patient=is_patient, call=call)

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        """Have an error that damaged rows cause say which they are."""
        try:
            yield
        except (DamagedStore, *DAMAGES) as error:
            if isinstance(error, SmboError) and not isinstance(error, DamagedStore):
                raise
            found = self._database.read(lambda at: list(itertools.islice(row_faults(at), _MOST_COUNTED)))
            if found:
                raise DamagedStore(damage_text(self.shown, [text for _, text in found])) from error
            raise

    @property
    def shown(self) -> str:
        """The URL without its password, for messages."""
        return self._database.shown

    def close(self) -> None:
        """Close the connections to the file or the server; committed data stay."""
        self._database.close()

    @property
    def n_rolled_back(self) -> int:
        """How many blocks of ``together`` were rolled back; what was read in one may be outdated."""
        return self._database.n_rolled_back

    @contextmanager
    def together(self, study: int) -> Iterator[None]:
        """Combine what this thread reads and writes within the block into one transaction.

        It locks the study: what is read stays as it is until this thread writes.  See ``Database.together``.
        """
        with self._database.together():
            self._write(lambda at: change_feed.lock(at, study))
            yield

    # --- studies: see ``smbo.store.studies``

    def names(self) -> list[str]:
        """Return the names of all studies, sorted."""
        return self._read(studies.names)

    def create_study(
        self, name: str, problem: Mapping[str, Any], recipe: Any, seed: int, budget: Budget
    ) -> StudyRecord:
        """Return the study of this name, which is made if there is none; compare before you use it."""
        check_name(name)
        return self._write(lambda at: studies.create(at, name, problem, recipe, seed, budget))

    def study(self, name: str) -> StudyRecord:
        """Return a study's record as it stands now.

        Raises:
            UnknownStudy: there is none of that name.
        """
        return self._read(lambda at: studies.find(at, name, self.shown))

    def raise_budget(self, study: int, budget: Budget) -> Budget:
        """Raise the limits that ``budget`` states and return all that hold now.

        Raises:
            StudyMismatch: a limit would be lowered.
        """
        return self._write(lambda at: studies.raise_budget(at, study, budget))

    def set_stopped(self, study: int, is_stopped: bool) -> None:
        """Ask all drivers of the study to start no more trials, or take that back."""
        word = "stop" if is_stopped else "go"
        self._note(study, word, {}, is_stopped=int(is_stopped))

    def change_problem(self, study: int, problem: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Store a study's problem in another space, and forget what its recipe remembers of the old one.

        Args:
            event: the change, for the feed.
        """
        self._note(study, change_feed.SPACE, event, problem=dump_json(problem), memory="{}")

    def add_time(self, study: int, seconds: float) -> None:
        """Add wall time that a run has used."""
        self._note(study, "time", {"seconds": seconds}, seconds=seconds)

    def spent(self, study: int) -> Spent:
        """Return what the study has used of its budget."""
        return self._read(lambda at: change_feed.spent(at, study))

    # --- trials: see ``smbo.store.ask`` and ``smbo.store.tell``

    def changes(
        self, name: str, cursor: int, decode: Decode | None = None, known: StudyRecord | None = None
    ) -> tuple[StudyRecord, list[Trial]]:
        """Return the study, and all trials changed after ``cursor`` in the order of their changes.

        The record's ``last_seq`` is the next cursor: both are of one snapshot.  ``decode`` makes a
        point of each trial's JSON values; an earlier record, ``known``, saves reading what never changes.
        """

        def work(at: Connection) -> tuple[StudyRecord, list[Trial]]:
            record, trials = studies.changes(at, name, cursor, self.shown, decode, known)
            return record, rungs.with_rungs(at, record.id, trials)

        return self._read(work)

    def asked_before(self, study: int, key: str, n: int, fixed: Mapping[str, Any]) -> list[Trial]:
        """Return the trials of an earlier ask with this key; none if there was none."""
        return self._read(lambda at: ask.asked_before(at, study, key, n, fixed))

    def ask(self, study: int, request: Asking) -> list[Trial]:
        """Return running trials; see ``smbo.store.ask.ask``."""
        return self._asked(
            study, lambda at: self._ask_in(at, study, request), is_keyed=request.key is not None
        )

    def ask_locked(self, study: int, propose: Callable[[], Asking], *, is_keyed: bool = False) -> list[Trial]:
        """Return running trials at points that are proposed while the study is locked.

        Args:
            propose: reads the study and returns the request; called again where the transaction is.
            is_keyed: whether the request has a key.
        """

        def work(at: Connection) -> list[Trial]:
            change_feed.lock(at, study)
            postgres.wait_for_us(at)
            return self._database.jointly(lambda: self._ask_in(at, study, propose()))(at)

        return self._asked(study, work, is_keyed=is_keyed)

    def _ask_in(self, at: Connection, study: int, request: Asking) -> list[Trial]:
        return rungs.with_rungs(at, study, ask.ask(at, study, request))

    def _asked(self, study: int, work: Callable[[Connection], list[Trial]], *, is_keyed: bool) -> list[Trial]:
        def settle(at: Connection, call: str) -> list[Trial] | None:
            return _trials(at, study, change_feed.made_by(at, study, call, ("asked", "restarted")))

        for lost in self._unsettled.of_asks(study):
            self._write(partial(tell.give_back, study=study, call=lost))
            self._unsettled.forget(lost)
        call = new_call()
        try:
            return self._write(work, settle, call=call)
        except StoreUnavailable:
            if not is_keyed:  # the key finds the trials, if there are any
                self._unsettled.note(call, study)
            raise

    def tell(
        self, study: int, number: int, token: int | None, result: Result, place: Place = NOWHERE
    ) -> Trial:
        """Record a result; see ``smbo.store.tell.tell``.

        Raises:
            UnknownTrial: no such trial or attempt.
            AlreadyTold: the trial has another result.
        """
        told = self._write(lambda at: tell.tell(at, study, number, token, result, place))
        if isinstance(told, AlreadyTold):
            raise told
        return told

    def add(
        self, study: int, params: Mapping[str, Any], result: Result, seed_of: Callable[[int], int]
    ) -> Trial:
        """Record a result at a point that was never asked for, as a trial of its own."""
        number = self.add_many(study, [params], [result], seed_of)
        return self._read(lambda at: load_trial(change_feed.trial_row(at, study, number)))

    def add_many(
        self,
        study: int,
        points: Sequence[Mapping[str, Any]],
        results: Sequence[Result],
        seed_of: Callable[[int], int],
    ) -> int:
        """Record results at points of one's own in one transaction; return the first one's number."""

        same = Unsettled.name_of(study, points, results)
        call, before = new_call(), self._unsettled.call_of(same)

        def settle(at: Connection, call: str) -> int | None:
            return min(change_feed.made_by(at, study, call, ("told",)), default=None)

        def work(at: Connection) -> int:
            done = None if before is None else settle(at, before)
            return tell.add(at, study, points, results, seed_of) if done is None else done

        try:
            first = self._write(work, settle, call=call)
        except StoreUnavailable:
            self._unsettled.note(before or call, study, same)
            raise
        if before is not None:
            self._unsettled.forget(before)
        return first

    def requeue(
        self,
        study: int,
        number: int,
        token: int,
        outcome: AttemptOutcome,
        place: Place = NOWHERE,
    ) -> Trial:
        """End an attempt without a result; its trial waits for the next one."""
        return self._write(lambda at: tell.requeue(at, study, number, token, outcome, place))

    def retry(self, study: int, numbers: Sequence[int]) -> None:
        """Have failed trials wait to be evaluated again; see ``smbo.store.retry``."""

        def settle(at: Connection, call: str) -> int | None:
            return 0 if change_feed.is_made(at, study, call) else None

        def work(at: Connection) -> int:
            retry.retry(at, study, numbers)
            return 0

        self._write(work, settle)

    def attempts(
        self, study: int, *, number: int | None = None, is_open: bool = False, not_of: str | None = None
    ) -> list[AttemptRecord]:
        """Return attempts by token: all, those at one trial, that have not ended, or of other owners."""
        return self._read(lambda at: studies.attempts(at, study, number, is_open, not_of))

    # --- rungs: see ``smbo.store.rungs``

    def report(self, study: int, number: int, token: int, step: float, value: float) -> bool:
        """Record an intermediate value; return whether its attempt is still open."""
        return self._write(lambda at: rungs.report(at, study, number, token, step, value))

    def note_reports(
        self, study: int, number: int, token: int, values: Sequence[tuple[float, float]]
    ) -> None:
        """Record several intermediate values of an attempt."""
        self._write(lambda at: rungs.note_reports(at, study, number, token, values))

    def reports(self, study: int, cursor: int = 0, *, number: int | None = None) -> list[ReportRecord]:
        """Return the reports after a sequence number, in their order."""
        return self._read(lambda at: rungs.reports(at, study, cursor, number))

    def pause(self, study: int, number: int, token: int, result: Result, place: Place = NOWHERE) -> Trial:
        """Record the value at the end of a rung (a PAUSED result, with its checkpoint) as ``tell`` does."""
        assert result.state is TrialState.PAUSED
        return self.tell(study, number, token, result, place)

    def promote(self, study: int, number: int, fidelity: float, rung: int, **decision: Any) -> Trial:
        """Promote a paused trial: it waits for its next rung; ``decision``: priority, why, epoch."""

        def settle(at: Connection, call: str) -> Trial | None:
            return next(
                iter(_trials(at, study, change_feed.made_by(at, study, call, ("promoted",))) or ()), None
            )

        return self._write(lambda at: rungs.promote(at, study, number, fidelity, rung, **decision), settle)

    def prune(
        self, study: int, number: int, token: int, value: float | None = None, **decision: Any
    ) -> Trial:
        """Prune a trial; ``decision``: why, epoch."""
        return self._write(lambda at: rungs.prune(at, study, number, token, value, **decision))

    # --- leases: see ``smbo.store.leases``

    def register_driver(self, study: int, driver: str, host: str, pid: int, capacity: int) -> DriverRecord:
        """Register a driver, under the next epoch if it was registered before."""
        return self._write(lambda at: leases.register_driver(at, study, driver, host, pid, capacity))

    def beat_driver(self, study: int, driver: str, capacity: int | None = None) -> int | None:
        """Count one heartbeat of a driver; return the counter, None if it is not registered."""
        return self._write(lambda at: leases.beat_driver(at, study, driver, capacity))

    def end_driver(self, study: int, driver: str) -> None:
        """Deregister a driver that ends in good order, and give up its leadership."""
        self._write(lambda at: leases.end_driver(at, study, driver))

    def drivers(self, study: int) -> list[DriverRecord]:
        """Return all drivers that ever registered, by their ids."""
        return self._read(lambda at: leases.drivers(at, study))

    def lead(self, study: int, driver: str, over: int | None = None) -> int | None:
        """Return the epoch in which a driver leads, None if another does; ``over``: of a leader seen dead."""
        return self._write(lambda at: leases.lead(at, study, driver, over))

    def leader(self, study: int) -> tuple[str | None, int]:
        """Return the leading driver (None if there is none) and the epoch of the latest leadership."""
        return self._read(lambda at: leases.leader(at, study))

    def claim(
        self,
        study: int,
        number: int,
        token: int,
        driver: str | None = None,
        job: str | None = None,
        place: Place = NOWHERE,
    ) -> bool:
        """Claim an attempt for execution; return whether this caller may execute it."""

        def settle(at: Connection, call: str) -> bool | None:
            return bool(change_feed.made_by(at, study, call, ("claimed",))) or None

        return self._write(lambda at: leases.claim(at, study, number, token, driver, job, place), settle)

    def hold_attempts(self, study: int, driver: str, jobs: Mapping[int, str | None]) -> None:
        """Note which driver holds attempts (by token), and their keys in the back end."""
        self._write(lambda at: leases.hold_attempts(at, study, driver, jobs))

    def beat_attempts(self, study: int, beats: Mapping[int, int | None]) -> dict[int, int]:
        """Advance attempts' heartbeat counters (to a number, or by one); return those of the open ones."""
        return self._write(lambda at: leases.beat_attempts(at, study, beats))

    # --- the change feed

    def events(self, study: int, cursor: int = 0, *, kind: str | None = None) -> Sequence[Row[Any]]:
        """Return the change feed after ``cursor``, all of it or one kind: rows of the event table."""
        return self._read(lambda at: studies.events(at, study, cursor, kind))

    def add_event(self, study: int, kind: str, payload: Mapping[str, Any]) -> None:
        """Add an event of the caller's own to the change feed."""
        self._note(study, kind, payload)

    def _note(self, study: int, kind: str, payload: Mapping[str, Any], **columns: Any) -> None:
        """Add an event and set columns of the study's row, once."""

        def settle(at: Connection, call: str) -> int | None:
            return 0 if change_feed.is_made(at, study, call) else None

        self._write(lambda at: change_feed.note(at, study, kind, payload=payload, **columns), settle)


def _trials(at: Connection, study: int, numbers: Sequence[int]) -> list[Trial] | None:
    """Return trials as they stand, None for no numbers."""
    trials = [load_trial(change_feed.trial_row(at, study, number)) for number in sorted(numbers)]
    return rungs.with_rungs(at, study, trials) or None
