"""One process's copy of a study's log: trials by number, kept up to date from the change feed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from smbo.errors import DamagedStore, PointError, UnknownTrial
from smbo.history.incremental import Columns, is_columnar, latest_data
from smbo.history.promotion import Reports
from smbo.problem import Problem
from smbo.store.records import StudyRecord
from smbo.store.roles import ChangeFeed
from smbo.study.load import renewed
from smbo.training_data import TrainingData
from smbo.trial import Trial, TrialState

# placeholder where a trial is about to be read
_UNREAD = Trial(-1, {}, 0)


@dataclass(frozen=True)
class Look:
    """A study at one moment.

    Attributes:
        record: its row.
        n_waiting: how many trials wait to be run.
        problem: in the space of that moment.
        data: the training data; None where no new point is needed.
    """

    record: StudyRecord
    n_waiting: int
    problem: Problem
    data: TrainingData | None = None


class StudyLog:
    """The trials of a study, read as they change.  Safe to use from several threads.

    Args:
        store: of the study.
        record: of the study, at any time.
        problem: of the study as of its record; from then on in the space of the last look.
        decode: makes a point of a trial's JSON values.
    """

    def __init__(
        self,
        store: ChangeFeed,
        record: StudyRecord,
        problem: Problem,
        decode: Callable[[dict[str, Any]], Mapping[str, Any]],
    ) -> None:
        self._store, self._record, self.problem, self._decode = store, record, problem, decode
        self._trials: list[Trial] = []  # by number
        self._waiting: set[int] = set()
        self._asked: dict[int, Trial] = {}  # by this process, and not read yet
        self._columns = Columns(problem) if is_columnar(problem) else None
        self._cursor = 0
        self._n_rolled_back = store.n_rolled_back
        self._reports: dict[int, dict[float, float]] = {}
        self._reports_cursor = 0
        self._lock = threading.RLock()

    def read(self) -> StudyRecord:
        """Read what has changed since the last look, and return the study's record."""
        with self._lock:
            if self._store.n_rolled_back != self._n_rolled_back:
                self._forget()
            before = self._record
            try:
                record, changed = self._store.changes(before.name, self._cursor, self._decode, before)
            except (PointError, DamagedStore):  # of a space that this process has not read yet?
                record, changed = self._store.changes(before.name, sys.maxsize, None, before)
                if record.problem is before.problem:
                    raise
            if record.problem is not before.problem:
                self.problem, self._record = renewed(self.problem, record), record
                self._forget()
                return self.read()
            # a place for each number; all of them are among the changed ones
            n_known = len(self._trials)
            self._trials += [_UNREAD] * (record.next_number - n_known)
            for trial in changed:
                if not 0 <= trial.number < len(self._trials):
                    raise self._damaged(f"trial {trial.number} is beyond the last, {record.next_number - 1}")
                self._trials[trial.number] = trial
                self._asked.pop(trial.number, None)
                if trial.state is TrialState.WAITING:
                    self._waiting.add(trial.number)
                else:
                    self._waiting.discard(trial.number)
            for number in range(n_known, len(self._trials)):
                if self._trials[number] is _UNREAD:
                    raise self._damaged(f"trial {number} is missing")
            if self._columns is not None:
                self._columns.put(changed)
            self._cursor, self._record = record.last_seq, record
            return record

    def _forget(self) -> None:
        """Forget all that was read: a part may have been rolled back, or is in terms of another space."""
        self._n_rolled_back = self._store.n_rolled_back
        self._asked.clear()
        self._trials.clear()
        self._waiting.clear()
        self._reports.clear()
        self._columns = Columns(self.problem) if is_columnar(self.problem) else None
        self._cursor = self._reports_cursor = 0

    def _damaged(self, what: str) -> DamagedStore:
        self._forget()
        return DamagedStore(f"study {self._record.name} is damaged: {what}; `smbo db check` lists all faults")

    @property
    def n_waiting(self) -> int:
        """How many trials wait to be run, as of the last look."""
        return len(self._waiting)

    def waiting(self) -> frozenset[int]:
        """Return the numbers of the trials that wait to be run."""
        with self._lock:
            self.read()
            return frozenset(self._waiting)

    def look(self, n: float = 0) -> Look:
        """Return the study as it stands, with the training data if fewer than n trials wait."""
        with self._lock:
            record = self.read()
            n_waiting = len(self._waiting)
            if n_waiting >= n:
                return Look(record, n_waiting, self.problem)
            return Look(
                record, n_waiting, self.problem, latest_data(self.problem, self._columns, self._trials)
            )

    def with_trials(self) -> tuple[StudyRecord, list[Trial]]:
        """Return the study's record and all its trials by number, of one moment."""
        with self._lock:
            return self.read(), self._trials.copy()

    def last_read(self) -> tuple[StudyRecord, list[Trial]]:
        """Return the study's record and its trials by number as of the last look."""
        with self._lock:
            return self._record, self._trials.copy()

    def note(self, asked: Iterable[Trial]) -> None:
        """Remember trials that this process asked for, so that recording their results needs no read."""
        with self._lock:
            self._asked.update((trial.number, trial) for trial in asked)

    def point_of(self, number: int) -> Trial:
        """Return a trial as this process asked for it or last read it: token and state may be outdated.

        Raises:
            UnknownTrial: it was never asked for.
        """
        asked = self._asked.get(number)
        if asked is not None:
            return asked
        if 0 <= number < len(self._trials):
            return self._trials[number]
        return self.trial(number)

    def trial(self, number: int) -> Trial:
        """Return a trial as it stands now.

        Raises:
            UnknownTrial: it was never asked for.
        """
        with self._lock:
            self.read()
            if not 0 <= number < len(self._trials):
                raise UnknownTrial(f"trial {number} was never asked for in study {self._record.name}")
            return self._trials[number]

    def reports(self) -> Mapping[int, Reports]:
        """Return all intermediate values: (step, value) pairs in the order of steps, by trial number."""
        with self._lock:
            if self._store.n_rolled_back != self._n_rolled_back:
                self._forget()
            for each in self._store.reports(self._record.id, self._reports_cursor):
                self._reports.setdefault(each.number, {})[each.step] = each.value
                self._reports_cursor = each.seq
            return {number: sorted(steps.items()) for number, steps in sorted(self._reports.items())}
