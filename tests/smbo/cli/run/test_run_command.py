"""`smbo run` and its companions, from a job file to a finished study and back."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


def trials(folder, study="toy", *words):
    result = folder.smbo("export", study, "--format", "json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def points(folder, study="toy"):
    return [(trial["params.x"], trial["value"]) for trial in trials(folder, study)]


def test_a_run_ends_with_all_trials_complete_and_exit_code_0(folder):
    folder.job()
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert [trial["state"] for trial in trials(folder)] == ["complete"] * 4
    assert "4/4 done" in result.output
    assert "recommended (trial" in result.output


def test_a_finished_study_says_so_and_evaluates_nothing(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    before = trials(folder)
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0
    assert "toy is finished: all 4 trials are used up" in result.output
    assert trials(folder) == before


def test_a_raised_budget_goes_on_where_the_study_was(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    first = trials(folder)
    result = folder.smbo("run", "job.yaml", "--trials", "7")
    assert result.exit_code == 0, result.output
    assert "resuming toy: 4 trials are finished already" in result.output
    after = trials(folder)
    assert after[:4] == first
    assert len(after) == 7


@pytest.mark.parametrize("recipe", ["sobol", "gp"])
def test_an_interrupted_serial_run_equals_an_uninterrupted_one_point_for_point(folder, recipe):
    folder.job(f"recipe: {recipe}", "budget: {trials: 9}", "study: whole", name="whole.yaml")
    folder.smbo("run", "whole.yaml")
    folder.job(f"recipe: {recipe}", "budget: {trials: 9}", "study: parts", name="parts.yaml")
    for n in ("2", "5", "9"):
        folder.job(f"recipe: {recipe}", f"budget: {{trials: {n}}}", "study: parts", name="parts.yaml")
        folder.smbo("run", "parts.yaml")
    assert points(folder, "parts") == points(folder, "whole")


def test_a_report_that_a_killed_run_did_not_write_is_made_up_for(folder):
    folder.job("report: out")
    assert folder.smbo("run", "job.yaml").exit_code == 0
    page = folder.path / "out" / "index.html"
    assert "report: " not in folder.smbo("run", "job.yaml").output
    page.unlink()
    assert "report: " in folder.smbo("run", "job.yaml").output
    folder.smbo("run", "job.yaml", "--trials", "6", "--no-report")
    stale = page.read_text()
    assert "report: " in folder.smbo("run", "job.yaml", "--trials", "6").output
    assert page.read_text() != stale


def test_resume_needs_only_the_name(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    (folder.path / "job.yaml").unlink()
    result = folder.smbo("resume", "toy", "--trials", "6")
    assert result.exit_code == 0, result.output
    assert len(trials(folder)) == 6


def test_a_study_that_was_never_run_from_the_command_line_cannot_be_resumed_by_name(folder):
    from smbo import Study

    Study.open("sqlite:///toy.db", "toy", {"x": (0.0, 1.0)}, seed=1).close()
    result = folder.smbo("resume", "toy")
    assert (result.exit_code, "run it with a job file" in result.output) == (2, True)


def test_a_study_is_run_from_toml_and_json_too(folder):
    toml = 'study = "t"\nobjective = {python = "cli_toy:evaluate"}\nspace = {x = {real = [0.0, 1.0]}}\n'
    folder.write(
        "job.toml", toml + 'recipe = "sobol"\nbudget = {trials = 2}\ncluster = "serial"\nreport = false\n'
    )
    assert folder.smbo("run", "job.toml").exit_code == 0
    data = {
        "study": "j",
        "objective": {"python": {"function": "cli_toy:evaluate"}},
        "space": {"x": {"real": [0, 1]}},
        "recipe": "sobol",
        "budget": {"trials": 2},
        "cluster": "serial",
        "report": False,
    }
    folder.write("job.json", json.dumps(data))
    assert folder.smbo("run", "job.json").exit_code == 0
    assert len(trials(folder, "j")) == len(trials(folder, "t")) == 2


def test_named_metrics_and_both_kinds_of_constraints_are_honoured(folder):
    folder.job(
        "objective: {python: cli_toy:measure}",
        "objectives: {loss: min}",
        "constraints: ['x <= 0.8', 'size >= 2']",
        "budget: {trials: 8}",
    )
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    rows = trials(folder)
    assert max(row["params.x"] for row in rows) <= 0.8
    assert [row["feasible"] for row in rows] == [row["metrics.size"] >= 2 for row in rows]


def test_failures_are_data_and_the_study_goes_on(folder):
    folder.job("objective: {python: cli_toy:fail_often}", "budget: {trials: 8}")
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert {row["state"] for row in trials(folder)} == {"complete", "failed"}


def test_a_used_up_budget_of_failures_is_exit_code_4(folder):
    folder.job("objective: {python: cli_toy:fail}", "budget: {trials: 8, failures: 3}")
    assert folder.smbo("run", "job.yaml").exit_code == 4
    assert [row["state"] for row in trials(folder)] == ["failed"] * 3
    again = folder.smbo("run", "job.yaml")
    assert (again.exit_code, "given up" in again.output) == (4, True)


def test_status_says_where_a_study_stands(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    by_name, by_file = folder.smbo("status", "toy"), folder.smbo("status", "job.yaml")
    assert by_name.output == by_file.output
    assert "toy: finished" in by_name.output
    assert "4 complete; 4 of 4 asked for" in by_name.output
    said = json.loads(folder.smbo("status", "toy", "--json").output)
    assert (said["state"], said["trials"]) == ("finished", {"complete": 4})


def test_show_says_what_the_model_makes_of_the_evidence(folder):
    folder.job("recipe: gp", "budget: {trials: 8}")
    folder.smbo("run", "job.yaml")
    (line,) = [line for line in folder.smbo("show", "toy").output.splitlines() if line.startswith("model:")]
    assert "(GP); matters most: x; leave-one-out on 8 values" in line


def test_show_puts_the_best_trial_first_and_keeps_its_point(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    best = min(trials(folder), key=lambda row: row["value"])
    output = folder.smbo("show", "toy").output
    assert f"best value seen: {best['value']:.6g} (trial {best['number']})" in output
    table = output.split("\n\n")[1].splitlines()
    assert int(table[1].split()[0]) == best["number"]
    by_number = folder.smbo("show", "toy", "--by", "number", "--rows", "2").output
    assert [int(line.split()[0]) for line in by_number.split("\n\n")[1].splitlines()[1:3]] == [0, 1]
    assert "2 more trials" in by_number


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@x",
    "; touch pwned",
    "$(touch pwned)",
    "../../x",
    "a\nb\x1b[2J",
]


def test_hostile_values_run_nothing_and_escape_nowhere(folder):
    choices = json.dumps(HOSTILE)
    folder.write("hostile.py", "def evaluate(params):\n    return len(params['c'])\n")
    folder.job(
        "objective: {python: hostile:evaluate}",
        f"space: {{c: {{choice: {choices}}}}}",
        "budget: {trials: 8}",
        "report: out",
    )
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(folder.smbo("export", "toy").stdout)))
    assert sorted(row["params.c"].removeprefix("'") for row in rows) == sorted(HOSTILE)
    assert not any(row["params.c"].startswith(("=", "+", "-", "@")) for row in rows)
    assert sorted(row["params.c"] for row in trials(folder)) == sorted(HOSTILE)
    assert "\x1b" not in folder.smbo("show", "toy").output
    assert not list(folder.path.rglob("pwned"))
    assert not (folder.path.parent / "x").exists()


def test_export_writes_a_file_whose_suffix_says_the_format(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    assert folder.smbo("export", "toy", "-o", "all.json").exit_code == 0
    assert len(json.loads((folder.path / "all.json").read_text())) == 4
    assert folder.smbo("export", "toy", "-o", "all.csv").exit_code == 0
    assert len((folder.path / "all.csv").read_text().splitlines()) == 5


def test_stop_has_nothing_to_do_where_nothing_runs(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    assert "nothing to stop" in folder.smbo("stop", "toy").output


def test_the_installed_objectives_are_listed_with_their_settings(folder):
    result = folder.smbo("objectives")
    assert result.exit_code == 0
    assert "python\n    A Python function" in result.output
    assert "    events: 5000" in result.output


SLOW = """
import os, time

