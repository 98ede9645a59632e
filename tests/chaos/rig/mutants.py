"""Ways to break the product, each of which a scenario must catch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

VARIABLE = "CHAOS_MUTANT"


class CannotBreak(Exception):
    """A mutant names what the product no longer has."""


def apply(name: str | None) -> None:
    """Break the product in this process as the mutant of this name does; nothing if it is empty.

    Raises:
        CannotBreak: the product has changed, and the mutant has not.
    """
    if not name:
        return
    try:
        MUTANTS[name]()
    except (AttributeError, ImportError) as error:
        raise CannotBreak(f"the mutant {name!r} does not fit the product any more: {error}") from error


def swap(owner: Any, name: str, new: Any) -> None:
    """Put something else in the place of what the product has under this name."""
    getattr(owner, name)  # else nothing would be broken
    setattr(owner, name, new)


def forget() -> None:
    """Say that an outcome is kept when it is not, one time in five."""
    from smbo_scheduler.outbox.spool import Spool

    write, count = Spool.write, iter(range(10**9))

    def forgetting(self, outcome):
        if next(count) % 5 != 4:
            write(self, outcome)

    Spool.write = forgetting


def settle_first() -> None:
    """Drop an outcome from the spool before it is in the store."""
    from smbo_scheduler.loop import _Run

    record = _Run._record_all

    def settling(self):
        for outcome in self._unrecorded:
            self._executor.settle(outcome)
            time.sleep(0.02)
        record(self)

    _Run._record_all = settling


def clean_start() -> None:
    """Begin each run with an empty spool."""
    from smbo_scheduler.outbox.spool import Spool

    make = Spool.__init__

    def cleaning(self, *args, **kwargs):
        make(self, *args, **kwargs)
        for path in (self.folder / "outcomes").glob("*.json"):
            path.unlink(missing_ok=True)

    Spool.__init__ = cleaning


def budget_outside() -> None:
    """Judge the budget before the ask transaction only, and take any number of trials at once."""
    from smbo.store import ask as asking
    from smbo.store.store import SqlStore

    ask = SqlStore.ask

    def late(self, *args):
        time.sleep(3.0)  # between the look and the leap: several drivers are always at it
        return ask(self, *args)

    swap(asking, "check_budget", lambda *_: None)
    swap(asking, "_refuse_stale", lambda *_: None)
    SqlStore.ask = late


def impatient() -> None:
    """Give an outcome up that finds no room in the spool."""
    from smbo_scheduler.worker import runner

    swap(runner, "retry_while_full", lambda do, **_: do())


def no_waiting() -> None:
    """End the run when the store is full."""
    from smbo_scheduler.loop import _Run

    swap(_Run, "_unless_unavailable", lambda self, do: do())


def refuse_late() -> None:
    """Count a result only if its attempt is the trial's latest and was never given up."""
    from smbo.store import tell as telling

    counts = telling._counts

    def strict(trial, attempt, result):
        is_late = attempt.outcome is not None or attempt.token != trial.token
        return counts(trial, attempt, result) and not is_late

    telling._counts = strict


def any_claim() -> None:
    """Let anybody run an attempt, however often it was claimed."""
    from smbo_scheduler.outbox.spool import Spool

    claim = Spool.claim

    def claiming(self, job):
        claim(self, job)
        return True

    def folder_of(self, job):
        folder = self.folder / "attempts" / job.key
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    swap(Spool, "claim", claiming)
    swap(Spool, "attempt_folder", folder_of)


def wall_clock() -> None:
    """Judge beats by the wall clock, and look at them often enough to catch them standing still."""
    from smbo.study import takeover
    from smbo_scheduler.executors import process
    from smbo_scheduler.outbox.heartbeat import Heartbeats

    poll = process.ProcessExecutor.poll

    def briefly(self, timeout_seconds):
        return poll(self, min(timeout_seconds, 0.05))  # longer, and each beat has moved in between

    def by_wall_clock(self, key, beat):
        moved = self._seen.get(key)
        if moved is None or moved[0] != beat:
            self._seen[key] = moved = (beat, time.time())
        return time.time() - moved[1]

    swap(Heartbeats, "still_for", by_wall_clock)
    swap(takeover, "_LOOK_SECONDS", 0.05)
    swap(process, "_SCAN_SECONDS", 0.05)
    swap(process.ProcessExecutor, "poll", briefly)


def leak() -> None:
    """Keep a descriptor for each result."""
    from smbo.store.store import SqlStore

    tell, kept = SqlStore.tell, []

    def leaking(self, *args):
        kept.append(os.open(os.devnull, os.O_RDONLY))
        return tell(self, *args)

    SqlStore.tell = leaking


MUTANTS: dict[str, Callable[[], None]] = {
    "any-claim": any_claim,
    "forget": forget,
    "leak": leak,
    "refuse-late": refuse_late,
    "wall-clock": wall_clock,
    "impatient": impatient,
    "no-waiting": no_waiting,
    "settle-first": settle_first,
    "clean-start": clean_start,
    "budget-outside": budget_outside,
}
