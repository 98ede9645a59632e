"""One run of a study: interrupted, resumed, shared between drivers, and its exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smbo.cli.run import lock
from smbo.store.connect import file_url

ROOT = Path(__file__).resolve().parents[4]


def test_a_finished_study_says_so_and_evaluates_nothing(folder):
    folder.job()
    folder.smbo("run", "job.yaml")
    before = folder.trials()
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0
    assert "toy is finished: all 4 trials are used up" in result.output
    assert folder.trials() == before


@pytest.mark.parametrize("recipe", ["sobol", "gp"])
def test_an_interrupted_serial_run_equals_an_uninterrupted_one_point_for_point(folder, recipe):
    folder.job(f"recipe: {recipe}", "budget: {trials: 9}", "study: whole", name="whole.yaml")
    folder.smbo("run", "whole.yaml")
    folder.job(f"recipe: {recipe}", "budget: {trials: 9}", "study: parts", name="parts.yaml")
    for n in ("2", "5", "9"):
        folder.job(f"recipe: {recipe}", f"budget: {{trials: {n}}}", "study: parts", name="parts.yaml")
        folder.smbo("run", "parts.yaml")
    assert folder.points("parts") == folder.points("whole")


def test_failures_are_data_and_the_study_goes_on(folder):
    folder.job("objective: {python: cli_toy:fail_often}", "budget: {trials: 8}")
    result = folder.smbo("run", "job.yaml")
    assert result.exit_code == 0, result.output
    assert {row["state"] for row in folder.trials()} == {"complete", "failed"}


def test_a_used_up_budget_of_failures_is_exit_code_4(folder):
    folder.job("objective: {python: cli_toy:fail}", "budget: {trials: 8, failures: 3}")
    assert folder.smbo("run", "job.yaml").exit_code == 4
    assert [row["state"] for row in folder.trials()] == ["failed"] * 3
    again = folder.smbo("run", "job.yaml")
    assert (again.exit_code, "given up" in again.output) == (4, True)


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
    until = time.monotonic() + 300
    while not (folder.path / "evaluated.txt").exists():
        assert run.poll() is None, run.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.05)
    return run


def end(run):
    output, _ = run.communicate(timeout=300)
    assert "Traceback" not in output
    return run.returncode, output


def test_a_running_study_drains_on_stop_and_can_be_resumed(folder):
    run = start(folder)
    assert "process" in folder.smbo("status", "toy").output
    assert "will stop" in folder.smbo("stop", "toy").output
    code, output = end(run)
    assert (code, "goes on from here" in output) == (3, True)
    done = folder.trials()
    assert 1 <= len(done) < 30
    assert {row["state"] for row in done} == {"complete"}
    result = folder.smbo("resume", "toy", "--time", "1s")
    assert result.exit_code in (0, 3), result.output
    assert len(folder.trials()) >= len(done)


def test_two_runs_share_a_study_and_evaluate_each_trial_once(folder):
    # however slowly the second comes: none is evaluated to its end before both have been seen
    waits = SLOW.replace(
        "    time.sleep", "    while not os.path.exists('both'):\n        time.sleep(0.01)\n    time.sleep"
    )
    first, second = start(folder, waits), start(folder, waits)
    until = time.monotonic() + 300
    try:
        while len(json.loads(folder.smbo("status", "toy", "--json").output)["drivers"]) < 2:
            assert time.monotonic() < until
    finally:
        (folder.path / "both").touch()
    (code, said), (other_code, other_said) = end(first), end(second)
    assert (code, other_code) == (0, 0)
    assert "sharing toy with process" in said + other_said
    assert [row["state"] for row in folder.trials()] == ["complete"] * 30
    assert (folder.path / "evaluated.txt").read_text() == "x" * 30
    assert json.loads(folder.smbo("status", "toy", "--json").output)["drivers"] == []


def test_one_interrupt_drains_with_exit_code_3(folder):
    run = start(folder)
    run.send_signal(signal.SIGINT)
    code, output = end(run)
    assert code == 3, output
    assert {row["state"] for row in folder.trials()} == {"complete"}


def test_a_second_interrupt_ends_with_exit_code_130(folder):
    run = start(folder)
    run.send_signal(signal.SIGINT)
    time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    code, output = end(run)
    assert code == 130, output


def test_a_spool_of_the_jobs_own_leaves_nothing_beside_the_store(folder):
    folder.job(f"spool: {folder.path}/results")
    assert folder.smbo("run", "job.yaml").exit_code == 0
    assert sorted(path.name for path in folder.path.iterdir() if "toy" in path.name) == [
        "cli_toy.py",
        "toy.db",
    ]
    assert [path.name.startswith("toy-") for path in (folder.path / "results").iterdir()] == [True]
    assert "none is running" in folder.smbo("status", "toy").output


def test_a_driver_is_seen_by_its_lock_in_the_jobs_spool_and_from_other_folders(folder, monkeypatch):
    folder.job("spool: results")
    assert folder.smbo("run", "job.yaml").exit_code == 0
    (place,) = (folder.path / "results").iterdir()
    (folder.path / "elsewhere").mkdir()
    monkeypatch.chdir(folder.path / "elsewhere")
    with lock.driving(place):
        shown = folder.smbo("status", "toy", "--store", file_url(folder.path / "toy.db")).output
    assert f"process {os.getpid()}" in shown
    assert list((folder.path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("name", ["run?1", "50%25", "a#b"])
def test_a_job_in_a_folder_of_any_name_keeps_all_it_writes_there(folder, monkeypatch, name):
    (folder.path / name).mkdir()
    folder.job()
    monkeypatch.chdir(folder.path / name)
    for _ in range(2):  # it is resumed, too
        assert folder.smbo("run", str(folder.path / "job.yaml")).exit_code == 0
    assert "4 complete" in folder.smbo("status", "toy").output
    assert folder.smbo("db", "check", "toy.db").exit_code == 0
    assert folder.smbo("db", "backup", "toy.db", "copy.db").exit_code == 0
    made = {path.name for path in (folder.path / name).iterdir()}
    assert made - {"toy.db-wal", "toy.db-shm"} == {"toy.db", "toy.db-spool", "copy.db"}
    others = {path.name for path in folder.path.iterdir()} - {"__pycache__"}
    assert others == {name, "job.yaml", "cli_toy.py"}
