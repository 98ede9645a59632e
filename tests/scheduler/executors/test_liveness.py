"""The outcome of an execution of which nothing more is heard."""

from __future__ import annotations

import errno

import pytest

from smbo_scheduler.executors.liveness import final_outcome
from smbo_scheduler.jobs import JobOutcome, JobStatus


def test_what_was_written_counts_whether_its_process_lives_or_not(spool, make_job):
    job = make_job()
    spool.claim(job)
    outcome = JobOutcome(job, JobStatus.OK, {"value": 1.0})
    spool.write(outcome)
    for is_alive in (True, False):
        assert final_outcome(job, spool, lambda claim, alive=is_alive: alive) == outcome


def test_a_live_execution_has_no_outcome_yet_and_a_dead_one_is_lost(spool, make_job):
    job = make_job()
    spool.claim(job)
    assert final_outcome(job, spool, lambda claim: True) is None
    outcome = final_outcome(job, spool, lambda claim: False, reason="the future was lost")
    assert outcome.status is JobStatus.LOST
    assert outcome.error.startswith("the future was lost (process ")


def test_a_job_that_nobody_claimed_is_revoked(spool, make_job):
    job = make_job()
    assert final_outcome(job, spool).error == "it never started"
    assert spool.claim_of(job).revoked


def test_while_the_disk_is_full_nothing_is_decided_and_another_error_is_raised(spool, make_job, monkeypatch):
    def fail(self, job, code=errno.ENOSPC):
        raise OSError(code, "no")

    monkeypatch.setattr(type(spool), "revoke", fail)
    assert final_outcome(make_job(), spool) is None
    monkeypatch.setattr(type(spool), "revoke", lambda self, job: fail(self, job, errno.EIO))
    with pytest.raises(OSError, match="no"):
        final_outcome(make_job(), spool)
