"""Infrastructure losses and objective errors are counted apart."""

import pytest

from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.retry import Decision, RetryPolicy, decide

JOB = Job("tune", 0, 1, {})


@pytest.mark.parametrize(
    ("ending", "earlier", "policy", "expected"),
    [
        (JobStatus.ERROR, [], RetryPolicy(), Decision.FAIL),
        (JobStatus.ERROR, [], RetryPolicy(retries=1), Decision.RETRY),
        (JobStatus.ERROR, [JobStatus.ERROR], RetryPolicy(retries=1), Decision.FAIL),
        (JobStatus.ERROR, [JobStatus.LOST] * 4, RetryPolicy(retries=1), Decision.RETRY),
        (JobStatus.LOST, [JobStatus.ERROR] * 9, RetryPolicy(losses=1), Decision.REQUEUE),
        (JobStatus.LOST, [JobStatus.LOST], RetryPolicy(losses=1), Decision.FAIL),
        (JobStatus.TIMEOUT, [], RetryPolicy(retries=9), Decision.FAIL),
        (JobStatus.TIMEOUT, [], RetryPolicy(retries_at_limits=1), Decision.RETRY),
        (JobStatus.MEMORY, [JobStatus.TIMEOUT], RetryPolicy(retries_at_limits=1), Decision.FAIL),
        (JobStatus.CANCELLED, [JobStatus.CANCELLED] * 99, RetryPolicy(), Decision.REQUEUE),
    ],
)
def test_a_decision_follows_the_policy(ending, earlier, policy, expected):
    assert decide(JobOutcome(JOB, ending), earlier, policy) == expected


def test_a_good_outcome_needs_no_decision():
    with pytest.raises(ValueError, match="ended well"):
        decide(JobOutcome(JOB, JobStatus.OK, {}))
