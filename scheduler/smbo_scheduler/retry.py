"""Retry policy: whether a trial is run again after a failed execution.  Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from smbo_scheduler.jobs import JobOutcome, JobStatus


class Decision(StrEnum):
    """Whether the trial is run again."""

    RETRY = "retry"  # run it again: the failure may be random; this counts against the retries
    FAIL = "fail"  # the trial has failed
    REQUEUE = "requeue"  # run it again: its process died or was cancelled


@dataclass(frozen=True)
class RetryPolicy:
    """How often a trial is run again.

    Attributes:
        retries: further executions after the target raised.
        retries_at_limits: further executions after one ended at its time or memory limit; the
            same point usually ends there again.
        losses: further executions after its process or host died.  Bounded, since an objective may kill
            its worker each time.
    """

    retries: int = 0
    retries_at_limits: int = 0
    losses: int = 5


def decide(
    outcome: JobOutcome, earlier: Sequence[JobStatus] = (), policy: RetryPolicy | None = None
) -> Decision:
    """Return whether a trial is run again after its latest execution ended in ``outcome``.

    Args:
        outcome: of the latest execution; not OK.
        earlier: outcomes of the trial's earlier executions, in any order.
        policy: default if None.

    Raises:
        ValueError: the outcome is OK.
    """
    policy = policy or RetryPolicy()
    match outcome.status:
        case JobStatus.OK:
            raise ValueError(f"{outcome.job.key} ended well; it needs no decision")
        case JobStatus.CANCELLED:
            return Decision.REQUEUE
        case JobStatus.LOST:
            return Decision.REQUEUE if _count(earlier, JobStatus.LOST) < policy.losses else Decision.FAIL
        case JobStatus.TIMEOUT | JobStatus.MEMORY:
            spent = _count(earlier, JobStatus.TIMEOUT, JobStatus.MEMORY)
            return Decision.RETRY if spent < policy.retries_at_limits else Decision.FAIL
        case JobStatus.ERROR:
            return Decision.RETRY if _count(earlier, JobStatus.ERROR) < policy.retries else Decision.FAIL


def _count(statuses: Sequence[JobStatus], *kinds: JobStatus) -> int:
    return sum(status in kinds for status in statuses)