def evaluate(params):
    with open("evaluated.txt", "a") as file:
        file.write("x")
    time.sleep(0.3)
    return params["x"]
"""


def start(folder, objective=None):
    """Start `smbo run` as a process of its own and wait until it evaluates."""
    folder.write("slow.py", SLOW if objective is None else objective)
    folder.job("objective: {python: slow:evaluate}", "budget: {trials: 30}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen(
        [sys.executable, "-m", "smbo.cli", "run", "job.yaml"],
        cwd=folder.path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 60
    while not (folder.path / "evaluated.txt").exists():
        assert run.poll() is None, run.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.05)
    return run


def end(run):
    output, _ = run.communicate(timeout=60)
    assert "Traceback" not in output
    return run.returncode, output


def test_a_running_study_drains_on_stop_and_can_be_resumed(folder):
    run = start(folder)
    assert "process" in folder.smbo("status", "toy").output
    assert "will stop" in folder.smbo("stop", "toy").output
    code, output = end(run)
    assert (code, "goes on from here" in output) == (3, True)
    done = trials(folder)
    assert 1 <= len(done) < 30
    assert {row["state"] for row in done} == {"complete"}
    result = folder.smbo("resume", "toy", "--time", "1s")
    assert result.exit_code in (0, 3), result.output
    assert len(trials(folder)) >= len(done)


def test_two_runs_share_a_study_and_evaluate_each_trial_once(folder):
    # however slowly the second comes: none is evaluated to its end before both have been seen
    waits = SLOW.replace(
        "    time.sleep", "    while not os.path.exists('both'):\n        time.sleep(0.01)\n    time.sleep"
    )
    first, second = start(folder, waits), start(folder, waits)
    until = time.monotonic() + 60
    try:
        while len(json.loads(folder.smbo("status", "toy", "--json").output)["drivers"]) < 2:
            assert time.monotonic() < until
    finally:
        (folder.path / "both").touch()
    (code, said), (other_code, other_said) = end(first), end(second)
    assert (code, other_code) == (0, 0)
    assert "sharing toy with process" in said + other_said
    assert [row["state"] for row in trials(folder)] == ["complete"] * 30
    assert (folder.path / "evaluated.txt").read_text() == "x" * 30
    assert json.loads(folder.smbo("status", "toy", "--json").output)["drivers"] == []


def test_one_interrupt_drains_with_exit_code_3(folder):
    run = start(folder)
    run.send_signal(signal.SIGINT)
    code, output = end(run)
    assert code == 3, output
    assert {row["state"] for row in trials(folder)} == {"complete"}


def test_a_second_interrupt_ends_with_exit_code_130(folder):
    run = start(folder)
    run.send_signal(signal.SIGINT)
    time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    code, output = end(run)
    assert code == 130, output


def test_what_failed_evaluations_said_can_be_read(folder):
    ran = folder.smbo("run", folder.job("objective: {python: cli_toy:fail}"))
    assert ran.exit_code == 4, "nothing but failures is no success"
    assert "4 failed with objective-error: ValueError: no good (trial 3, for one)" in ran.output
    assert "4 failed with objective-error: ValueError: no good" in folder.smbo("show", "toy").output
    one = folder.smbo("show", "toy", "--trial", "2").output
    assert "Traceback" in one
    assert 'raise ValueError("no good")' in one
    assert folder.smbo("show", "toy", "--trial", "9").exit_code == 2
    assert folder.smbo("run", "job.yaml").exit_code == 4, "a second look finds no success either"


def test_an_error_drives_no_terminal(folder):
    folder.write("rude.py", 'def evaluate(params):\n    raise ValueError("\\x1b[2Jgone" + 9999 * "x")\n')
    ran = folder.smbo("run", folder.job("objective: {python: rude:evaluate}"))
    shown = folder.smbo("show", "toy", "--trial", "0").output
    assert "\x1b" not in ran.output + shown
    assert "\\x1b[2Jgone" in ran.output
    assert max(map(len, ran.output.splitlines())) < 300
