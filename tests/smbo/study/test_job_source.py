"""A study as a source of jobs: how many are sent, and that outcomes are recorded once."""

from __future__ import annotations

import contextlib

import pytest

from smbo.errors import StoreUnavailable
from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study.drivers import Drivers
from smbo.study.job_source import StudySource
from smbo.study.prefetch import running_mean
from smbo.study.run_settings import RunSettings
from smbo.trial import TrialState
from smbo_scheduler.errors import Unavailable
from smbo_scheduler.jobs import JobOutcome, JobStatus
from smbo_scheduler.outbox.spool import Spool

RESULT = {"value": 1.0, "sem": None, "cost": None, "metrics": {}, "outputs": None, "outputs_variance": None}


class FakeClock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def study(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    with Study.open(url, "s", {"x": (0.0, 1.0)}, recipe="random", seed=1, budget=Budget(trials=6)) as study:
        yield study


def drivers_of(study, clock, lease_seconds=60.0):
    drivers = Drivers(study._driver.store, study._driver.id, lease_seconds=lease_seconds, clock=clock)
    drivers.join()
    return drivers


def source_of(study, clock, **more):
    spool = Spool(study._driver.spool_folder, clock=clock)
    settings = RunSettings(clock=clock, **more)
    return StudySource(study._driver, settings, drivers=drivers_of(study, clock), outbox=spool)


def test_drivers_that_ask_at_once_never_overshoot_the_budget(study, clock):
    sources = [source_of(study, clock) for _ in range(3)]
    jobs = []
    for _ in range(5):
        for source in sources:
            jobs += source.next_jobs(2)
    assert len(jobs) == 6
    assert len(study.trials) == 6


def test_a_few_more_jobs_than_slots_are_sent_while_evaluations_are_short(study, clock):
    def after(seconds, **more):
        source = source_of(study, clock, **more)
        (job,) = source.next_jobs(1)
        source.record(JobOutcome(job, JobStatus.OK, RESULT, started=0.0, ended=seconds))
        return source

    assert source_of(study, clock).n_spare(8) == 0  # nothing is known yet
    long = after(9.0)
    assert [long.n_spare(n) for n in (1, 2, 8, 64)] == [0, 1, 1, 8]
    # from a result to the next evaluation it takes some tens of milliseconds: much, of half a second
    assert [after(seconds).n_spare(4) for seconds in (0.0, 1.0)] == [4, 2]
    assert after(3600.0).n_spare(64) == 0
    assert after(1.0, resources={"GPU": 1}).n_spare(64) == 0


def test_what_is_written_together_counts_as_a_whole_or_not_at_all(study, clock):
    source = source_of(study, clock)
    jobs = source.next_jobs(2)
    outcomes = [JobOutcome(job, JobStatus.OK, RESULT) for job in jobs]

    def half():
        with source.together():
            source.record(outcomes[0])
            raise RuntimeError("killed here")

    with pytest.raises(RuntimeError, match="killed here"):
        half()
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING] * 2
    with source.together():
        for outcome in outcomes:
            source.record(outcome)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2


def test_what_is_not_committed_is_not_counted_and_what_is_repeated_is_counted_once(study, clock, monkeypatch):
    source = source_of(study, clock)
    jobs = source.next_jobs(2)
    outcomes = [
        JobOutcome(job, JobStatus.OK, RESULT, started=10.0, ended=10.0 + seconds)
        for job, seconds in zip(jobs, (2.0, 4.0))
    ]
    together = study._driver.store.together

    @contextlib.contextmanager
    def interrupted(number):
        with together(number):
            yield
            raise StoreUnavailable("the disk is full")

    def record_all():
        with source.together():
            for outcome in outcomes:
                source.record(outcome)

    clock.now += 60.0
    before = (source._times, set(source._in_flight), study.spent)
    monkeypatch.setattr(study._driver.store, "together", interrupted)
    with pytest.raises(Unavailable, match="full"):
        record_all()
    assert (source._times, source._in_flight, study.spent) == before
    monkeypatch.setattr(study._driver.store, "together", together)
    record_all()
    assert source._times.evaluation_seconds == pytest.approx(running_mean(2.0, 4.0))
    assert source._in_flight == set()
    assert study.spent.seconds == 60.0
