"""The worker's side of one execution: claim the job, run it, store the outcome, and only then return."""

from __future__ import annotations

import contextlib
import itertools
import logging
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cloudpickle

from smbo_scheduler.errors import ChildNotStarted, SpoolError, TargetNotLoaded
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Target
from smbo_scheduler.outbox.disk_full import may_pass, retry_while_full
from smbo_scheduler.outbox.heartbeat import BEATS_PER_LEASE
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.worker.call import call_target
from smbo_scheduler.worker.loading import PickledTarget

logger = logging.getLogger(__name__)

Isolation: TypeAlias = Literal["auto", "thread", "process", "fresh"]

_Call: TypeAlias = Callable[[Path], JobOutcome]  # of the execution's folder


class RunStatus(StrEnum):
    """Return value of ``run_job``; the outcome itself is in the outbox."""

    DONE = "done"
    CLAIMED_ALREADY = "claimed already"


@dataclass(frozen=True)
class Receipt:
    """Return value of a runner on Dask, where an exception would be logged with its traceback.

    Attributes:
        status: None if the job was not begun.
        not_started: why it was not, and another try may succeed.
        not_loaded: why the target cannot be loaded, now or later.
    """

    status: RunStatus | None = None
    not_started: str | None = None
    not_loaded: str | None = None


@dataclass(frozen=True)
class Runner:
    """Runs jobs in any process; it pickles.

    Args:
        target: function to call.
        outbox: where jobs are claimed and outcomes stored.
        isolation: "thread" calls the target where the runner is called; "process" in a warm child process,
            whose crash is a failure of the job alone, and which can be killed; "fresh" in a child process of
            its own; "auto" in a warm child if the job has limits, else as "thread".
        beat_seconds: time between heartbeats; None for a quarter of the outbox's lease.
    """

    target: Target | PickledTarget
    outbox: Outbox
    isolation: Isolation = "auto"
    beat_seconds: float | None = None

    def __call__(self, job: Job) -> Receipt:
        """Run a job, unless it is claimed already."""
        try:
            return Receipt(run_job(self.target, job, self.outbox, self.isolation, self.beat_seconds))
        except TargetNotLoaded as error:
            return Receipt(not_loaded=str(error))
        except ChildNotStarted as error:
            return Receipt(not_started=str(error))


@dataclass(frozen=True)
class PickledRunner:
    """A runner as bytes: pickled once, sent with every job, loaded once in each process."""

    pickled: bytes

    def __call__(self, job: Job) -> Receipt:
        """Run a job as the runner does."""
        return _loaded(self.pickled)(job)


def pickled(runner: Runner) -> PickledRunner:
    """Return a runner that is pickled once for all jobs, its target apart: a worker may never load it."""
    return PickledRunner(cloudpickle.dumps(replace(runner, target=PickledTarget.of(runner.target))))


@lru_cache(maxsize=4)
def _loaded(pickled: bytes) -> Runner:
    # safe to unpickle: its driver may run any code on this worker anyway
    runner: Runner = pickle.loads(pickled)
    return runner


@lru_cache(maxsize=4)
def _loaded_here(target: PickledTarget) -> Target:
    loaded: Target = _where_dask_loads(target.load)
    return loaded


def _where_dask_loads(do: Callable[[], Any]) -> Any:
    """Call a function in a Dask worker's event loop, usually its main thread; outside a worker directly.

    A task has a thread of its own, in which modules that install signal handlers cannot be imported.
    """
    if "distributed" not in sys.modules:
        return do()
    from distributed import get_worker

    try:
        loop = get_worker().loop
    except ValueError:  # not in a task
        return do()
    done: Future[Any] = Future()

    def call() -> None:
        try:
            done.set_result(do())
        except BaseException as error:
            done.set_exception(error)

    loop.add_callback(call)
    return done.result()


