"""The worker's side of one execution: claim the job, run it, store the outcome, and only then return."""

from __future__ import annotations

import contextlib
import itertools
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, Literal, TypeAlias

import cloudpickle

from smbo_scheduler.errors import SpoolError
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Target
from smbo_scheduler.outbox.disk_full import retry_while_full
from smbo_scheduler.outbox.heartbeat import BEATS_PER_LEASE
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.worker.call import call_target

Isolation: TypeAlias = Literal["auto", "thread", "process"]


class RunStatus(StrEnum):
    """Return value of a runner; the outcome itself is in the outbox."""

    DONE = "done"
    CLAIMED_ALREADY = "claimed already"


@dataclass(frozen=True)
class Runner:
    """Runs jobs in any process; it pickles.

    Args:
        target: function to call.
        outbox: where jobs are claimed and outcomes stored.
        isolation: "thread" calls the target where the runner is called; "process" in a warm
            child process, so that it can be killed; "auto" in a child if the job has limits.
        beat_seconds: time between heartbeats; None for a quarter of the outbox's lease.
    """

    target: Target
    outbox: Outbox
    isolation: Isolation = "auto"
    beat_seconds: float | None = None

    def __call__(self, job: Job) -> str:
        """Run a job, unless it is claimed already; return the value of a RunStatus."""
        return run_job(self.target, job, self.outbox, self.isolation, self.beat_seconds).value


@dataclass(frozen=True)
class PickledRunner:
    """A runner as bytes: pickled once, sent with every job, loaded once in each process."""

    pickled: bytes

    def __call__(self, job: Job) -> str:
        """Run a job as the runner does."""
        return _loaded(self.pickled)(job)


def pickled(runner: Runner) -> PickledRunner:
    """Return a runner that is pickled once for all jobs."""
    return PickledRunner(cloudpickle.dumps(runner))


@lru_cache(maxsize=4)
def _loaded(pickled: bytes) -> Runner:
    # safe to unpickle: its driver may run any code on this worker anyway
    runner: Runner = _where_dask_loads(partial(pickle.loads, pickled))
    return runner


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
    target: Target,
    job: Job,
    outbox: Outbox,
    isolation: Isolation = "auto",
    beat_seconds: float | None = None,
) -> RunStatus:
    """Run a job, in this process or detached from it, and store its outcome durably.

    Raises:
        OSError, SchedulerError: the outbox cannot store the outcome.
    """
    if job.limits.survive:
        from smbo_scheduler.worker.detached import run_detached

        # detached in a child, so that it can be killed; "thread" is for targets that must not be
        work = partial(_runs_here, target, job, outbox, "process" if isolation == "auto" else isolation)
        with _counted(job):
            has_run = run_detached(partial(work, beat_seconds), job, outbox)
        return RunStatus.DONE if has_run else RunStatus.CLAIMED_ALREADY
    return run_here(target, job, outbox, isolation, beat_seconds)


def run_here(
    target: Target,
    job: Job,
    outbox: Outbox,
    isolation: Isolation = "auto",
    beat_seconds: float | None = None,
) -> RunStatus:
    """Claim a job, run it, and store its outcome durably.

    Waits while the outbox's disk is full, before and after the run.

    Raises:
        OSError: the outbox cannot store the outcome for another reason.
    """
    if not retry_while_full(lambda: outbox.claim(job)):
        return RunStatus.CLAIMED_ALREADY
    try:
        with _counted(job), _beating(job, outbox, beat_seconds or outbox.lease_seconds / BEATS_PER_LEASE):
            outcome = _run(target, job, outbox, isolation)
            retry_while_full(lambda: _write(outbox, outcome))
    except BaseException:
        # else this process, which continues, would seem to run the job for ever
        outbox.abandon(job)
        raise
    return RunStatus.DONE


def _runs_here(
    target: Target, job: Job, outbox: Outbox, isolation: Isolation, beat_seconds: float | None
) -> bool:
    return run_here(target, job, outbox, isolation, beat_seconds) is RunStatus.DONE


def _write(outbox: Outbox, outcome: JobOutcome) -> None:
    try:
        outbox.write(outcome)
    except SpoolError as error:
        outbox.write(
            replace(outcome, status=JobStatus.ERROR, result=None, reason="bad-output", error=str(error))
        )


def _run(target: Target, job: Job, outbox: Outbox, isolation: Isolation) -> JobOutcome:
    folder = retry_while_full(lambda: outbox.attempt_folder(job))
    limited = job.limits.time_seconds is not None or job.limits.memory_bytes is not None
    if isolation == "process" or (isolation == "auto" and limited):
        from smbo_scheduler.worker.child import call_in_child

        return call_in_child(target, job, folder, lambda: outbox.is_asked_to_end(job))
    return call_target(target, job, folder)


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
