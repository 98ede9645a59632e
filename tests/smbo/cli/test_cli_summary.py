"""Outcome constraints, costs and ends of a study in what the command line and the report say."""

import json
import re
import sys
import traceback

import pytest

from smbo.cli.summary import failures_summary
from smbo.trial import Trial, TrialState

OBJECTIVE = """
from smbo.problem import Outcome


def cut(params, context):
    return Outcome(
        metrics={"loss": params["x"] + params["y"], "left": params["x"] * params["y"]},
        sems={"left": 0.02},
        cost=2.0,
    )
"""


LINES = (
    "objective: {python: cut_toy:cut}",
    "space: {x: {real: [0.0, 1.0]}, y: {real: [0.0, 1.0]}}",
    "objectives: {loss: min}",
)


@pytest.fixture
def cut(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "cut_toy", raising=False)
    folder.write("cut_toy.py", OBJECTIVE)
    return folder


def said(folder, *words):
    result = folder.smbo(*words)
    assert result.exit_code == 0, result.output
    return result.output


def test_every_face_says_how_likely_the_recommended_point_meets_the_constraints(cut):
    constraint = 'constraints: ["left >= 0.25"]'
    cut.job(*LINES, constraint, "recipe: gp", "budget: {trials: 8, cost: 100}", without=("report",))
    run = said(cut, "run", "job.yaml")
    shown, status = said(cut, "show", "toy"), said(cut, "status", "toy")
    now = json.loads(said(cut, "status", "toy", "--json"))
    chance = now["recommended"]["p_feasible"]
    assert 0.5 < chance < 1.0
    words = f"feasible with a probability of {100 * min(chance, 0.999):.3g} %"
    counts = f"{now['feasible']} of 8 complete trials meet left >= 0.25"
    assert all(words in text and counts in text for text in (run, shown, status))
    assert "in all, at a cost of 16" in run
    assert "ended because all 8 trials are used up" in run
    assert "16 of 100" in status
    page = re.sub(r"<[^>]*>", " ", (cut.path / "toy-report" / "index.html").read_text())
    assert f"{100 * min(chance, 0.999):.3g} %" in page
    assert f"that left &gt;= 0.25; {now['feasible']} of 8 evaluations met it" in page
    assert "all 8 trials are used up" in page


def test_a_study_without_a_feasible_point_says_that_it_looks_for_one(cut):
    cut.job(*LINES, 'constraints: ["left >= 9"]', "budget: {trials: 3}", without=("report",))
    counts = "0 of 3 complete trials meet left >= 9; until one does, the search goes for feasibility first"
    assert counts in said(cut, "run", "job.yaml")
    assert counts in said(cut, "show", "toy")
    assert counts in said(cut, "status", "toy")
    page = (cut.path / "toy-report" / "index.html").read_text()
    assert "None of 3 complete evaluations met left &gt;= 9." in page


def test_a_job_whose_results_do_not_fit_ends_early_with_one_cause(cut):
    cut.job(*LINES, 'constraints: ["right >= 9"]', "budget: {trials: 30}")
    result = cut.smbo("run", "job.yaml")
    assert result.exit_code == 4
    assert "3 failed with bad-output: the constraints ['right >= 9'] need ['right']" in result.output
    assert "ended early" in result.output


def test_failures_that_differ_by_a_number_are_one_cause():
    said = ["ValueError: aborted at x=0.41", "ValueError: aborted at x=6e-05", "KeyError: 'a'"]
    trials = [
        Trial(k, {}, k, TrialState.FAILED, reason="objective-error", error=text)
        for k, text in enumerate([*said, *(f"E{name}" for name in "ABC")])
    ]
    exits = [Trial(k, {}, k, TrialState.FAILED, reason=f"exit {k}", error="") for k in (3, 4)]
    assert len(failures_summary(exits)) == 2
    first, *_, last = failures_summary(trials)
    assert first == "2 failed with objective-error: ValueError: aborted at x=6e-05 (trial 1, for one)"
    assert last == "… and 2 other causes"


def noted():
    error = ValueError("no convergence\nFor further information visit https://example.org")
    error.add_note("a remark")
    return error


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (noted(), "ValueError: no convergence"),
        (ExceptionGroup("of a task group", [ValueError("one"), KeyError("two")]), "of a task group"),
    ],
    ids=["lines and notes", "group"],
)
def test_a_failure_is_summarised_by_its_exception_not_by_the_last_line(error, shown):
    """A note, a further line or the frame of an ExceptionGroup stood for the cause."""
    try:
        raise error
    except Exception:
        text = traceback.format_exc()
    trial = Trial(0, {}, 0, TrialState.FAILED, reason="objective-error", error=text)
    (line,) = failures_summary([trial])
    assert shown in line
    assert not any(other in line for other in ("visit", "remark", "---"))