def run_job(
    target: Target | PickledTarget,
    job: Job,
    outbox: Outbox,
    isolation: Isolation = "auto",
    beat_seconds: float | None = None,
) -> RunStatus:
    """Run a job, in this process, in a child or detached from it, and store its outcome durably.

    Raises:
        TargetNotLoaded: the target cannot be loaded; the job is not claimed.
        ChildNotStarted: no process for the job can be started now; the job is not claimed.
        OSError, SchedulerError: the outbox cannot store the outcome.
    """
    if job.limits.survive:
        from smbo_scheduler.worker.detached import run_detached

        # detached in a child, so that it can be killed; "thread" is for targets that must not be
        isolation = "process" if isolation == "auto" else isolation
        work = partial(_runs_here, PickledTarget.of(target), job, outbox, isolation, beat_seconds)
        with _counted(job):
            has_run = run_detached(work, job, outbox)
        return RunStatus.DONE if has_run else RunStatus.CLAIMED_ALREADY
    return run_here(target, job, outbox, isolation, beat_seconds)


def run_here(
    target: Target | PickledTarget,
    job: Job,
    outbox: Outbox,
    isolation: Isolation = "auto",
    beat_seconds: float | None = None,
) -> RunStatus:
    """Claim a job, run it in this process or its child, and store its outcome durably.

    Waits while the outbox's disk is full or away, before and after the run.

    Raises:
        TargetNotLoaded, ChildNotStarted: as of ``run_job``.
        OSError: the outbox cannot store the outcome for another reason.
    """
    # before the claim: what cannot be loaded is not begun, and can be tried again
    with _counted(job), _place(target, job, outbox, isolation) as call:
        if not retry_while_full(lambda: outbox.claim(job)):
            logger.info("job %s is claimed or revoked already, and is not run", job.key)
            return RunStatus.CLAIMED_ALREADY
        try:
            with _beating(job, outbox, beat_seconds or outbox.lease_seconds / BEATS_PER_LEASE):
                outcome = call(retry_while_full(lambda: outbox.attempt_folder(job)))
                retry_while_full(lambda: _write(outbox, outcome), passes=may_pass)
        except BaseException:
            # else this process, which continues, would seem to run the job for ever
            outbox.abandon(job)
            raise
    return RunStatus.DONE


@contextlib.contextmanager
def _place(target: Target | PickledTarget, job: Job, outbox: Outbox, isolation: Isolation) -> Iterator[_Call]:
    """Yield a function that runs the job in its folder: in a child process, or here."""
    limited = job.limits.time_seconds is not None or job.limits.memory_bytes is not None
    if isolation == "thread" or (isolation == "auto" and not limited):
        here = _loaded_here(target) if isinstance(target, PickledTarget) else target
        yield lambda folder: call_target(here, job, folder)
        return
    from smbo_scheduler.worker.child import give_back, take_child

    pickled = PickledTarget.of(target)
    child = take_child(pickled)
    try:
        yield lambda folder: child.run(job, folder, lambda: outbox.is_asked_to_end(job))
    except BaseException:
        child.kill()
        raise
    # after the outcome is stored: a child that takes its place must not keep the driver waiting
    give_back(child, pickled, is_kept=isolation != "fresh")


def _runs_here(
    target: PickledTarget, job: Job, outbox: Outbox, isolation: Isolation, beat_seconds: float | None
) -> bool:
    return run_here(target, job, outbox, isolation, beat_seconds) is RunStatus.DONE


def _write(outbox: Outbox, outcome: JobOutcome) -> None:
    try:
        outbox.write(outcome)
    except SpoolError as error:
        outbox.write(
            replace(outcome, status=JobStatus.ERROR, result=None, reason="bad-output", error=str(error))
        )


_running: set[str] = set()


def running_jobs() -> int:
    """Return the number of jobs that this process runs."""
    return len(_running)


@contextlib.contextmanager
def _counted(job: Job) -> Iterator[None]:
    _running.add(job.key)
    try:
        yield
    finally:
        _running.discard(job.key)


@contextlib.contextmanager
def _beating(job: Job, outbox: Outbox, beat_seconds: float) -> Iterator[None]:
    """Write a job's heartbeats while the block runs."""
    over = threading.Event()

    def keep_beating() -> None:
        for count in itertools.count(1):
            if over.wait(beat_seconds):
                return
            # a disk error must not end the heartbeats: the next write may succeed
            with contextlib.suppress(OSError):
                outbox.beat(job, count)

    thread = threading.Thread(target=keep_beating, name=f"beat of {job.key}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
