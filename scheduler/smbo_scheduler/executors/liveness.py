"""Liveness of executions: the outcome of one that is over, LOST if its process is gone."""

from __future__ import annotations

from collections.abc import Callable

from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.outbox.claim import Claim
from smbo_scheduler.outbox.disk_full import will_pass
from smbo_scheduler.outbox.outbox import Outbox


def final_outcome(
    job: Job, outbox: Outbox, is_alive: Callable[[Claim], bool] | None = None, *, reason: str | None = None
) -> JobOutcome | None:
    """Return a job's outcome: LOST if no process runs it or ever will, None while one does.

    A job that is not claimed is revoked, so that it cannot start later.

    Args:
        job: an execution whose future or process has ended.
        outbox: where the job is claimed and its outcome left.
        is_alive: whether a claim's owner is running; ``outbox.is_alive`` if None.
        reason: reason of the loss, as far as known; for the outcome's error.
    """
    claim = outbox.claim_of(job)
    if claim is None:
        try:
            is_ours = outbox.revoke(job)
        except OSError as error:
            if will_pass(error):
                return None  # ask again
            raise
        # not revoked: it was claimed a moment ago
        return lost(job, "it never started" if reason is None else reason) if is_ours else None
    if (is_alive or outbox.is_alive)(claim):
        return outbox.read(job)
    # read after the check of the process, which may have written the outcome and exited in between
    return outbox.read(job) or lost(job, _where(claim) if reason is None else f"{reason} ({_where(claim)})")


def lost(job: Job, error: str) -> JobOutcome:
    """Return the outcome LOST of an execution."""
    return JobOutcome(job, JobStatus.LOST, reason="lost", error=error)


def _where(claim: Claim) -> str:
    if claim.revoked or claim.owner is None:
        return "no process runs it"
    return f"process {claim.owner.pid} on {claim.owner.host} is gone"
