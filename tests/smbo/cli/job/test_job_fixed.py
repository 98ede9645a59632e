"""What a run fixes, in the job file and on the command line: refused, obeyed, said, changed, replayed."""

from __future__ import annotations

import sys

import pytest

from smbo import Study
from smbo.cli.job.fixed import fixed_lines

LINES = (
    "objective: {python: fixed_toy:evaluate}",
    "space: {x: {real: [0, 1]}, y: {real: [0, 1]}, mode: [fast, full, '3'],"
    " width: {real: [0, 1], active_when: \"mode == 'full'\"}}",
    "constraints: [x + y <= 1.5]",
    "budget: {trials: 7}",
)
OBJECTIVE = """
import os


def evaluate(params):
    return (params["x"] - 0.3) ** 2 + params["y"]


def evaluate_and_die_once(params):
    if not os.path.exists("died"):
        open("died", "x").close()
        os._exit(9)
    return evaluate(params)


def by_epochs(params, context):
    return evaluate(params) + 0.1 / context.fidelity
"""


@pytest.fixture
def toy(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "fixed_toy", raising=False)
    folder.write("fixed_toy.py", OBJECTIVE)
    return folder


def points(folder):
    with Study.load(f"sqlite:///{folder.path / 'toy.db'}", "toy") as study:
        return [dict(trial.params) for trial in study.trials]


def ran(folder, *words):
    result = folder.smbo(*words)
    assert result.exit_code == 0, result.output
    return result.output


def test_new_trials_have_what_the_job_file_fixes_and_the_report_says_so(toy):
    toy.job(*LINES, "fixed: {mode: full, y: 0.25}", "report: out")
    said = ran(toy, "run", "job.yaml")
    assert "fixed for new trials: mode='full' and y=0.25" in said
    assert "last run" not in said
    found = points(toy)
    assert [(point["mode"], point["y"]) for point in found] == [("full", 0.25)] * 7
    assert len({point["x"] for point in found}) > 3
    assert "mode=&#39;full&#39; and y=0.25" in (toy.path / "out" / "index.html").read_text()
    assert "7 trials of" in ran(toy, "replay", "toy")


def test_each_run_says_what_it_fixes_and_what_the_last_one_did(toy):
    toy.job(*LINES, "recipe: gp", "fixed: {y: 0.25}")
    ran(toy, "run", "job.yaml", "--trials", "2")
    said = ran(toy, "resume", "toy", "--trials", "4", "--fix", "mode='3'", "--fix", "x=0.5", "--free", "y")
    assert "fixed for new trials: mode='3' and x=0.5 (the last run: y=0.25)" in said
    ran(toy, "resume", "toy", "--trials", "5")  # as its last run was told to
    said = ran(toy, "run", "job.yaml", "--trials", "6", "--free", "y")
    assert "nothing is fixed (the last run: mode='3' and x=0.5)" in said
    assert "fixed" not in ran(toy, "resume", "toy", "--trials", "7")
    found = points(toy)
    assert [point["y"] for point in found[:2]] == [0.25] * 2
    assert [(point["mode"], point["x"]) for point in found[2:5]] == [("3", 0.5)] * 3
    assert "7 trials of" in ran(toy, "replay", "toy")


def test_points_to_try_first_that_have_the_fixed_values_come_first_and_the_others_keep(toy):
    lines = [line for line in LINES if not line.startswith("space")]
    space = "space: {x: {real: [0, 1]}, y: {real: [0, 1]}}"
    first = "try_first: [{x: 0.9, y: 0.1}, {x: 0.2, y: 0.5}, {x: 0.8, y: 0.5}, {x: 0.4, y: 0.1}]"
    toy.job(*lines, space, first, "fixed: {y: 0.5}")
    ran(toy, "run", "job.yaml", "--trials", "3")
    ran(toy, "run", "job.yaml", "--trials", "6", "--free", "y")
    found = [(point["x"], point["y"]) for point in points(toy)]
    assert found[:2] == [(0.2, 0.5), (0.8, 0.5)]
    assert found[2][1] == 0.5
    assert found[3:5] == [(0.9, 0.1), (0.4, 0.1)]
    assert "6 trials of" in ran(toy, "replay", "toy")


