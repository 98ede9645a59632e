"""Jobs in batch systems, from a job file: run, killed, resumed, checked before they are submitted."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("dask_jobqueue")

OBJECTIVE = """
import os, time


def evaluate(params, context):
    with open(os.environ["SMBO_TEST_LOG"], "a") as log:
        log.write(f"{context.seed}\\n")
    time.sleep(0.1)
    return (params["x"] - 0.3) ** 2
"""

CLUSTER = "cluster: {slurm: {workers: %s, memory: 500MB, walltime: 1h, host: 127.0.0.1, prologue: ['%s']}}"


def wait_until(what, seconds=60.0):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"still not so after {seconds} s"
        time.sleep(0.05)


@pytest.mark.dask
def test_a_job_in_a_batch_system_is_killed_and_resumed_and_evaluates_each_trial_once(folder, batch_system):
    log, driver_log = folder.path / "evaluated", folder.path / "driver.log"
    folder.write("batch_toy.py", OBJECTIVE)
    # the variable is set in the job alone: evaluations that ran elsewhere would fail
    folder.job(
        CLUSTER % ("{min: 1, max: 2}", f"export SMBO_TEST_LOG={log}"),
        "objective: {python: batch_toy:evaluate}",
        "budget: {trials: 12}",
    )
    command = [sys.executable, "-m", "smbo.cli", "run", "job.yaml"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with driver_log.open("wb") as stream:
        driver = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
        wait_until(lambda: log.exists() and len(log.read_text().split()) >= 3)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    resumed = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "12 complete" in resumed.stdout
    evaluated = log.read_text().split()
    assert len(evaluated) == len(set(evaluated)) == 12
    # the second driver took over the jobs of the first, and took them out of the queue at its end
    assert len(batch_system.submitted) == 2
    wait_until(lambda: not batch_system.pids())
    assert json.loads(next(folder.path.glob("*-spool/*/cluster-slurm/jobs.json")).read_text()) == {}


@pytest.mark.dask
def test_a_run_that_gets_no_worker_ends_with_the_reason(folder, batch_system):
    (batch_system.books / "refuse").touch()
    ran = folder.smbo("run", folder.job(CLUSTER % (1, "true")))
    assert ran.exit_code == 2, ran.output
    assert "the batch system refuses the job" in ran.output
    assert "Invalid account" in ran.output


def test_the_script_is_shown_and_nothing_is_touched(folder):
    job = folder.job(CLUSTER % (1, "module load python"), "limits: {time: 10min}")
    before = sorted(folder.path.iterdir())
    shown = folder.smbo("run", job, "--show-cluster-script")
    assert shown.exit_code == 0, shown.output
    assert "#SBATCH -t 01:00:00" in shown.output
    assert "--lifetime 2940" in shown.output  # ten minutes for an evaluation, one to put it away
    assert sorted(folder.path.iterdir()) == before


def test_a_walltime_that_leaves_no_time_for_an_evaluation_is_refused(folder):
    ran = folder.smbo("run", folder.job(CLUSTER % (1, "true"), "limits: {time: 2h}"))
    assert ran.exit_code == 2
    assert "walltime (3600 s) leaves no time" in ran.output


def test_dask_jobqueue_is_asked_for_before_anything_is_written(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "dask_jobqueue" else name)
    ran = folder.smbo("run", folder.job(CLUSTER % (1, "true")))
    assert ran.exit_code == 2
    assert "pip install 'smbo[jobqueue]'" in ran.output
    assert not list(folder.path.glob("*.db"))
