"""Several drivers on one study: who is gone, what becomes of its trials, and that nothing happens twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from smbo.store.budget import Budget
from smbo.study import Study
from smbo.study.drivers import Drivers, owner_text
from smbo.study.job_source import StudySource
from smbo.study.protocol import StopReason
from smbo.study.run_settings import RunSettings
from smbo.trial import TrialState
from smbo_scheduler.jobs import JobOutcome, JobStatus
from smbo_scheduler.outbox.processes import this_process
from smbo_scheduler.outbox.spool import Spool
from smbo_scheduler.retry import RetryPolicy
from smbo_scheduler.worker.runner import run_job

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


def elsewhere(study, name="far"):
    """Register a driver on another machine, and return what its attempts say of it."""
    study._driver.store.register_driver(study._driver.id, name, "far.example", 1, 4)
    return owner_text(replace(this_process(), machine="another"), name)


def numbers(attempts):
    return [attempt.number for attempt in attempts]


def test_trials_asked_for_by_hand_are_nobodys(study, clock):
    study.ask()
    assert drivers_of(study, clock).left_open() == ([], [])


def test_a_driver_elsewhere_is_gone_once_its_beat_was_watched_standing_still_for_the_lease(study, clock):
    study._driver.ask_for(elsewhere(study), 1)
    drivers = drivers_of(study, clock)
    for _ in range(60):
        gone, living = drivers.left_open()
        assert (numbers(gone), numbers(living)) == ([], [0])
        clock.now += 1.0
    assert numbers(drivers.left_open()[0]) == [0]


def test_a_driver_elsewhere_that_beats_is_never_gone(study, clock):
    study._driver.ask_for(elsewhere(study), 1)
    drivers = drivers_of(study, clock)
    for _ in range(20):
        assert numbers(drivers.left_open()[1]) == [0]
        study._driver.store.beat_driver(study._driver.id, "far")
        clock.now += 15.0


def test_what_a_driver_left_open_in_good_order_is_there_for_others_at_once(study, clock):
    first, second = drivers_of(study, clock), drivers_of(study, clock)
    study._driver.ask_for(first.owner, 1)
    assert numbers(second.left_open()[1]) == [0]
    first.leave()
    assert numbers(second.left_open()[0]) == [0]


def test_two_drivers_of_one_process_do_not_take_each_other_for_dead(study, clock):
    first, second = drivers_of(study, clock), drivers_of(study, clock)
    study._driver.ask_for(first.owner, 1)
    study._driver.ask_for(second.owner, 1)
    assert numbers(first.left_open()[1]) == [1]
    assert numbers(second.left_open()[1]) == [0]


def test_a_driver_beats_four_times_in_a_lease(study, clock):
    drivers = drivers_of(study, clock, lease_seconds=8.0)
    for _ in range(80):
        clock.now += 0.1
        drivers.beat(3)
    (record,) = study._driver.store.drivers(study._driver.id)
    assert (record.beat, record.capacity) in [(3, 3), (4, 3)]


def test_a_driver_that_dies_while_another_runs_is_taken_over_and_once(study, clock):
    source = source_of(study, clock)
    (theirs,) = study._driver.ask_for(elsewhere(study), 1)
    adopted = []
    for _ in range(70):
        adopted += source.orphans()
        clock.now += 1.0
    assert [(job.number, job.token) for job in adopted] == [(theirs.number, theirs.token)]


def test_an_outcome_that_comes_after_its_trial_was_given_up_is_recorded(study, clock):
    source = source_of(study, clock, retries=RetryPolicy(losses=0))
    (job,) = source.next_jobs(1)
    spool = Spool(study._driver.spool_folder)
    source.record(JobOutcome(job, JobStatus.LOST, reason="lost"))
    assert study.trials[0].state is TrialState.FAILED
    run_job(lambda payload, context: RESULT, job, spool)
    clock.now += 2.0
    source.orphans()
    assert (study.trials[0].state, study.trials[0].value) == (TrialState.COMPLETE, 1.0)
    assert spool.pending() == []


def test_an_outcome_that_another_living_driver_waits_for_is_left_to_it(study, clock):
    source, other = source_of(study, clock), source_of(study, clock)
    (job,) = other.next_jobs(1)
    spool = Spool(study._driver.spool_folder)
    run_job(lambda payload, context: RESULT, job, spool)
    clock.now += 2.0
    assert source.orphans() == []
    assert [outcome.job for outcome in spool.pending()] == [job]


def test_a_duplicate_is_kept_with_its_attempt_and_counts_nothing(study, clock):
    source = source_of(study, clock)
    (first,) = source.next_jobs(1)
    source.record(JobOutcome(first, JobStatus.LOST, reason="lost"))
    (second,) = source.next_jobs(1)
    assert (second.number, second.token != first.token) == (first.number, True)
    source.record(JobOutcome(first, JobStatus.OK, {**RESULT, "value": 2.0}))
    source.record(JobOutcome(second, JobStatus.OK, {**RESULT, "value": 3.0}))
    assert study.trials[0].value == 2.0
    outcomes = [attempt.outcome.value for attempt in study._driver.store.attempts(study._driver.id)]
    assert outcomes[0] == "late"
    assert outcomes[1] in ("duplicate", "cancelled")


def test_a_driver_waits_at_the_end_of_the_budget_for_the_trials_of_others(study, clock):
    source, other = source_of(study, clock), source_of(study, clock)
    jobs = [*other.next_jobs(3), *source.next_jobs(3)]
    for job in jobs[1:]:
        (other if job in jobs[:3] else source).record(JobOutcome(job, JobStatus.OK, RESULT))
    assert not source.is_finished()
    assert source.next_jobs(1) == ()
    other.record(JobOutcome(jobs[0], JobStatus.OK, RESULT))
    assert source.is_finished()
    assert source.stop_reason() is StopReason.BUDGET


@pytest.mark.parametrize("n_drivers", [3])
def test_runs_in_several_threads_share_a_study_and_evaluate_each_trial_once(tmp_path, n_drivers):
    url = f"sqlite:///{tmp_path}/runs.db"
    evaluated, errors = [], []

    def objective(params, context):
        evaluated.append(context.seed)
        time.sleep(0.002)
        return params["x"]

    def drive():
        try:
            with Study.open(url, "s", {"x": (0.0, 1.0)}, "random", seed=1, budget=Budget(trials=60)) as mine:
                mine.run(objective)
        except Exception as error:
            errors.append(error)

    Study.open(url, "s", {"x": (0.0, 1.0)}, "random", seed=1).close()
    threads = [threading.Thread(target=drive) for _ in range(n_drivers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    with Study.load(url, "s") as study:
        assert [trial.number for trial in study.trials] == list(range(60))
        assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
        assert Counter(evaluated) == Counter(trial.seed for trial in study.trials)
        assert len(study._driver.store.attempts(study._driver.id)) == 60
        assert all(driver.ended for driver in study._driver.store.drivers(study._driver.id))
