"""A runner claims a job, keeps its outcome, and runs no token twice."""

from __future__ import annotations

import pytest

from smbo_scheduler.errors import SpoolError
from smbo_scheduler.jobs import JobStatus
from smbo_scheduler.worker.runner import Runner, RunStatus, pickled, run_job, running_jobs


def counts(payload, context):
    return {"running": running_jobs()}


def test_a_job_is_counted_while_it_runs(spool, make_job):
    job = make_job()
    assert run_job(counts, job, spool) is RunStatus.DONE
    assert spool.read(job).result == {"running": 1}
    assert running_jobs() == 0


def test_a_token_that_was_claimed_is_not_run(spool, make_job):
    job = make_job()
    spool.claim(job)
    assert run_job(counts, job, spool) is RunStatus.CLAIMED_ALREADY
    assert spool.read(job) is None


def test_a_pickled_runner_runs_as_the_runner_does(spool, make_job):
    job = make_job()
    assert pickled(Runner(counts, spool))(job).status is RunStatus.DONE
    assert spool.read(job).status is JobStatus.OK


def test_an_outcome_that_is_too_large_is_a_bad_output(spool, make_job, monkeypatch):
    monkeypatch.setattr("smbo_scheduler.outbox.spool.LARGEST_OUTCOME_BYTES", 500)
    job = make_job()
    run_job(lambda payload, context: {"text": "x" * 1000}, job, spool)
    outcome = spool.read(job)
    assert (outcome.status, outcome.reason) == (JobStatus.ERROR, "bad-output")


def test_a_job_whose_outcome_cannot_be_kept_is_given_up(spool, make_job, monkeypatch):
    def refuse(outcome):
        raise SpoolError("no")

    job = make_job()
    monkeypatch.setattr(type(spool), "write", lambda self, outcome: refuse(outcome))
    with pytest.raises(SpoolError):
        run_job(counts, job, spool)
    assert not (spool.folder / "beats" / job.key).exists()
