"""The serial executor runs a job inside poll, in this process."""

from __future__ import annotations

import os

from smbo_scheduler.executors import SerialExecutor
from smbo_scheduler.jobs import JobStatus


def target(payload, context):
    return {"pid": os.getpid()}


def test_a_job_runs_in_this_process_when_it_is_polled_for(spool, make_job):
    executor = SerialExecutor(target, spool)
    job = make_job()
    executor.submit(job)
    assert spool.claim_of(job) is None
    (outcome,) = executor.poll(0.0)
    assert outcome.result == {"pid": os.getpid()}
    executor.close()


def test_a_job_that_was_not_polled_for_is_cancelled_without_running(spool, make_job):
    executor = SerialExecutor(target, spool)
    job = make_job()
    executor.submit(job)
    executor.cancel(job)
    (outcome,) = executor.poll(0.0)
    assert outcome.status is JobStatus.CANCELLED
    assert spool.claim_of(job) is None
    executor.close()


def test_with_nothing_to_run_it_sleeps_as_long_as_it_may(spool):
    slept = []
    executor = SerialExecutor(target, spool, sleep=slept.append)
    assert executor.poll(0.25) == []
    assert slept == [0.25]


def test_without_a_spool_it_makes_one_and_removes_it(make_job):
    executor = SerialExecutor(target)
    executor.submit(make_job())
    assert len(executor.poll(0.0)) == 1
    folder = executor._spool.folder
    executor.close()
    assert not folder.exists()
