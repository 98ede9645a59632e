"""Several jobs at a time, each in a child process of this one."""

from __future__ import annotations

import contextlib
import logging
import queue
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar

from smbo_scheduler.errors import SchedulerError, TargetNotLoaded
from smbo_scheduler.executors.liveness import final_outcome, lost
from smbo_scheduler.jobs import Job, JobOutcome, Target
from smbo_scheduler.outbox.claim import Claim
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.outbox.processes import this_process
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.worker.child import close_children
from smbo_scheduler.worker.loading import PickledTarget, cannot_load
from smbo_scheduler.worker.runner import Isolation, run_job

logger = logging.getLogger(__name__)

_SCAN_SECONDS = 0.5  # between checks of adopted jobs


class ProcessExecutor:
    """Runs jobs in a pool of warm child processes, which end when this process does.

    Args:
        target: function to call; it must pickle.
        n_workers: largest number of children.
        spool: where outcomes are stored until they are recorded; a temporary folder if None.
        isolation: "process", or "fresh" for a new child for each job.

    Raises:
        SchedulerError: an argument makes no sense.
    """

    runs_elsewhere: ClassVar[bool] = True

    def __init__(
        self,
        target: Target,
        n_workers: int,
        spool: Outbox | None = None,
        *,
        isolation: Isolation = "process",
    ) -> None:
        if n_workers < 1:
            raise SchedulerError(f"n_workers is {n_workers}; at least one is needed")
        if isolation not in ("process", "fresh"):
            raise SchedulerError(
                f"isolation={isolation!r}; give 'process' or 'fresh': jobs run in children here"
            )
        self._target, self._isolation = PickledTarget.of(target), isolation
        self._n_workers = n_workers
        self._temporary = None if spool else tempfile.TemporaryDirectory(prefix="spool-")
        self._spool: Outbox = spool or Spool(self._temporary.name if self._temporary else "")
        # one thread for each child, only to wait for it
        self._threads = ThreadPoolExecutor(n_workers, thread_name_prefix="child")
        self._running: dict[str, Job] = {}
        self._adopted: dict[str, Job] = {}
        # not a SimpleQueue: until Python 3.13 its get(timeout=…) waits for ever if a signal is handled as
        # the time runs out, and then no Ctrl-C ends a run
        self._done: queue.Queue[tuple[Job, Future[object]]] = queue.Queue()
        self._us = this_process()

    def capacity(self) -> int:
        """Return the number of children."""
        return self._n_workers

    def trouble(self) -> str | None:
        """Return in words why outcomes cannot be stored at present, None if they can."""
        return self._spool.trouble()

    def submit(self, job: Job) -> None:
        """Start a job in a child."""
        self._running[job.key] = job
        future: Future[object] = self._threads.submit(
            run_job, self._target, job, self._spool, isolation=self._isolation
        )
        future.add_done_callback(lambda done: self._done.put((job, done)))

    def poll(self, timeout_seconds: float) -> Sequence[JobOutcome]:
        """Return the new outcomes, as soon as there is one or the time is over.

        Raises:
            TargetNotLoaded: the children cannot load the target.
        """
        until = time.monotonic() + timeout_seconds
        while True:
            outcomes = self._look_at_adopted()
            left = until - time.monotonic()
            wait = 0.0 if outcomes else min(left, _SCAN_SECONDS) if self._adopted else left
            outcomes += self._finished(wait)
            if outcomes or left <= 0:
                return outcomes

    def adopt(self, jobs: Sequence[Job]) -> None:
        """Take over jobs of an earlier driver."""
        self._adopted.update({job.key: job for job in jobs})

    def settle(self, outcome: JobOutcome) -> None:
        """Drop an outcome that is recorded."""
        self._spool.discard(outcome)

    def cancel(self, job: Job) -> None:
        """End a job's child; a job that has not started is revoked."""
        if job.key in self._running or job.key in self._adopted:
            self._spool.ask_to_end(job)

    def close(self) -> None:
        """End running jobs and all children."""
        for job in self._running.values():
            self._spool.ask_to_end(job)
        self._threads.shutdown(wait=True, cancel_futures=True)
        close_children()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _finished(self, wait_seconds: float) -> list[JobOutcome]:
        """Return the outcomes of our own jobs, waiting at most this long for the first."""
        outcomes = []
        with contextlib.suppress(queue.Empty):
            outcomes.append(self._outcome(*self._done.get(timeout=max(wait_seconds, 0.0))))
            while True:
                outcomes.append(self._outcome(*self._done.get_nowait()))
        return outcomes

    def _outcome(self, job: Job, future: Future[object]) -> JobOutcome:
        self._running.pop(job.key, None)
        error = None if future.cancelled() else future.exception()
        outcome = self._spool.read(job)
        if outcome is not None:
            return outcome
        if isinstance(error, TargetNotLoaded):
            raise TargetNotLoaded(cannot_load("the child processes", str(error))) from error
        why = "its token was used before" if error is None else f"{type(error).__name__}: {error}"
        logger.info("job %s is lost: %s", job.key, why)
        return lost(job, why)

    def _look_at_adopted(self) -> list[JobOutcome]:
        outcomes = []
        for job in list(self._adopted.values()):
            outcome = final_outcome(job, self._spool, self._is_alive)
            if outcome is not None:
                del self._adopted[job.key]
                outcomes.append(outcome)
        return outcomes

    def _is_alive(self, claim: Claim) -> bool:
        # jobs of this process are in _running; any other claim of its own was left by an interrupt
        return claim.owner != self._us and self._spool.is_alive(claim)
