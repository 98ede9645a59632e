"""The store: one transaction for each thing that is asked of it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import DatabaseError

from smbo.errors import AlreadyTold, StoreError, StoreUnavailable, UnknownStudy
from smbo.store import asking, leases, rungs, schema, telling
from smbo.store.budget import Budget, Spent
from smbo.store.connect import connect, is_temporary
from smbo.store.log import note, spent, trial_row
from smbo.store.records import (
    AttemptOutcome,
    AttemptRecord,
    DriverRecord,
    Place,
    ReportRecord,
    Result,
    StudyRecord,
    check_name,
    dump_json,
    load_trial,
)
from smbo.trials import Trial, TrialState


class SqlStore:
    """Studies, trials, attempts and events in a SQL database.

    What a method returns was committed to disk before.  Safe to use from several threads and
    from any number of processes at once.

    Args:
        url: such as "sqlite:///runs.db".
        create: whether to make the file if it is missing.

    Raises:
        StoreError: the URL, the file or the disk will not do.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self._engine = connect(url, create=create)
        try:
            with self._writing() as connection:
                schema.prepare(connection)
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Let go of the file; what was committed stays."""
        self._engine.dispose()

    # --- studies

    def names(self) -> list[str]:
        """Return the names of all studies, sorted."""
        with self._reading() as connection:
            return list(connection.scalars(select(schema.study.c.name).order_by(schema.study.c.name)))

    def create_study(
        self, name: str, problem: Mapping[str, Any], recipe: Any, seed: int, budget: Budget
    ) -> StudyRecord:
        """Return the study of this name, which is made if there is none; compare before you use it."""
        check_name(name)
        with self._writing() as connection:
            row = self._study_row(connection, name)
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
                row = self._study_row(connection, name)
                assert row is not None
                note(connection, row.id, "created")
                row = self._study_row(connection, name)
            return _study_record(row)

    def study(self, name: str) -> StudyRecord:
        """Return a study's record as it stands now.

        Raises:
            UnknownStudy: there is none of that name.
        """
        with self._reading() as connection:
            row = self._study_row(connection, check_name(name))
            if row is None:
                names = list(connection.scalars(select(schema.study.c.name).order_by(schema.study.c.name)))
                known = ", ".join(names[:10]) or "none"
                raise UnknownStudy(f"no study {name!r} in {self.url}; it has: {known}")
            return _study_record(row)

    def raise_budget(self, study: int, budget: Budget) -> Budget:
        """Raise the limits that ``budget`` states and return all that hold now.

        Raises:
            StudyMismatch: a limit would be lowered.
        """
        with self._writing() as connection:
            text = connection.scalar(select(schema.study.c.budget).where(schema.study.c.id == study))
            old = Budget.from_json(json.loads(text or "{}"))
            new = old.raised_to(budget)
            if new != old:
                self._change_study(connection, study, budget=dump_json(new.to_json()))
                note(connection, study, "budget", payload=new.to_json())
            return new

    def set_stopped(self, study: int, is_stopped: bool) -> None:
        """Ask whoever runs the study to end, or take that back."""
        with self._writing() as connection:
            self._change_study(connection, study, is_stopped=int(is_stopped))
            note(connection, study, "stop" if is_stopped else "go")

    def add_time(self, study: int, seconds: float) -> None:
        """Add wall time that a run has used."""
        with self._writing() as connection:
            self._change_study(connection, study, spent_seconds=schema.study.c.spent_seconds + seconds)

    def spent(self, study: int) -> Spent:
        """Return what the study has used of its budget."""
        with self._reading() as connection:
            return spent(connection, study)

    # --- trials

    def changes(self, name: str, cursor: int) -> tuple[StudyRecord, list[Trial]]:
        """Return the study, and all trials changed after ``cursor`` in the order of their changes.

        The record's ``last_seq`` is the next cursor: both are of one snapshot.
        """
        trial = schema.trial
        with self._reading() as connection:
            row = self._study_row(connection, name)
            if row is None:
                raise UnknownStudy(f"no study {name!r} in {self.url}")
            rows = connection.execute(
                select(trial).where(trial.c.study == row.id, trial.c.seq > cursor).order_by(trial.c.seq)
            )
            trials = [load_trial(each) for each in rows]
            return _study_record(row), rungs.with_rungs(connection, row.id, trials)

    def asked_before(self, study: int, key: str, n: int) -> list[Trial]:
        """Return the trials of an earlier ask with this key; none if there was none."""
        with self._reading() as connection:
            return asking.asked_before(connection, study, key, n)

    def ask(self, study: int, request: asking.Asking) -> list[Trial]:
        """Return running trials; see ``smbo.store.asking.ask``."""
        with self._writing() as connection:
            return rungs.with_rungs(connection, study, asking.ask(connection, study, request))

    def tell(
        self, study: int, number: int, token: int | None, result: Result, place: Place = telling.NOWHERE
    ) -> Trial:
        """Record a result; see ``smbo.store.telling.tell``.

        Raises:
            UnknownTrial: no such trial or attempt.
            AlreadyTold: the trial has another result.
        """
        with self._writing() as connection:
            told = telling.tell(connection, study, number, token, result, place)
        if isinstance(told, AlreadyTold):
            raise told
        return told

    def add(
        self, study: int, params: Mapping[str, Any], result: Result, seed_of: Callable[[int], int]
    ) -> Trial:
        """Record a result at a point that was never asked for, as a trial of its own."""
        with self._writing() as connection:
            number = telling.add(connection, study, [params], [result], seed_of)
            return load_trial(trial_row(connection, study, number))

    def requeue(
        self,
        study: int,
        number: int,
        token: int,
        outcome: AttemptOutcome,
        place: Place = telling.NOWHERE,
    ) -> Trial:
        """End an attempt without a result; its trial waits for the next one."""
        with self._writing() as connection:
            return telling.requeue(connection, study, number, token, outcome, place)

    def attempts(
        self, study: int, *, number: int | None = None, is_open: bool = False
    ) -> list[AttemptRecord]:
        """Return attempts by token: all, those at one trial, or those that have not ended."""
        attempt = schema.attempt
        query = select(attempt).where(attempt.c.study == study).order_by(attempt.c.token)
        if number is not None:
            query = query.where(attempt.c.number == number)
        if is_open:
            query = query.where(attempt.c.outcome.is_(None))
        with self._reading() as connection:
            return [_attempt_record(row) for row in connection.execute(query)]

    # --- rungs: see ``smbo.store.rungs``

    def report(self, study: int, number: int, token: int, step: float, value: float) -> bool:
        """Write an intermediate value down; return whether its attempt is to go on."""
        with self._writing() as connection:
            return rungs.report(connection, study, number, token, step, value)

    def reports(self, study: int, cursor: int = 0, *, number: int | None = None) -> list[ReportRecord]:
        """Return the reports after a sequence number, in their order."""
        with self._reading() as connection:
            return rungs.reports(connection, study, cursor, number)

    def pause(
        self, study: int, number: int, token: int, result: Result, place: Place = telling.NOWHERE
    ) -> Trial:
        """Record the value at the end of a rung (a PAUSED result, with its checkpoint) as ``tell`` does."""
        assert result.state is TrialState.PAUSED
        return self.tell(study, number, token, result, place)

    def promote(self, study: int, number: int, fidelity: float, rung: int, **decision: Any) -> Trial:
        """Let a paused trial wait for its next rung; ``decision``: priority, why, epoch."""
        with self._writing() as connection:
            return rungs.promote(connection, study, number, fidelity, rung, **decision)

    def prune(
        self, study: int, number: int, token: int, value: float | None = None, **decision: Any
    ) -> Trial:
        """End a trial that is not worth going on with; ``decision``: why, epoch."""
        with self._writing() as connection:
            return rungs.prune(connection, study, number, token, value, **decision)

    # --- leases: see ``smbo.store.leases``

    def register_driver(self, study: int, driver: str, host: str, pid: int, capacity: int) -> DriverRecord:
        """Write a driver down, under the next epoch if it was there before."""
        with self._writing() as connection:
            return leases.register_driver(connection, study, driver, host, pid, capacity)

    def beat_driver(self, study: int, driver: str, capacity: int | None = None) -> int | None:
        """Count one beat of a driver; return the counter, None if it is not registered."""
        with self._writing() as connection:
            return leases.beat_driver(connection, study, driver, capacity)

    def end_driver(self, study: int, driver: str) -> None:
        """Note that a driver has left in good order, and give up its lead."""
        with self._writing() as connection:
            leases.end_driver(connection, study, driver)

    def drivers(self, study: int) -> list[DriverRecord]:
        """Return all drivers that ever registered, by their ids."""
        with self._reading() as connection:
            return leases.drivers(connection, study)

    def lead(self, study: int, driver: str, over: int | None = None) -> int | None:
        """Return the epoch in which a driver leads, None if another does; ``over``: one seen dead."""
        with self._writing() as connection:
            return leases.lead(connection, study, driver, over)

    def leader(self, study: int) -> tuple[str | None, int]:
        """Return who leads (None if nobody does) and the epoch of the latest leadership."""
        with self._reading() as connection:
            return leases.leader(connection, study)

    def claim(
        self,
        study: int,
        number: int,
        token: int,
        driver: str | None = None,
        job: str | None = None,
        place: Place = telling.NOWHERE,
    ) -> bool:
        """Begin the execution of an attempt; return whether this caller may."""
        with self._writing() as connection:
            return leases.claim(connection, study, number, token, driver, job, place)

    def hold_attempts(self, study: int, driver: str, jobs: Mapping[int, str | None]) -> None:
        """Note which driver holds attempts (by token), and the back end's keys of them."""
        with self._writing() as connection:
            leases.hold_attempts(connection, study, driver, jobs)

    def beat_attempts(self, study: int, beats: Mapping[int, int | None]) -> dict[int, int]:
        """Move attempts' counters on (to a number, or by one); return those of the open ones."""
        with self._writing() as connection:
            return leases.beat_attempts(connection, study, beats)

    # --- the change feed

    def events(self, study: int, cursor: int = 0) -> Sequence[Row[Any]]:
        """Return the change feed after ``cursor``: rows of the event table."""
        event = schema.event
        with self._reading() as connection:
            return connection.execute(
                select(event).where(event.c.study == study, event.c.seq > cursor).order_by(event.c.seq)
            ).all()

    def add_event(self, study: int, kind: str, payload: Mapping[str, Any]) -> None:
        """Add an event of the caller's own to the change feed."""
        with self._writing() as connection:
            note(connection, study, kind, payload=payload)

    # --- transactions

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._translated(), self._engine.connect() as connection:
            writer = connection.execution_options(write=True)
            with writer.begin():
                yield writer

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            kind = StoreUnavailable if is_temporary(error.orig) else StoreError
            raise kind(f"store {self.url}: {error.orig}") from error

    @staticmethod
    def _study_row(connection: Connection, name: str) -> Row[Any] | None:
        return connection.execute(select(schema.study).where(schema.study.c.name == name)).one_or_none()

    @staticmethod
    def _change_study(connection: Connection, study: int, **columns: Any) -> None:
        connection.execute(update(schema.study).where(schema.study.c.id == study).values(**columns))


def _study_record(row: Row[Any] | None) -> StudyRecord:
    assert row is not None
    return StudyRecord(
        id=row.id,
        name=row.name,
        uid=row.uid,
        problem=json.loads(row.problem),
        recipe=json.loads(row.recipe),
        seed=int(row.seed),
        budget=json.loads(row.budget),
        memory=json.loads(row.memory),
        is_stopped=bool(row.is_stopped),
        spent_seconds=row.spent_seconds,
        next_number=row.next_number,
        last_seq=row.next_seq - 1,
    )


def _attempt_record(row: Row[Any]) -> AttemptRecord:
    columns = {name: value for name, value in row._mapping.items() if name in _ATTEMPT_FIELDS}
    return AttemptRecord(
        **{**columns, "outcome": None if row.outcome is None else AttemptOutcome(row.outcome)}
    )


_ATTEMPT_FIELDS = frozenset(each.name for each in fields(AttemptRecord))
