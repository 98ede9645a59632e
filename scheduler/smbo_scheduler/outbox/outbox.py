"""Outbox: where a worker claims jobs, sends heartbeats and leaves outcomes, and the driver reads them.

``Spool`` is one in a shared folder; the user of the scheduler may hand in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from smbo_scheduler.jobs import Job, JobOutcome
from smbo_scheduler.outbox.claim import Claims

REPORTS_FILE = "reports.jsonl"
STOP_FILE = "stop"  # exists once the execution need not continue: a request, for targets that look


class WorkerOutbox(Protocol):
    """The worker's side: claim a job, show that it is alive, leave its outcome.  It pickles."""

    @property
    def lease_seconds(self) -> float:
        """How long a heartbeat may stand still before its execution counts as dead."""
        ...

    def claim(self, job: Job) -> bool:
        """Take a job for this process; return False if it was taken, or revoked, before."""
        ...

    def attempt_folder(self, job: Job) -> Path:
        """Return a new, empty folder for the execution."""
        ...

    def beat(self, job: Job, count: int) -> None:
        """Show that the job is being worked on: ``count`` differs from call to call."""
        ...

    def is_asked_to_end(self, job: Job) -> bool:
        """Return whether the job is to end before it is done."""
        ...

    def write(self, outcome: JobOutcome) -> None:
        """Keep an outcome for good: when this returns, it survives a power cut.

        Raises:
            SpoolError: it is no outcome that can be kept.
            OSError: it cannot be kept now.
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
        """Tell the process that runs a job that its reports are enough and it need not continue."""
        ...

    def ask_to_end(self, job: Job) -> None:
        """Ask the process that runs a job to end it."""
        ...


class Outcomes(Protocol):
    """The driver's side of outcomes: read them, and discard each once it is recorded."""

    def read(self, job: Job) -> JobOutcome | None:
        """Return a job's outcome, None if there is none yet."""
        ...

    def pending(self) -> Sequence[JobOutcome]:
        """Return the outcomes that were not discarded yet."""
        ...

    def discard(self, outcome: JobOutcome) -> None:
        """Drop an outcome that is recorded; the claim stays."""
        ...

    def trouble(self) -> str | None:
        """Return in words why outcomes cannot be kept at present, None if they can."""
        ...


class Outbox(WorkerOutbox, Claims, Reports, Outcomes, Protocol):
    """Claims, heartbeats and outcomes, kept for good; both sides of it."""
