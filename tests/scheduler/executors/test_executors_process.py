"""The process executor runs jobs in warm child processes, several at a time."""

from __future__ import annotations

import os

import pytest

from smbo_scheduler.errors import SchedulerError
from smbo_scheduler.executors import ProcessExecutor
from smbo_scheduler.jobs import JobStatus


def target(payload, context):
    if payload.get("dies"):
        os._exit(3)
    return {"pid": os.getpid()}


@pytest.fixture
def executor(spool):
    executor = ProcessExecutor(target, 2, spool)
    yield executor
    executor.close()


def outcomes_of(executor, n):
    found = []
    while len(found) < n:
        found += executor.poll(30.0)
    return found


def test_jobs_run_in_children_that_stay_for_the_next_job(executor, make_job):
    pids = []
    for _ in range(3):
        executor.submit(make_job())
        (outcome,) = outcomes_of(executor, 1)
        pids.append(outcome.result["pid"])
    assert os.getpid() not in pids
    assert len(set(pids)) == 1


def test_a_child_that_dies_is_a_failed_job_and_the_others_run(executor, make_job):
    executor.submit(make_job(dies=True))
    executor.submit(make_job())
    outcomes = {outcome.job.number: outcome for outcome in outcomes_of(executor, 2)}
    assert (outcomes[0].status, outcomes[0].reason) == (JobStatus.ERROR, "exit code 3 by os._exit")
    assert outcomes[1].status is JobStatus.OK


def test_it_needs_a_worker(spool):
    with pytest.raises(SchedulerError, match="at least one"):
        ProcessExecutor(target, 0, spool)
