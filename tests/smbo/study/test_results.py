"""What a worker brings back becomes a result, an unusable result or a failure of the trial."""

from __future__ import annotations

import pytest

from smbo.fidelity import Fidelity
from smbo.history.record import ToldResult, record_result
from smbo.problem import Problem
from smbo.study.results import BAD_OUTPUT, concluded, failed
from smbo.trial import Trial, TrialState
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus

PROBLEM = Problem({"x": (0.0, 1.0)}, constraints=["size <= 3"])
TRIAL = Trial(0, {"x": 0.5}, seed=7, token=4)
JOB = Job(study="s", number=0, token=4, payload={})


def brought(**known):
    empty = {
        "value": None,
        "sem": None,
        "cost": None,
        "metrics": {},
        "outputs": None,
        "outputs_variance": None,
    }
    return JobOutcome(JOB, JobStatus.OK, {**empty, **known})


def test_a_result_that_fits_is_what_would_have_been_told_by_hand():
    told = concluded(PROBLEM, TRIAL, brought(value=1.5, sem=0.2, cost=3.0, metrics={"size": 2.0}))
    by_hand = record_result(PROBLEM, TRIAL, ToldResult({"value": 1.5, "size": 2.0}, sem=0.2, cost=3.0))
    assert told.state is TrialState.COMPLETE
    for name in ("state", "value", "sem", "cost", "feasible", "token"):
        assert getattr(told, name) == getattr(by_hand, name)


@pytest.mark.parametrize(
    ("known", "metrics", "cost"),
    [
        ({"value": 2.5, "cost": 7.0, "metrics": {"sise": 1.0}}, {"value": 2.5, "sise": 1.0}, 7.0),
        ({"cost": 7.0}, {}, 7.0),
        ({"metrics": 3}, {}, None),
    ],
    ids=["lacks a metric", "lacks its value", "no mapping"],
)
def test_a_result_that_does_not_fit_is_a_failure_and_what_was_measured_is_kept(known, metrics, cost):
    told = concluded(PROBLEM, TRIAL, brought(**known))
    assert (told.state, told.reason, told.value) == (TrialState.FAILED, BAD_OUTPUT, None)
    assert (told.metrics, told.cost) == (metrics, cost)
    assert not told.error.startswith("trial 0")  # the same words for each trial


def test_a_paused_trial_keeps_its_folder_and_a_complete_one_does_not():
    climbing = Problem({"x": (0.0, 1.0)}, fidelity=Fidelity(1, 9))
    outcome = brought(value=1.0, folder="attempt-4")
    for fidelity, state, folder in [(1.0, TrialState.PAUSED, "attempt-4"), (9.0, TrialState.COMPLETE, None)]:
        told = concluded(climbing, Trial(0, {"x": 0.5}, seed=7, fidelity=fidelity), outcome)
        assert (told.state, told.checkpoint) == (state, folder)


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (JobStatus.ERROR, "no convergence", "no convergence"),
        (JobStatus.ERROR, None, "objective-error"),
        (JobStatus.TIMEOUT, "after 3 s", "timeout"),
        (JobStatus.LOST, None, "lost"),
    ],
)
def test_a_failure_is_named_by_its_objective_or_by_how_the_job_ended(status, reason, expected):
    told = failed(PROBLEM, TRIAL, JobOutcome(JOB, status, reason=reason, error="story"))
    assert (told.state, told.reason, told.error) == (TrialState.FAILED, expected, "story")


def test_of_an_unusable_result_only_numbers_are_kept_among_the_metrics():
    known = brought(value="abc", metrics={"size": 9.0, "tag": "abc", "ok": True}, cost="dear")
    told = concluded(PROBLEM, TRIAL, known)
    assert (told.state, told.reason) == (TrialState.FAILED, BAD_OUTPUT)
    assert (dict(told.metrics), told.cost) == ({"size": 9.0}, None)


def test_a_named_metric_that_is_a_text_is_shown_as_it_is():
    outcome = brought(value=1.0)
    outcome.result["left_out"] = {"size": "'three'"}
    told = concluded(PROBLEM, TRIAL, outcome)
    assert told.reason == BAD_OUTPUT
    assert told.error.endswith("(no numbers: size = 'three')")
