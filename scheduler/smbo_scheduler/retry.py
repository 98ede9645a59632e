"""What to do about an execution that did not end well: a decision, taken from values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from smbo_scheduler.jobs import Ending, JobOutcome


class Decision(StrEnum):
    """What becomes of the trial."""

    RETRY = "retry"  # run it again: it may have been chance; this counts against the retries
    FAIL = "fail"  # it failed, for good
    REQUEUE = "requeue"  # run it again: it was nobody's fault


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
    outcome: JobOutcome, earlier: Sequence[Ending] = (), policy: RetryPolicy | None = None
) -> Decision:
    """Return what becomes of a trial whose latest execution ended in ``outcome``.

    Args:
        outcome: of the latest execution; not OK.
        earlier: how the trial's executions before it ended, in any order.
        policy: default if None.

    Raises:
        ValueError: the outcome is OK: there is nothing to decide.
    """
    policy = policy or RetryPolicy()
    match outcome.ending:
        case Ending.OK:
            raise ValueError(f"{outcome.job.key} ended well; it needs no decision")
        case Ending.CANCELLED:
            return Decision.REQUEUE
        case Ending.LOST:
            return Decision.REQUEUE if _count(earlier, Ending.LOST) < policy.losses else Decision.FAIL
        case Ending.TIMEOUT | Ending.MEMORY:
            spent = _count(earlier, Ending.TIMEOUT, Ending.MEMORY)
            return Decision.RETRY if spent < policy.retries_at_limits else Decision.FAIL
        case Ending.ERROR:
            return Decision.RETRY if _count(earlier, Ending.ERROR) < policy.retries else Decision.FAIL


def _count(endings: Sequence[Ending], *kinds: Ending) -> int:
    return sum(ending in kinds for ending in endings)
