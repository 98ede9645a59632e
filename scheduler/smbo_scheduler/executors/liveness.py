"""Liveness of executions: the outcome of one that is over, LOST if its process is gone."""

from __future__ import annotations

from collections.abc import Callable

from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.outbox.claim import Claim
from smbo_scheduler.outbox.disk_full import is_disk_full
from smbo_scheduler.outbox.outbox import Outbox


def final_outcome(
    job: Job, outbox: Outbox, is_alive: Callable[[Claim], bool] | None = None, *, reason: str | None = None
) -> JobOutcome | None:
    """Return a job's outcome: LOST if no process runs it or ever will, None while one does.

    A job that is not claimed is revoked here, so that it cannot start after all.

    Args:
        job: an execution whose future or process tells no more.
        outbox: where it would claim and leave its outcome.
        is_alive: whether a claim's owner is at work; the outbox's own judgement if None.
        reason: of the loss, as far as known; for the outcome's error.
    """
    claim = outbox.claim_of(job)
    if claim is None:
        try:
            is_ours = outbox.revoke(job)
        except OSError as error:
            if is_disk_full(error):
                return None  # ask again
            raise
        # if it is not, it was claimed a moment ago
        return lost(job, "it never started" if reason is None else reason) if is_ours else None
    if (is_alive or outbox.is_alive)(claim):
        return outbox.read(job)
    # read after the look at the process: it may have finished in between, and then have ended
    return outbox.read(job) or lost(job, _where(claim) if reason is None else f"{reason} ({_where(claim)})")


def lost(job: Job, error: str) -> JobOutcome:
    """Return the outcome of an execution that went away."""
    return JobOutcome(job, JobStatus.LOST, reason="lost", error=error)


def _where(claim: Claim) -> str:
    if claim.revoked or claim.owner is None:
        return "no process runs it"
    return f"process {claim.owner.pid} on {claim.owner.host} is gone"
