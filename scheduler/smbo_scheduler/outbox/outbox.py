"""Outbox: where a worker claims jobs, writes heartbeats and outcomes, and the driver reads them.

``Spool`` is an outbox in a shared folder; the user of the scheduler may pass another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from smbo_scheduler.jobs import Job, JobOutcome
from smbo_scheduler.outbox.claim import Claims

REPORTS_FILE = "reports.jsonl"
STOP_FILE = "stop"  # exists once the execution may stop: a request, for targets that check it


class WorkerOutbox(Protocol):
    """The worker's side: claim a job, write its heartbeat, store its outcome.  It pickles."""

    @property
    def lease_seconds(self) -> float:
        """How long a heartbeat may stay unchanged before its execution counts as dead."""
        ...

    def claim(self, job: Job) -> bool:
        """Claim a job for this process; return False if it was claimed, or revoked, before."""
        ...

    def attempt_folder(self, job: Job) -> Path:
        """Return a new, empty folder for the execution."""
        ...

    def beat(self, job: Job, count: int) -> None:
        """Write a heartbeat of the running job: ``count`` differs from call to call."""
        ...

    def is_asked_to_end(self, job: Job) -> bool:
        """Return whether the end of the job was requested."""
        ...

    def write(self, outcome: JobOutcome) -> None:
        """Store an outcome durably: after the return it survives a power cut.

        Raises:
            SpoolError: the outcome cannot be stored at all.
            OSError: the outcome cannot be stored now.
        """
        ...

    def abandon(self, job: Job) -> None:
        """Give a claimed job up without an outcome."""
        ...


class Reports(Protocol):
    """The driver's side of a running job: its intermediate values, and requests to end it."""

    def reports(self, job: Job, start: int) -> tuple[list[tuple[float, float]], int]:
        """Return the intermediate values (step, value) of a job from ``start`` on, and the next start."""
        ...

    def ask_to_stop(self, job: Job) -> None:
        """Request a running job to stop, since its reports are enough."""
        ...

    def ask_to_end(self, job: Job) -> None:
        """Request the process that runs a job to end it."""
        ...


class Outcomes(Protocol):
    """The driver's side of outcomes: read them, and discard each once it is recorded."""

    def read(self, job: Job) -> JobOutcome | None:
        """Return a job's outcome, None if there is none yet."""
        ...

    def pending(self) -> Sequence[JobOutcome]:
        """Return the outcomes that are not discarded yet."""
        ...

    def discard(self, outcome: JobOutcome) -> None:
        """Drop an outcome that is recorded; the claim stays."""
        ...

    def trouble(self) -> str | None:
        """Return in words why outcomes cannot be stored at present, None if they can."""
        ...


class Outbox(WorkerOutbox, Claims, Reports, Outcomes, Protocol):
    """Claims, heartbeats and outcomes, stored durably; the worker's and the driver's side."""
