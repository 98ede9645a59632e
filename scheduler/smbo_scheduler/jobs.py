"""Jobs and their outcomes, plain values that travel between processes; protocols of executors and sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable


@dataclass(frozen=True)
class Limits:
    """Limits on one execution; None means no limit.

    Attributes:
        time_seconds, memory_bytes: limits beyond which the execution is killed.
        survive: whether the execution continues when its worker, the scheduler or the driver dies.
    """

    time_seconds: float | None = None
    memory_bytes: int | None = None
    survive: bool = False


@dataclass(frozen=True)
class Job:
    """One execution of one trial: an attempt.

    Attributes:
        study: an identifier safe in file names and Dask keys: [A-Za-z0-9][A-Za-z0-9._-]{0,99}.
        number: the trial's number.
        token: the attempt's fencing token; no two executions share one.
        payload: argument of the target; plain JSON values.
        limits: limits of the execution.
        resources: Dask worker resources that the job occupies, such as {"GPU": 1}.
        keeps_folder: whether its folder is kept, as the checkpoint of a later job.
    """

    study: str
    number: int
    token: int
    payload: Mapping[str, Any]
    limits: Limits = Limits()
    resources: Mapping[str, float] = field(default_factory=dict)
    keeps_folder: bool = False

    @property
    def key(self) -> str:
        return f"{self.study}-{self.number}-{self.token}"


class JobStatus(StrEnum):
    """How an execution ended."""

    OK = "ok"  # the target returned
    ERROR = "error"  # the target raised
    TIMEOUT = "timeout"  # ended at its time limit
    MEMORY = "memory"  # ended at its memory limit
    LOST = "lost"  # its process, worker or host died, through no fault of the target
    CANCELLED = "cancelled"  # ended on request


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended, with its result or error.

    Attributes:
        job: the execution.
        status: how it ended.
        result: return value of the target (plain JSON values), for OK.
        reason, error: for every other status: a word, and the text (traceback, stderr).
        started, ended: wall-clock times, seconds since the epoch; None if it never started.
        host, pid: host and process of the execution.
    """

    job: Job
    status: JobStatus
    result: Mapping[str, Any] | None = None
    reason: str | None = None
    error: str | None = None
    started: float | None = None
    ended: float | None = None
    host: str | None = None
    pid: int | None = None


class JobContext(Protocol):
    """The context of one execution, passed to the target on the worker beside the payload."""

    @property
    def folder(self) -> Path:
        """A fresh folder for this execution alone."""
        ...

    def report(self, step: float, value: float) -> None:
        """Report an intermediate value."""
        ...

    def is_asked_to_stop(self) -> bool:
        """Return whether the execution may stop: its reports are enough."""
        ...


# Called on the worker with the job's payload.  It returns plain JSON values, or raises; an
# exception's attribute ``reason`` (a word), if any, becomes that of the outcome.
Target: TypeAlias = Callable[[Mapping[str, Any], JobContext], Mapping[str, Any]]


class JobQueue(Protocol):
    """Start jobs, and return their outcomes."""

    def submit(self, job: Job) -> None:
        """Start a job; called for at most as many jobs as there are free slots."""
        ...

    def poll(self, timeout_seconds: float) -> Sequence[JobOutcome]:
        """Return the new outcomes, as soon as there is one or the time is over."""
        ...

    def cancel(self, job: Job) -> None:
        """Request the end of a job; its outcome is still returned by ``poll``."""
        ...


class Capacity(Protocol):
    """How many jobs can run, and why no more can."""

    @property
    def runs_elsewhere(self) -> bool:
        """Whether jobs run outside this process, which is then free for other work."""
        ...

    def capacity(self) -> int:
        """Return how many jobs can run at once now (all slots, busy ones included)."""
        ...

    def trouble(self) -> str | None:
        """Return in words why jobs cannot run or outcomes cannot be stored, None if they can."""
        ...


class Recovery(Protocol):
    """Jobs that outlive a driver, and outcomes that are stored until they are recorded."""

    def adopt(self, jobs: Sequence[Job]) -> None:
        """Take over unfinished jobs of an earlier driver.

        ``poll`` returns their outcomes like all others: the stored ones, and LOST for jobs that no
        process runs any more.
        """
        ...

    def settle(self, outcome: JobOutcome) -> None:
        """Discard the stored outcome of a job, after it was recorded durably."""
        ...


@runtime_checkable
class Executor(JobQueue, Capacity, Recovery, Protocol):
    """Where jobs run."""

    def close(self) -> None:
        """Release all resources; running jobs are ended if this executor owns their processes."""
        ...


class JobSupply(Protocol):
    """Where jobs come from."""

    def next_jobs(self, n: int) -> Sequence[Job]:
        """Return at most n jobs to start now; none when nothing can start at present."""
        ...

    def prefetch(self) -> bool:
        """Prepare later jobs in advance if useful; called often, whether a slot is free or not.

        Returns:
            Whether a job is being prepared, so that ``next_jobs`` should be called again soon.
        """
        ...

    def is_finished(self) -> bool:
        """Return whether there will be no further job (those in flight may still be running)."""
        ...


class OutcomeLog(Protocol):
    """Where outcomes are recorded."""

    def record(self, outcome: JobOutcome) -> None:
        """Record an outcome: durably, once the block of ``together`` around the call has succeeded."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Return a block whose outcomes are recorded at its end, all or none."""
        ...


class Source(JobSupply, OutcomeLog, Protocol):
    """A supply of jobs that records their outcomes, and returns the jobs of dead drivers."""

    def orphans(self) -> Sequence[Job]:
        """Return jobs whose driver is dead, to be taken over; called repeatedly."""
        ...
