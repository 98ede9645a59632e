"""`smbo retry`, and a run whose objective is broken."""

import sys

import pytest

MENDABLE = """
import pathlib

def licensed(params):
    from smbo.problem import EvaluationFailed
    if not pathlib.Path("licence").exists() and params["x"] > 0.4:
        raise EvaluationFailed("no licence", reason="licence")
    return params["x"]

def broken(params):
    return params["x"] + (0 if pathlib.Path("mended").exists() else no_such_name)

def lazy(params):
    import no_such_module_here
"""


@pytest.fixture
def folder(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "mendable", raising=False)
    folder.write("mendable.py", MENDABLE)
    return folder


def states(folder):
    return [trial["state"] for trial in folder.trials()]


def test_failed_trials_are_run_again_after_a_mend(folder):
    job = folder.job("objective: {python: mendable:licensed}")
    assert folder.smbo("run", job).exit_code == 0
    points = [trial["params.x"] for trial in folder.trials()]
    assert {"failed", "complete"} == set(states(folder))
    folder.write("licence", "")
    result = folder.smbo("retry", "toy")
    assert result.exit_code == 0, result.output
    assert "evaluated again" in result.output
    assert states(folder) == ["complete"] * 4
    assert [trial["params.x"] for trial in folder.trials()] == points
    again = folder.smbo("retry", "toy")
    assert again.exit_code == 0
    assert "nothing to evaluate again" in again.output


def test_a_second_retry_says_that_the_trials_of_the_first_still_wait(folder):
    """ "Nothing to evaluate again" was all that was said."""
    folder.smbo("run", folder.job("objective: {python: mendable:licensed}"))
    n_failed = states(folder).count("failed")
    assert folder.smbo("retry", "toy", "--no-run").exit_code == 0
    result = folder.smbo("retry", "toy", "--no-run")
    assert result.exit_code == 0
    assert f"{n_failed} wait for `smbo resume toy`" in result.output


def test_trials_are_chosen_by_number_and_by_reason(folder):
    folder.smbo("run", folder.job("objective: {python: mendable:licensed}"))
    failed = [trial["number"] for trial in folder.trials() if trial["state"] == "failed"]
    complete = [trial["number"] for trial in folder.trials() if trial["state"] == "complete"]
    for words, said in (
        (["--trial", complete[0]], f"trial {complete[0]} is complete; only failed"),
        (["--trial", 99], "trial 99 was never asked for"),
        (["--reason", "licenec"], "did you mean 'licence'?"),
        (["--trial", failed[0], "--all"], "--trial excludes"),
    ):
        result = folder.smbo("retry", "toy", *words)
        assert result.exit_code == 2
        assert said in result.output
    result = folder.smbo("retry", "job.yaml", "--trial", failed[0], "--no-run")
    assert result.exit_code == 0, result.output
    assert states(folder)[failed[0]] == "waiting"
    folder.write("licence", "")
    assert folder.smbo("resume", "toy").exit_code == 0
    assert states(folder).count("failed") == len(failed) - 1
    assert folder.smbo("retry", "job.yaml", "--reason", "licence").exit_code == 0
    assert states(folder) == ["complete"] * 4


def test_what_is_wrong_with_the_job_is_said_before_a_trial_is_taken_back(folder):
    folder.smbo("run", folder.job("objective: {python: mendable:licensed}"))
    before = states(folder)
    folder.job("objective: {python: mendable:licencsed}")
    result = folder.smbo("retry", "job.yaml")
    assert result.exit_code == 2
    assert states(folder) == before


def test_a_programming_error_ends_the_run_with_one_traceback_and_counts_nothing(folder):
    job = folder.job("objective: {python: mendable:broken}", "budget: {trials: 25}")
    result = folder.smbo("run", job)
    assert result.exit_code == 4
    assert result.output.count("Traceback") == 1
    assert "name 'no_such_name' is not defined" in result.output
    assert "nothing was counted" in result.output
    assert states(folder) == ["waiting"] * 3
    folder.write("mended", "")
    assert folder.smbo("run", job).exit_code == 0
    assert states(folder) == ["complete"] * 25


def test_a_program_that_calls_what_is_not_there_counts_nothing(folder):
    job = folder.job(
        "objective: {command: {argv: [sh, -c, 'no_such_program_here', '{x}']}}", "budget: {trials: 25}"
    )
    result = folder.smbo("run", job)
    assert result.exit_code == 4
    assert "no_such_program_here" in result.output
    assert states(folder) == ["waiting"] * 3
