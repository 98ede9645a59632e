"""The scheduler loop: jobs from a source to an executor, outcomes back; one thread, no barriers."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from smbo_scheduler.errors import Unavailable
from smbo_scheduler.jobs import Executor, Job, JobOutcome, JobStatus, Source
from smbo_scheduler.outbox.disk_full import may_pass, will_pass

logger = logging.getLogger(__name__)

_SOON_SECONDS = 0.01  # between requests for a job that is being prepared while a slot is free


class Stop(IntEnum):
    """How urgently a run is asked to end; a higher value includes the lower ones."""

    GO = 0  # no stop is requested
    DRAIN = 1  # start no further job, wait for running ones
    CANCEL = 2  # end running jobs
    EXIT = 3  # leave at once; the next run adopts running jobs


class RunEnd(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"  # the source has no further job
    DRAINED = "drained"  # a stop was requested, and running jobs have ended by themselves
    CANCELLED = "cancelled"  # a stop was requested, and running jobs were ended
    LEFT = "left"  # an immediate exit was requested


@dataclass(frozen=True)
class Progress:
    """Progress of a run.

    Attributes:
        capacity: present number of slots.
        running: jobs in flight, in the order of their start.
        n_by_status: number of executions that ended with each status during this run.
        stop: most urgent stop requested so far.
        seconds: time since the run began.
        message: reason why the run waits, if it is blocked.
        latest: the outcome just recorded, None if the report has another cause.
    """

    capacity: int
    running: tuple[Job, ...]
    n_by_status: dict[JobStatus, int]
    stop: Stop
    seconds: float
    message: str | None = None
    latest: JobOutcome | None = None


@dataclass(frozen=True)
class Summary:
    """The reason for the end of a run, and its counts."""

    end: RunEnd
    n_by_status: dict[JobStatus, int]
    seconds: float


def never_stop() -> Stop:
    """Return GO: no stop is requested."""
    return Stop.GO


def no_spare(_n_slots: int) -> int:
    """Return 0: as many jobs in flight as slots."""
    return 0


def ignore_progress(_progress: Progress) -> None:
    """Ignore a progress report."""


def run(
    source: Source,
    executor: Executor,
    *,
    clock: Callable[[], float] = time.monotonic,
    stop: Callable[[], Stop] = never_stop,
    on_progress: Callable[[Progress], None] = ignore_progress,
    poll_seconds: float = 0.5,
    spare: Callable[[int], int] = no_spare,
) -> Summary:
    """Run jobs until the source is finished or a stop is requested.

    At most as many jobs are in flight as there are slots, plus ``spare``.  Each new outcome is recorded
    with the source and then settled with the executor, and a new job takes the slot.  Jobs whose driver is
    dead are taken over as soon as the source returns them.  While the source is unavailable, or a disk is
    full or away, the run reports this in its progress and tries again.

    Args:
        source, executor: where jobs come from and where they run.
        clock: monotonic seconds.
        stop: called repeatedly; see ``Stop``.
        on_progress: called when the progress has changed.
        poll_seconds: longest wait before ``stop`` is called again.
        spare: number of jobs beyond the slots, given their number, so that a worker need not wait for
            its next job.

    Raises:
        Whatever the source raises except Unavailable.  The executor is left open.
    """
    return _Run(source, executor, clock, stop, on_progress, poll_seconds, spare).run()


class _Run:
    """The state of one run."""

    def __init__(
        self,
        source: Source,
        executor: Executor,
        clock: Callable[[], float],
        stop: Callable[[], Stop],
        on_progress: Callable[[Progress], None],
        poll_seconds: float,
        spare: Callable[[int], int],
    ) -> None:
        self._source = source
        self._executor = executor
        self._clock = clock
        self._ask_stop = stop
        self._on_progress = on_progress
        self._poll_seconds = poll_seconds
        self._spare = spare
        self._places = 0  # slots plus spare jobs
        self._began = clock()
        self._flight: dict[str, Job] = {}
        self._unrecorded: deque[JobOutcome] = deque()
        self._trouble: str | None = None
        self._poll_trouble: str | None = None
        self._cancelled: set[str] = set()
        self._n_by_status: dict[JobStatus, int] = {}
        self._stop = Stop.GO
        self._capacity = 0
        self._is_preparing = False
        self._told: tuple[object, ...] | None = None
        self._logged: tuple[Stop, str | None] = (Stop.GO, None)

    def run(self) -> Summary:
        while (end := self._step()) is None:
            pass
        return Summary(end, dict(self._n_by_status), self._clock() - self._began)

    def _step(self) -> RunEnd | None:
        """Record outcomes, start jobs, wait once; return the reason for the end, None to continue."""
        self._stop = max(self._stop, self._ask_stop())
        if self._stop is Stop.EXIT:
            return RunEnd.LEFT
        end = self._unless_unavailable(self._advance)
        if end is not None:
            return end
        self._report()
        self._poll()
        self._unless_unavailable(self._record_all)
        return None

    def _poll(self) -> None:
        """Collect outcomes; while the disk that they are on is full or away, note why and wait."""
        try:
            self._unrecorded += self._executor.poll(self._poll_seconds_now())
        except OSError as error:
            # the run has begun, so the disk could be reached before
            if not may_pass(error):
                raise
            self._poll_trouble = str(error)
            time.sleep(self._poll_seconds)
            return
        self._poll_trouble = None

    def _unless_unavailable(self, do: Callable[[], RunEnd | None]) -> RunEnd | None:
        """Do a part of a step; if the source is unavailable or a disk full, note why and end it."""
        try:
            end = do()
        except (Unavailable, OSError) as error:
            if not isinstance(error, Unavailable) and not will_pass(error):
                raise
            self._trouble = str(error)
            return None
        self._trouble = None
        return end

    def _record_all(self) -> None:
        if not self._unrecorded:
            return
        with self._source.together():
            for outcome in self._unrecorded:
                self._source.record(outcome)
        while self._unrecorded:
            self._settle(self._unrecorded[0])
            self._unrecorded.popleft()

    def _advance(self) -> RunEnd | None:
        """Record outcomes and start jobs; return the reason for the end, None to continue."""
        self._record_all()
        if self._stop is Stop.CANCEL:
            self._cancel_all()
        self._is_preparing = False
        if self._stop is Stop.GO:
            self._adopt(self._source.orphans())
            self._start_jobs()
            self._is_preparing = self._source.prefetch()
        if not self._flight:
            if self._stop is not Stop.GO:
                return RunEnd.CANCELLED if self._cancelled else RunEnd.DRAINED
            if self._source.is_finished():
                return RunEnd.FINISHED
        return None

    def _poll_seconds_now(self) -> float:
        """Return how long to wait for an outcome: briefly while a free slot waits for a job."""
        is_soon = self._is_preparing and self._places > len(self._flight)
        return min(self._poll_seconds, _SOON_SECONDS) if is_soon else self._poll_seconds

    def _adopt(self, jobs: Sequence[Job]) -> None:
        strange = [job for job in jobs if job.key not in self._flight]
        if strange:
            logger.info("waits for %d evaluations that another driver started", len(strange))
            self._flight.update({job.key: job for job in strange})
            self._executor.adopt(strange)

    def _start_jobs(self) -> None:
        self._capacity = self._executor.capacity()
        self._places = self._capacity + self._spare(self._capacity)
        free = self._places - len(self._flight)
        # the source returns fewer jobs if proposing takes long: the first free slot should not wait for the
        # proposal of the last one
        while free > 0 and not self._source.is_finished():
            jobs = self._source.next_jobs(free)
            if not jobs:
                return
            for job in jobs:
                self._flight[job.key] = job
                logger.debug("job %s is sent", job.key)
                self._executor.submit(job)
            free -= len(jobs)
            self._report()

    def _cancel_all(self) -> None:
        for key, job in self._flight.items():
            if key not in self._cancelled:
                self._executor.cancel(job)
                self._cancelled.add(key)

    def _settle(self, outcome: JobOutcome) -> None:
        self._executor.settle(outcome)
        logger.debug("job %s is settled: %s", outcome.job.key, outcome.status.value)
        self._flight.pop(outcome.job.key, None)
        self._n_by_status[outcome.status] = self._n_by_status.get(outcome.status, 0) + 1
        self._report(outcome)

    def _report(self, latest: JobOutcome | None = None) -> None:
        """Report the progress, unless it has not changed since the last report."""
        message = self._message()
        state = (self._capacity, tuple(self._flight), tuple(self._n_by_status.items()), self._stop, message)
        if latest is None and state == self._told:
            return
        self._told = state
        self._log(message)
        self._on_progress(
            Progress(
                capacity=self._capacity,
                running=tuple(self._flight.values()),
                n_by_status=dict(self._n_by_status),
                stop=self._stop,
                seconds=self._clock() - self._began,
                message=message,
                latest=latest,
            )
        )

    def _log(self, message: str | None) -> None:
        """Log which stop is asked for and why the run waits, where that has changed."""
        (stop, before), self._logged = self._logged, (self._stop, message)
        if self._stop is not stop:
            logger.info("asked to stop (%s) while %d run", self._stop.name.lower(), len(self._flight))
        if message != before and self._stop is Stop.GO:
            if message is None:
                logger.info("resolved: %s", before)
            else:
                level = logging.WARNING if message == self._trouble_now() else logging.INFO
                logger.log(level, "%s", message)

    def _trouble_now(self) -> str | None:
        return self._trouble or self._poll_trouble or self._executor.trouble()

    def _message(self) -> str | None:
        trouble = self._trouble_now()
        if trouble is not None:
            return trouble
        if self._stop is Stop.DRAIN:
            return f"stopping: waiting for {len(self._flight)} running"
        if self._stop is Stop.CANCEL:
            return f"stopping: ending {len(self._flight)} running"
        if self._capacity == 0 and self._stop is Stop.GO:
            return "waiting for a worker"
        return None
