"""One job at a time, in this process."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar

from smbo_scheduler.errors import ChildNotStarted, TargetNotLoaded
from smbo_scheduler.executors.liveness import final_outcome, lost
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Target
from smbo_scheduler.outbox.claim import Claim
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.outbox.processes import this_process
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.worker.loading import PickledTarget, cannot_load
from smbo_scheduler.worker.runner import Isolation, run_job


class SerialExecutor:
    """Runs each job inside ``poll``: in this process, or in one child process of it.

    Args:
        target: function to call.
        spool: where outcomes are stored until they are recorded; a temporary folder if None.
        isolation: as for ``Runner``.
        sleep: how to wait when there is no job.

    Raises:
        SchedulerError: the target cannot be sent to a child process.
    """

    runs_elsewhere: ClassVar[bool] = False

    def __init__(
        self,
        target: Target,
        spool: Outbox | None = None,
        *,
        isolation: Isolation = "auto",
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        # at once: a target that cannot travel is an error before the first job
        is_sent = isolation in ("process", "fresh")
        self._target: Target | PickledTarget = PickledTarget.of(target) if is_sent else target
        self._temporary = None if spool else tempfile.TemporaryDirectory(prefix="spool-")
        self._spool: Outbox = spool or Spool(self._temporary.name if self._temporary else "")
        self._isolation = isolation
        self._sleep = sleep
        self._waiting: deque[Job] = deque()
        self._adopted: dict[str, Job] = {}
        self._ready: deque[JobOutcome] = deque()
        self._us = this_process()

    def capacity(self) -> int:
        """Return 1."""
        return 1

    def trouble(self) -> str | None:
        """Return in words why outcomes cannot be stored at present, None if they can."""
        return self._spool.trouble()

    def submit(self, job: Job) -> None:
        """Queue a job for the next ``poll``."""
        self._waiting.append(job)

    def poll(self, timeout_seconds: float) -> Sequence[JobOutcome]:
        """Run one submitted job to its end, however long it takes, and return the new outcomes.

        Raises:
            TargetNotLoaded: the child process cannot load the target.
        """
        if self._waiting:
            job = self._waiting.popleft()
            try:
                run_job(self._target, job, self._spool, self._isolation)
            except TargetNotLoaded as error:
                raise TargetNotLoaded(cannot_load("the child process", str(error))) from error
            except ChildNotStarted as error:
                self._ready.append(lost(job, str(error)))
            else:
                self._adopted[job.key] = job
        for job in list(self._adopted.values()):
            outcome = final_outcome(job, self._spool, self._is_alive)
            if outcome is not None:
                del self._adopted[job.key]
                self._ready.append(outcome)
        if not self._ready:
            self._sleep(timeout_seconds)
        outcomes = list(self._ready)
        self._ready.clear()
        return outcomes

    def adopt(self, jobs: Sequence[Job]) -> None:
        """Take over jobs of an earlier driver."""
        self._adopted.update({job.key: job for job in jobs})

    def settle(self, outcome: JobOutcome) -> None:
        """Drop an outcome that is recorded."""
        self._spool.discard(outcome)

    def cancel(self, job: Job) -> None:
        """Revoke a job that has not started; a running one ends by itself."""
        if job in self._waiting:
            self._waiting.remove(job)
            self._ready.append(JobOutcome(job, JobStatus.CANCELLED, reason="cancelled"))

    def close(self) -> None:
        """End the child process, if there is one, and drop the temporary spool."""
        from smbo_scheduler.worker.child import close_children

        close_children()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _is_alive(self, claim: Claim) -> bool:
        # between two polls no job runs in this process: a claim of its own was left by an interrupt
        return claim.owner != self._us and self._spool.is_alive(claim)
