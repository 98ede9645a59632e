"""The store: studies, trials, attempts, drivers and events in SQL, one transaction for each call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Row

from smbo.errors import AlreadyTold
from smbo.store import ask, change_feed, leases, rungs, schema, studies, tell
from smbo.store.ask import Asking
from smbo.store.budget import Budget, Spent
from smbo.store.database import Database
from smbo.store.records import (
    AttemptOutcome,
    AttemptRecord,
    Decode,
    DriverRecord,
    Place,
    ReportRecord,
    Result,
    StudyRecord,
    check_name,
    load_trial,
)
from smbo.store.tell import NOWHERE
from smbo.trial import Trial, TrialState


class SqlStore:
    """Studies, trials, attempts, drivers and events in a SQL database.

    Each method returns once its transaction is committed to disk.  Safe to use from several threads
    and from any number of processes at once.  Where the database is away for longer than a
    transaction is tried again by itself, methods raise StoreUnavailable; calling them again later
    is safe, and the only remedy.

    Args:
        url: such as "sqlite:///runs.db" or "postgresql://user@host/database".
        create: whether to make the file if it is missing (SQLite).

    Raises:
        StoreError: the URL, the file, the disk or the server cannot be used.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self._database = Database(url, create=create)
        self._write, self._read = self._database.write, self._database.read
        self.together = self._database.together
        try:
            self._write(schema.prepare, is_patient=False)
        except BaseException:
            self._database.close()
            raise

    @property
    def shown(self) -> str:
        """The URL without its password, for messages."""
        return self._database.shown

    def close(self) -> None:
        """Close the connections to the file or the server; committed data stay."""
        self._database.close()

    @contextmanager
    def alone(self, study: int) -> Iterator[None]:
        """Combine this thread's writes within the block into one transaction that locks the study.

        See ``Database.together``; values that this thread reads stay as they are until it writes.
        """
        with self.together():
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

        def settle(at: Connection, call: str) -> list[Trial] | None:
            return _trials(at, study, change_feed.made_by(at, study, call, ("asked", "restarted")))

        def work(at: Connection) -> list[Trial]:
            return rungs.with_rungs(at, study, ask.ask(at, study, request))

        return self._write(work, settle)

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

        def settle(at: Connection, call: str) -> int | None:
            return min(change_feed.made_by(at, study, call, ("told",)), default=None)

        return self._write(lambda at: tell.add(at, study, points, results, seed_of), settle)

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
        return self._write(lambda at: rungs.promote(at, study, number, fidelity, rung, **decision))

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
