"""What every outbox does, and every worker and driver relies on."""

from __future__ import annotations

import pickle

import pytest

from smbo.study import Study
from smbo.study.store_outbox import StoreOutbox
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.worker.call import FolderContext


@pytest.fixture
def study(tmp_path):
    with Study.open(f"sqlite:///{tmp_path}/runs.db", "outbox", {"x": (0.0, 1.0)}, "random", seed=1) as study:
        yield study


def spool(study):
    return Spool(study._driver.spool_folder)


def store(study):
    return StoreOutbox(study._driver.store.url, study._driver.id)


@pytest.fixture(params=[spool, store], ids=lambda make: make.__name__)
def outbox(request, study):
    """The driver's outbox."""
    made = request.param(study)
    yield made
    if request.param is store:
        made.close()


@pytest.fixture
def worker(outbox):
    """The copy of it that travels to a worker."""
    made = pickle.loads(pickle.dumps(outbox))
    yield made
    if isinstance(made, StoreOutbox):
        made.close()


@pytest.fixture
def job(study):
    trial = study.ask()
    return Job(study.name, trial.number, trial.token, {"params": dict(trial.params)})


def test_a_job_is_claimed_once(outbox, worker, job):
    assert outbox.claim_of(job) is None
    assert worker.claim(job)
    assert not worker.claim(job)
    assert not outbox.claim(job)
    claim = outbox.claim_of(job)
    assert (claim.key, claim.revoked) == (job.key, False)
    assert outbox.is_alive(claim)


def test_what_is_revoked_is_never_claimed_and_what_is_claimed_is_never_revoked(outbox, worker, study, job):
    assert outbox.revoke(job)
    assert not worker.claim(job)
    claim = outbox.claim_of(job)
    assert claim.revoked
    assert not outbox.is_alive(claim)
    trial = study.ask()
    other = Job(study.name, trial.number, trial.token, {})
    assert worker.claim(other)
    assert not outbox.revoke(other)


def test_an_outcome_is_pending_until_it_is_discarded_and_the_claim_stays(outbox, worker, job):
    worker.claim(job)
    outcome = JobOutcome(job, JobStatus.OK, {"value": float("inf")}, started=1.0, ended=2.0, host="h", pid=3)
    assert outbox.read(job) is None
    worker.write(outcome)
    assert outbox.read(job) == outcome
    assert list(outbox.pending()) == [outcome]
    outbox.discard(outcome)
    assert outbox.read(job) is None
    assert list(outbox.pending()) == []
    assert not worker.claim(job)


def test_a_result_that_is_no_plain_json_is_refused(worker, job):
    worker.claim(job)
    with pytest.raises(TypeError, match="object"):
        worker.write(JobOutcome(job, JobStatus.OK, {"value": object()}))


def test_a_job_that_is_given_up_has_no_outcome_and_is_not_claimed_again(outbox, worker, job):
    worker.claim(job)
    worker.abandon(job)
    assert outbox.read(job) is None
    assert not worker.claim(job)


def test_a_request_to_end_reaches_the_worker(outbox, worker, study, job):
    trial = study.ask()
    outbox.ask_to_end(job)
    assert worker.is_asked_to_end(job)
    assert not worker.is_asked_to_end(Job(study.name, trial.number, trial.token, {}))


def test_reports_reach_the_driver_and_a_request_to_stop_the_worker(outbox, worker, job):
    worker.claim(job)
    context = FolderContext(worker.attempt_folder(job))
    assert list(context.folder.iterdir()) == []
    context.report(1, 0.5)
    worker.beat(job, 1)
    reports, end = outbox.reports(job, 0)
    assert reports == [(1.0, 0.5)]
    assert outbox.reports(job, end) == ([], end)
    outbox.ask_to_stop(job)
    worker.beat(job, 2)
    assert context.is_asked_to_stop()


def test_a_healthy_outbox_has_no_trouble_and_a_lease(outbox):
    assert outbox.trouble() is None
    assert outbox.lease_seconds > 0
