"""Retry policy: whether a trial whose execution failed is run again.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from smbo_scheduler.jobs import JobOutcome, JobStatus


class Decision(StrEnum):
    """Whether the trial is run again."""

    RETRY = "retry"  # run it again: it may have been chance; this counts against the retries
    FAIL = "fail"  # it failed, for good
    REQUEUE = "requeue"  # run it again: its process went away or was cancelled


@dataclass(frozen=True)
class RetryPolicy:
    """How often a trial is run again.

    Attributes:
        retries: further executions after the target raised.
        retries_at_limits: further executions after one ended at its time or memory limit; the
            same point usually ends there again.
        losses: further executions after its process or host went away.  Not endless: an
            objective that takes its worker with it each time would never let go.
    """

    retries: int = 0
    retries_at_limits: int = 0
    losses: int = 5


def decide(
    outcome: JobOutcome, earlier: Sequence[JobStatus] = (), policy: RetryPolicy | None = None
) -> Decision:
    """Return whether a trial is run again whose latest execution ended in ``outcome``.

    Args:
        outcome: of the latest execution; not OK.
        earlier: how the trial's executions before it ended, in any order.
        policy: default if None.

    Raises:
        ValueError: the outcome is OK: there is nothing to decide.
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