def test_a_trial_that_was_lost_keeps_its_values_when_another_run_fixes_others(toy):
    toy.job(*LINES)
    with Study.open("sqlite:///toy.db", "toy", problem_of(toy), "sobol", seed=1) as study:
        (left,) = study._driver.ask_for("run 0123456789abcdef process 999999 on nowhere", 1)
        study._driver.store.requeue(study._driver.id, left.number, left.token, _lost(), _nowhere())
    ran(toy, "run", "job.yaml", "--fix", "y=0.5")
    found = points(toy)
    assert found[0] == dict(left.params)
    assert found[0]["y"] != 0.5
    assert [point["y"] for point in found[1:]] == [0.5] * 6


def problem_of(folder):
    from smbo.cli.job.schema import read_jobfile
    from smbo.cli.job.task import load_task

    job, document = read_jobfile(folder.path / "job.yaml")
    sys.path.insert(0, str(folder.path))
    return load_task(job, document, folder.path).problem


def _lost():
    from smbo.store.attempt_outcome import AttemptOutcome

    return AttemptOutcome("lost")


def _nowhere():
    from smbo.store.records import Place

    return Place()


@pytest.mark.parametrize("stopping", ["asha", "model"])
def test_trials_are_promoted_whatever_is_fixed_meanwhile(toy, stopping):
    lines = [line for line in LINES if not line.startswith(("objective", "budget"))]
    more = ("fidelity: {low: 1, high: 3}", f"early_stopping: {stopping}", "recipe: auto")
    toy.job(*lines, *more, "objective: {python: fixed_toy:by_epochs}", "budget: {trials: 5}")
    ran(toy, "run", "job.yaml")
    ran(toy, "run", "job.yaml", "--trials", "8", "--fix", "mode=fast")
    assert [point["mode"] for point in points(toy)[5:]] == ["fast"] * 3
    assert "8 trials of" in ran(toy, "replay", "toy")


@pytest.mark.parametrize(
    ("line", "words", "message"),
    [
        ("fixed: {moode: fast}", (), "job.yaml:10: fixed.moode: fixed 'moode' is no dimension"),
        ("fixed: {moode: fast}", (), "did you mean 'mode'?"),
        ("fixed: {y: 0.5, x: 2}", (), "fixed.x: fixed x=2 is outside"),
        ("fixed: {mode: 3}", (), "fixed.mode: fixed mode=3 "),
        ("fixed: [x]", (), "fixed: a mapping is needed"),
        ("fixed: {x: 0.9, y: 0.9}", (), "violates the known constraint 'x + y <= 1.5'"),
        ("fixed: {mode: fast, width: 0.5}", (), "exists only when mode == 'full'"),
        ("fixd: {x: 0.5}", (), "did you mean 'fixed'?"),
        ("seed: 1", ("--fix", "x=lots"), "fixed.x: fixed x='lots'"),
        ("seed: 1", ("--fix", "x"), "--fix x: write it as NAME=VALUE"),
        ("seed: 1", ("--fix", "x=[1"), "not YAML"),
        ("seed: 1", ("--free", "x"), "--free x: it is not fixed"),
        ("fixed: {x: 0.5}", ("--free", "x", "--fix", "x=1"), "free no such name"),
    ],
)
def test_what_cannot_be_fixed_is_refused_with_its_line_before_anything_runs(toy, line, words, message):
    toy.job(*LINES, line)
    result = toy.smbo("run", "job.yaml", *words)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (toy.path / "toy.db").exists()


def test_only_a_change_is_told_of_the_last_run():
    assert fixed_lines({}, None) == []
    assert fixed_lines({}, {}) == []
    assert fixed_lines({"x": 1.0}, {"x": 1.0}) == ["fixed for new trials: x=1.0"]
    assert fixed_lines({"x": 1.0}, {}) == ["fixed for new trials: x=1.0 (the last run: nothing)"]
    assert fixed_lines({}, {"x": 1.0}) == ["nothing is fixed (the last run: x=1.0)"]
