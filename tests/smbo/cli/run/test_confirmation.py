"""The recommended point is checked with fresh seeds, and a killed run goes on where it was."""

import json

import pytest

from smbo.cli.run.confirmation import ConfirmationQueue, confirmation_runs
from smbo.problem import Confirmation
from smbo_scheduler.jobs import JobOutcome, JobStatus

CONFIRMATION = Confirmation(baseline={"x": 0.0}, baseline_name="default", fidelity=9.0, repeats=3)


def payload(run):
    return {"params": dict(run.params), "seed": run.seed, "fidelity": run.fidelity}


@pytest.fixture
def runs():
    return confirmation_runs(CONFIRMATION, {"x": 1.0}, study_seed=1, trial_seeds=range(100))


@pytest.fixture
def queue(tmp_path, runs):
    return lambda: ConfirmationQueue(tmp_path / "confirmation.json", "s.check", runs, payload=payload)


def done(job, value=1.0):
    return JobOutcome(job, JobStatus.OK, result={"value": value})


def test_both_points_are_checked_in_turn_with_seeds_of_their_own(runs):
    assert [run.label for run in runs] == ["recommended", "default"] * 3
    assert len({run.seed for run in runs}) == 6
    assert {run.fidelity for run in runs} == {9.0}


def test_no_check_has_the_seed_of_a_trial(runs):
    trial_seeds = {run.seed for run in runs}
    others = confirmation_runs(CONFIRMATION, {"x": 1.0}, study_seed=1, trial_seeds=trial_seeds)
    assert trial_seeds.isdisjoint(run.seed for run in others)


def test_without_a_baseline_only_the_recommended_point_is_checked():
    runs = confirmation_runs(Confirmation(baseline=None, repeats=2), {"x": 1.0}, 1, ())
    assert [run.label for run in runs] == ["recommended"] * 2


def test_each_check_is_handed_out_once(queue):
    source = queue()
    jobs = [*source.next_jobs(4), *source.next_jobs(4)]
    assert [job.number for job in jobs] == [0, 1, 2, 3, 4, 5]
    assert source.is_finished()


def test_a_killed_confirmation_goes_on_where_it_was(queue):
    first = queue()
    for job in first.next_jobs(4)[:3]:
        first.record(done(job, value=job.number))
    second = queue()
    assert second.n_done == 3
    (left,) = second.orphans()
    assert left.number == 3
    assert [job.number for job in second.next_jobs(9)] == [4, 5]
    second.record(JobOutcome(left, JobStatus.LOST, reason="lost"))
    assert [job.number for job in second.next_jobs(9)] == [3]
    assert [r["value"] for _, r in second.results()["recommended"]] == [0, 2]


def test_tokens_of_two_runs_differ(queue):
    first = queue().next_jobs(3)
    second = queue().next_jobs(3)
    assert {job.number for job in second} == {3, 4, 5}
    assert {job.token for job in first}.isdisjoint(job.token for job in second)


def test_another_recommendation_is_checked_anew_and_the_baseline_is_not(tmp_path, queue, runs):
    first = queue()
    for job in first.next_jobs(6):
        first.record(done(job))
    moved = confirmation_runs(CONFIRMATION, {"x": 2.0}, study_seed=1, trial_seeds=range(100))
    second = ConfirmationQueue(tmp_path / "confirmation.json", "s.check", moved, payload=payload)
    assert [job.number for job in second.next_jobs(9)] == [0, 2, 4]


def test_an_outcome_of_an_earlier_plan_is_not_taken_for_one_of_this(queue):
    source = queue()
    (job,) = source.next_jobs(1)
    stranger = type(job)(job.study, job.number, 1, {"params": {"x": 7.0}, "seed": 3, "fidelity": 9.0})
    source.record(done(stranger))
    assert source.n_done == 0


def test_a_lost_check_is_done_again_and_a_failed_one_is_not(queue):
    source = queue()
    (job,) = source.next_jobs(1)
    source.record(JobOutcome(job, JobStatus.LOST, reason="lost"))
    (again,) = source.next_jobs(1)
    assert (again.number, again.token) == (0, job.token + 1)
    source.record(JobOutcome(again, JobStatus.ERROR, reason="objective-error"))
    assert source.next_jobs(1)[0].number == 1
    assert source.failures() == ["objective-error"]
    assert source.results() == {}


def test_a_damaged_file_means_that_the_checks_are_done_again(tmp_path, queue):
    path = tmp_path / "confirmation.json"
    path.write_text("{")
    source = queue()
    assert source.n_done == 0
    source.record(done(source.next_jobs(1)[0]))
    assert len(json.loads(path.read_text())["checks"]) == 1
