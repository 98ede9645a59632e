"""Infrastructure losses and objective errors are counted apart."""

import pytest

from smbo_scheduler.jobs import Ending, Job, JobOutcome
from smbo_scheduler.retry import Decision, RetryPolicy, decide

JOB = Job("tune", 0, 1, {})


@pytest.mark.parametrize(
    ("ending", "earlier", "policy", "expected"),
    [
        (Ending.ERROR, [], RetryPolicy(), Decision.FAIL),
        (Ending.ERROR, [], RetryPolicy(retries=1), Decision.RETRY),
        (Ending.ERROR, [Ending.ERROR], RetryPolicy(retries=1), Decision.FAIL),
        (Ending.ERROR, [Ending.LOST] * 4, RetryPolicy(retries=1), Decision.RETRY),
        (Ending.LOST, [Ending.ERROR] * 9, RetryPolicy(losses=1), Decision.REQUEUE),
        (Ending.LOST, [Ending.LOST], RetryPolicy(losses=1), Decision.FAIL),
        (Ending.TIMEOUT, [], RetryPolicy(retries=9), Decision.FAIL),
        (Ending.TIMEOUT, [], RetryPolicy(retries_at_limits=1), Decision.RETRY),
        (Ending.MEMORY, [Ending.TIMEOUT], RetryPolicy(retries_at_limits=1), Decision.FAIL),
        (Ending.CANCELLED, [Ending.CANCELLED] * 99, RetryPolicy(), Decision.REQUEUE),
    ],
)
def test_a_decision_follows_the_policy(ending, earlier, policy, expected):
    assert decide(JobOutcome(JOB, ending), earlier, policy) == expected


def test_a_good_outcome_needs_no_decision():
    with pytest.raises(ValueError, match="ended well"):
        decide(JobOutcome(JOB, Ending.OK, {}))
