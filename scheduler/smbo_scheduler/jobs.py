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
        time_seconds, memory_bytes: beyond which it is killed.
        survive: whether it continues when its worker, the scheduler or the driver dies.
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
        payload: what the target is called with; plain JSON values.
        limits: what the execution may use.
        resources: Dask worker resources that it occupies, such as {"GPU": 1}.
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
    TIMEOUT = "timeout"  # it was ended at its time limit
    MEMORY = "memory"  # it was ended at its memory limit
    LOST = "lost"  # its process, worker or host went away, through no fault of the target
    CANCELLED = "cancelled"  # it was asked to end


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended, with its result or error.

    Attributes:
        job: the execution.
        status: how it ended.
        result: what the target returned (plain JSON values) if it did.
        reason, error: for every other status: a word, and the text (traceback, stderr).
        started, ended: wall-clock times, seconds since the epoch; None if it never started.
        host, pid: where it ran.
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
    """What a target is given for one execution, on the worker, beside its payload."""

    @property
    def folder(self) -> Path:
        """A fresh folder for this execution alone."""
        ...

    def report(self, step: float, value: float) -> None:
        """Report an intermediate value."""
        ...

    def is_asked_to_stop(self) -> bool:
        """Return whether the execution need not go on: what it has reported is enough."""
        ...


# Called on the worker with the job's payload.  It returns plain JSON values, or raises; an
# exception's attribute ``reason`` (a word), where it has one, becomes the outcome's.
Target: TypeAlias = Callable[[Mapping[str, Any], JobContext], Mapping[str, Any]]


class JobQueue(Protocol):
    """Start jobs, and hear how they ended."""

    def submit(self, job: Job) -> None:
        """Start a job; never more of them than there are free slots."""
        ...

    def poll(self, timeout_seconds: float) -> Sequence[JobOutcome]:
        """Return the outcomes that are new, as soon as there is one or the time is over."""
        ...

    def cancel(self, job: Job) -> None:
        """Ask a job to end; its outcome still comes through ``poll``."""
        ...


class Capacity(Protocol):
    """How many jobs can run, and what stands in their way."""

    @property
    def runs_elsewhere(self) -> bool:
        """Whether jobs run outside this process, so that it has time for other work meanwhile."""
        ...

    def capacity(self) -> int:
        """Return how many jobs can run at once now (all slots, busy ones included)."""
        ...

    def trouble(self) -> str | None:
        """Return in words what keeps jobs from running or outcomes from being kept, None if nothing does."""
        ...


class Recovery(Protocol):
    """Jobs that outlive a driver, and outcomes that are kept until they are recorded."""

    def adopt(self, jobs: Sequence[Job]) -> None:
        """Take over jobs that an earlier driver started and did not see the end of.

        Their outcomes come through ``poll`` like all others: what they returned, where that was
        kept; LOST where nothing runs them any more.
        """
        ...

    def settle(self, outcome: JobOutcome) -> None:
        """Hear that an outcome is recorded for good: what was kept of it may go."""
        ...


@runtime_checkable
class Executor(JobQueue, Capacity, Recovery, Protocol):
    """Where jobs run."""

    def close(self) -> None:
        """Let go of everything; jobs that still run are ended where this executor owns them."""
        ...


class JobSupply(Protocol):
    """Where jobs come from."""

    def next_jobs(self, n: int) -> Sequence[Job]:
        """Return at most n jobs to start now; none when nothing can start at present."""
        ...

    def prefetch(self) -> bool:
        """Prepare later jobs where that pays; called often, whether a slot is free or not.

        Returns:
            Whether a job is being prepared, so that it pays to ask for it again soon.
        """
        ...

    def is_finished(self) -> bool:
        """Return whether no further job will come (those in flight may still be running)."""
        ...


class OutcomeLog(Protocol):
    """Where outcomes are recorded."""

    def record(self, outcome: JobOutcome) -> None:
        """Record an outcome: for good, once the block of ``together`` around it has ended well."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Return a block whose outcomes are recorded at its end, all or none."""
        ...


class Source(JobSupply, OutcomeLog, Protocol):
    """A supply of jobs that records their outcomes, and knows the jobs of drivers that are gone."""

    def orphans(self) -> Sequence[Job]:
        """Return jobs whose driver is gone, to be taken over; asked for again and again."""
        ...
