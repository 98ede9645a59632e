# ruff: noqa: E501 - messages as the commands write them
"""A submit command's message tells whether the same request may be made again."""

import pytest

from smbo_scheduler.clusters.refusals import RefusalKind, refusal_kind

FINAL, PASSING = RefusalKind.FINAL, RefusalKind.PASSING

PASSES = """
sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)
sbatch: error: Batch job submission failed: Socket timed out on send/recv operation
sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying
sbatch: error: Batch job submission failed: Resource temporarily unavailable
sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received
sbatch: error: Batch job submission failed: Unexpected message received
sbatch: error: Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such file or directory
sbatch: error: Batch job submission failed: Slurm backup controller in standby mode
sbatch: error: AssocMaxSubmitJobLimit sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)
sbatch: error: QOSMaxSubmitJobPerUserLimit
sbatch: error: Batch job submission failed: Required partition not available (inactive or drain)
sbatch did not answer within 60 s
ERROR: Can't find address of local schedd
ERROR: Failed to connect to local queue manager CEDAR:6001:Failed to connect to <10.0.0.1:9618>
ERROR: Failed to commit job submission into the queue. ERROR: Number of submitted jobs would exceed MAX_JOBS_PER_OWNER
ERROR: Can't find address for schedd bigbird17.cern.ch
qsub: cannot connect to server pbs01 (errno=15010)
qsub: Maximum number of jobs already in queue for user MSG=total number of current user's jobs exceeds the queue limit
qsub: would exceed queue generic's per-user limit
qsub: Server shutting down
qsub: End of File
qsub: Communication failure
qsub: Queue is not enabled MSG=queue is disabled
pbs_iff: cannot connect to host
LSF is down. Please wait ...
Pending job threshold reached. Retrying in 60 seconds...
batch system daemon not responding ... still trying
error: commlib error: got select error (Connection refused)
Unable to run job: unable to send message to qmaster using port 6444 on host "m": got send error.
Unable to run job: job rejected: Only 10 jobs are allowed per user (current job count: 10).
[ADMISSION RULE] Error: you cannot have more than 50 waiting jobs
OSError: [Errno 11] Resource temporarily unavailable
sbatch: error: fork: Cannot allocate memory
""".strip().splitlines()

IS_FINAL = """
sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified
sbatch: error: invalid partition specified: mian
sbatch: error: Batch job submission failed: Invalid qos specification; please contact your administrator
sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)
sbatch: error: QOSMaxWallDurationPerJobLimit sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)
sbatch: error: Batch job submission failed: Requested node configuration is not available
sbatch: error: CPU count per node can not be satisfied
sbatch: error: Batch job submission failed: Invalid generic resource (gres) specification
sbatch: error: Batch job submission failed: User's group not permitted to use this partition
sbatch: error: Batch job submission failed: Access/permission denied
sbatch: unrecognized option '--gpu=1'
ERROR: on Line 12 of submit file: bad expression
qsub: Unknown queue MSG=requested queue not found
qsub: Unauthorized Request
qsub: Job exceeds queue resource limits MSG=cannot satisfy queue max walltime requirement
qsub: Job violates queue and/or server resource limits
q: No such queue. Job not submitted.
User permission denied. Job not submitted.
RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.
Unable to run job: unknown queue "al.q".
Unable to run job: error: no suitable queues.
denied: host "login" is no submit host
dask-jobqueue refuses the job: no such keyword
""".strip().splitlines()


@pytest.mark.parametrize("text", PASSES)
def test_an_outage_or_a_limit_on_jobs_passes(text):
    assert refusal_kind(text) is PASSING


@pytest.mark.parametrize("text", IS_FINAL)
def test_a_request_for_what_does_not_exist_is_refused_for_ever(text):
    assert refusal_kind(text) is FINAL


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: Failed to connect to queue manager AUTHENTICATE:1003:Failed to authenticate with any method",
        "sbatch: error: kinit: Ticket expired while renewing credentials",
        "condor_submit: No valid proxy found",
        "cp: cannot create regular file: Key has expired",
    ],
)
def test_credentials_that_have_ended_are_told_from_both(text):
    assert refusal_kind(text) is RefusalKind.CREDENTIALS


def test_what_nobody_knows_is_called_so():
    assert refusal_kind("ouch") is RefusalKind.UNKNOWN
