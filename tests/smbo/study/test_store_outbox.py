"""An outbox in the store keeps the promises of one in a folder."""

from __future__ import annotations

import os
import pickle

import pytest

from smbo.errors import StoreError
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study.drivers import Drivers
from smbo.study.job_source import StudySource
from smbo.study.run_settings import RunSettings
from smbo.study.store_outbox import StoreOutbox
from smbo.trial import TrialState
from smbo_scheduler.executors import SerialExecutor
from smbo_scheduler.executors.liveness import final_outcome
from smbo_scheduler.jobs import JobOutcome, JobStatus
from smbo_scheduler.loop import RunEnd, run
from smbo_scheduler.outbox.outbox import STOP_FILE
from smbo_scheduler.worker.call import FolderContext
from smbo_scheduler.worker.runner import RunStatus, run_job

RESULT = {"value": 1.0, "sem": None, "cost": None, "metrics": {}, "outputs": None, "outputs_variance": None}


@pytest.fixture(params=["sqlite", "postgresql"])
def study(request, tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    name = f"outbox-{os.urandom(4).hex()}"
    with Study.open(url, name, {"x": (0.0, 1.0)}, recipe="random", seed=1, budget=Budget(trials=4)) as study:
        yield study


@pytest.fixture
def make(study):
    """Return outboxes of the study, closed at the end."""
    made = []

    def make(**more):
        made.append(StoreOutbox(study._driver.store.url, study._driver.id, **more))
        return made[-1]

    def copy(outbox):
        made.append(pickle.loads(pickle.dumps(outbox)))
        return made[-1]

    make.copy = copy
    yield make
    for outbox in made:
        outbox.close()


@pytest.fixture
def outbox(make):
    return make()


def source_of(study, outbox):
    drivers = Drivers(study._driver.store, study._driver.id)
    drivers.join()
    return StudySource(study._driver, RunSettings(), drivers=drivers, outbox=outbox)


def target(payload, context):
    return RESULT


def test_a_study_runs_through_it(study, outbox):
    source = source_of(study, outbox)
    executor = SerialExecutor(target, outbox, sleep=lambda seconds: None)
    assert run(source, executor).end is RunEnd.FINISHED
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4
    assert outbox.pending() == []


def test_a_token_is_executed_once_and_its_outcome_kept_once(study, outbox, make):
    (job,) = source_of(study, outbox).next_jobs(1)
    assert run_job(target, job, outbox) is RunStatus.DONE
    elsewhere = make.copy(outbox)
    assert run_job(target, job, elsewhere) is RunStatus.CLAIMED_ALREADY
    elsewhere.write(JobOutcome(job, JobStatus.OK, {**RESULT, "value": 2.0}))
    assert [outcome.result["value"] for outcome in elsewhere.pending()] == [1.0]


def test_an_outcome_is_there_for_the_driver_that_comes_after_a_dead_one(study, outbox, make):
    (job,) = source_of(study, outbox).next_jobs(1)
    run_job(target, job, outbox)
    later = make()
    outcome = final_outcome(job, later)
    assert outcome.result == RESULT
    source_of(study, later).record(outcome)
    assert study.trials[0].value == 1.0
    assert make().pending() == []


def test_a_job_that_nobody_claimed_is_taken_back_for_good(study, outbox):
    (job,) = source_of(study, outbox).next_jobs(1)
    assert final_outcome(job, outbox).status is JobStatus.LOST
    assert not outbox.claim(job)
    assert outbox.claim_of(job).revoked


def test_a_claimed_job_is_alive_until_its_beat_was_watched_standing_still(study, make):
    now = [0.0]
    watcher = make(lease_seconds=10.0, clock=lambda: now[0])
    (job,) = source_of(study, watcher).next_jobs(1)
    watcher.claim(job)
    claim = watcher.claim_of(job)
    for count in range(6):
        watcher.beat(job, count)
        assert watcher.is_alive(claim)
        now[0] += 4.0
    for _ in range(2):
        assert watcher.is_alive(claim)
        now[0] += 4.0
    assert not watcher.is_alive(claim)


def test_a_wish_to_end_reaches_the_worker(study, outbox, make):
    first, second = source_of(study, outbox).next_jobs(2)
    worker = make.copy(outbox)
    outbox.ask_to_end(first)
    assert (worker.is_asked_to_end(first), worker.is_asked_to_end(second)) == (True, False)


def test_what_is_reported_and_a_wish_to_stop_travel_with_the_beats(study, outbox, make):
    (job,) = source_of(study, outbox).next_jobs(1)
    worker = make.copy(outbox)
    worker.claim(job)
    context = FolderContext(worker.attempt_folder(job))
    context.report(1, 0.5)
    worker.beat(job, 1)
    assert outbox.reports(job, 0) == ([(1.0, 0.5)], 1)
    outbox.ask_to_stop(job)
    context.report(2, float("inf"))
    worker.beat(job, 2)
    worker.beat(job, 3)
    assert outbox.reports(job, 1) == ([(2.0, float("inf"))], 2)
    assert (context.folder / STOP_FILE).exists()


def test_it_is_refused_where_workers_elsewhere_cannot_reach_the_store(study):
    if study._driver.store.url.startswith("sqlite"):
        with pytest.raises(StoreError, match="for PostgreSQL"):
            study.run(lambda params: 1.0, outbox="store")
    with pytest.raises(StoreError, match="'spool' or 'store'"):
        study.run(lambda params: 1.0, outbox="mail")
