"""The recommended point is checked with fresh seeds, and a killed check goes on where it was."""

import json

import pytest

from smbo.cli.run.confirmation import CheckBook, plan
from smbo.problem import Confirmation
from smbo_scheduler.jobs import JobOutcome, JobStatus

CONFIRMATION = Confirmation(baseline={"x": 0.0}, baseline_name="default", fidelity=9.0, repeats=3)


def payload(check):
    return {"params": dict(check.params), "seed": check.seed, "fidelity": check.fidelity}


@pytest.fixture
def checks():
    return plan(CONFIRMATION, {"x": 1.0}, study_seed=1, trial_seeds=range(100))


@pytest.fixture
def book(tmp_path, checks):
    return lambda: CheckBook(tmp_path / "confirmation.json", "s.check", checks, payload=payload)


def done(job, value=1.0):
    return JobOutcome(job, JobStatus.OK, result={"value": value})


def test_both_points_are_checked_in_turn_with_seeds_of_their_own(checks):
    assert [check.label for check in checks] == ["recommended", "default"] * 3
    assert len({check.seed for check in checks}) == 6
    assert {check.fidelity for check in checks} == {9.0}


def test_no_check_has_the_seed_of_a_trial(checks):
    trial_seeds = {check.seed for check in checks}
    others = plan(CONFIRMATION, {"x": 1.0}, study_seed=1, trial_seeds=trial_seeds)
    assert trial_seeds.isdisjoint(check.seed for check in others)


def test_without_a_baseline_only_the_recommended_point_is_checked():
    checks = plan(Confirmation(baseline=None, repeats=2), {"x": 1.0}, 1, ())
    assert [check.label for check in checks] == ["recommended"] * 2


def test_each_check_is_handed_out_once(book):
    source = book()
    jobs = [*source.next_jobs(4), *source.next_jobs(4)]
    assert [job.number for job in jobs] == [0, 1, 2, 3, 4, 5]
    assert source.is_finished()


def test_a_killed_confirmation_goes_on_where_it_was(book):
    first = book()
    for job in first.next_jobs(4)[:3]:
        first.record(done(job, value=job.number))
    second = book()
    assert second.n_done == 3
    (left,) = second.orphans()
    assert left.number == 3
    assert [job.number for job in second.next_jobs(9)] == [4, 5]
    second.record(JobOutcome(left, JobStatus.LOST, reason="lost"))
    assert [job.number for job in second.next_jobs(9)] == [3]
    assert [r["value"] for _, r in second.results()["recommended"]] == [0, 2]


def test_tokens_of_two_runs_differ(book):
    first = book().next_jobs(3)
    second = book().next_jobs(3)
    assert {job.number for job in second} == {3, 4, 5}
    assert {job.token for job in first}.isdisjoint(job.token for job in second)


def test_another_recommendation_is_checked_anew_and_the_baseline_is_not(tmp_path, book, checks):
    first = book()
    for job in first.next_jobs(6):
        first.record(done(job))
    moved = plan(CONFIRMATION, {"x": 2.0}, study_seed=1, trial_seeds=range(100))
    second = CheckBook(tmp_path / "confirmation.json", "s.check", moved, payload=payload)
    assert [job.number for job in second.next_jobs(9)] == [0, 2, 4]


def test_an_outcome_of_an_earlier_plan_is_not_taken_for_one_of_this(book):
    source = book()
    (job,) = source.next_jobs(1)
    stranger = type(job)(job.study, job.number, 1, {"params": {"x": 7.0}, "seed": 3, "fidelity": 9.0})
    source.record(done(stranger))
    assert source.n_done == 0


def test_a_lost_check_is_done_again_and_a_failed_one_is_not(book):
    source = book()
    (job,) = source.next_jobs(1)
    source.record(JobOutcome(job, JobStatus.LOST, reason="lost"))
    (again,) = source.next_jobs(1)
    assert (again.number, again.token) == (0, job.token + 1)
    source.record(JobOutcome(again, JobStatus.ERROR, reason="objective-error"))
    assert source.next_jobs(1)[0].number == 1
    assert source.failures() == ["objective-error"]
    assert source.results() == {}


def test_a_damaged_file_means_that_the_checks_are_done_again(tmp_path, book):
    path = tmp_path / "confirmation.json"
    path.write_text("{")
    source = book()
    assert source.n_done == 0
    source.record(done(source.next_jobs(1)[0]))
    assert len(json.loads(path.read_text())["checks"]) == 1
