"""Jobs in batch systems, from a job file: run, killed, resumed, checked before they are submitted."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from waiting import wait_until

pytest.importorskip("dask_jobqueue")

OBJECTIVE = """
import os, time


def evaluate(params, context):
    with open(os.environ["SMBO_TEST_LOG"], "a") as log:
        log.write(f"{context.seed}\\n")
    time.sleep(0.1)
    return (params["x"] - 0.3) ** 2
"""

# Says where it runs, and waits for the file "go" beside its log.
GATED = """
import os, time

import psutil


def evaluate(params, context):
    log = os.environ["SMBO_TEST_LOG"]
    above = " ".join(str(process.pid) for process in psutil.Process().parents())
    with open(log, "a") as stream:
        stream.write(f"{context.seed} {above}\\n")
    while not os.path.exists(os.path.join(os.path.dirname(log), "go")):
        time.sleep(0.02)
    return (params["x"] - 0.3) ** 2
"""

CONDOR = "cluster: {htcondor: {workers: 2, memory: 500MB, host: 127.0.0.1, poll: 1s, prologue: ['%s']}}"
CLUSTER = "cluster: {slurm: {workers: %s, memory: 500MB, walltime: 1h, host: 127.0.0.1, prologue: ['%s']}}"


def processes_that_name(folder):
    """Return the command lines of processes that name a folder: keepers, hosts, workers."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


def killed(driver, folder):
    """End a driver, and whatever else of its run is left: without the file "go" it would wait for ever."""
    for each in (driver, *psutil.process_iter(["cmdline"])):
        with contextlib.suppress(psutil.Error, OSError):
            if each is driver or str(folder) in " ".join(each.info["cmdline"] or ()):
                each.kill()
    driver.wait()


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
    resumed = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "12 complete" in resumed.stdout
    evaluated = log.read_text().split()
    assert len(evaluated) == len(set(evaluated)) == 12
    # the second driver took over the jobs of the first, and took them out of the queue at its end
    assert len(batch_system.submitted) == 2
    wait_until(lambda: not batch_system.pids())
    assert json.loads(next(folder.path.glob("*-spool/*/cluster-slurm/jobs.json")).read_text()) == {}


@pytest.mark.dask
def test_a_job_in_htcondor_runs_to_its_end_and_a_job_that_is_killed_is_replaced(
    folder, batch_system, request
):
    log = folder.path / "evaluated"
    (batch_system.books / "lingers").touch()
    folder.write("batch_toy.py", GATED)
    # HTCondor hands on nothing of the environment: an evaluation that ran elsewhere would fail
    job = folder.job(
        CONDOR % f"export SMBO_TEST_LOG={log}",
        "objective: {python: batch_toy:evaluate}",
        "budget: {trials: 6}",
    )
    command = [sys.executable, "-m", "smbo.cli", "run", str(job)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (folder.path / "driver.log").open("wb") as stream:
        driver = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
        request.addfinalizer(lambda: killed(driver, folder.path))
        wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 2)
        victim = psutil.Process(int((batch_system.books / "1.pid").read_text()))
        for process in [victim, *victim.children(recursive=True)]:  # as for too much memory
            process.kill()
        wait_until(lambda: len(batch_system.submitted) == 3)
        (folder.path / "go").touch()
        code = driver.wait(timeout=300)
    said = (folder.path / "driver.log").read_text()
    assert code == 0, said
    assert "6 complete" in said
    evaluated = [line.split() for line in log.read_text().splitlines()]
    seeds = [seed for seed, *_ in evaluated]
    # what the killed job ran was begun again, and nothing else was
    assert sorted(map(seeds.count, set(seeds))) == [1, 1, 1, 1, 1, 2]
    (twice,) = {seed for seed in seeds if seeds.count(seed) == 2}
    before, after = (above for seed, *above in evaluated if seed == twice)
    assert str(victim.pid) in before
    assert str(victim.pid) not in after
    # the jobs are out of the queue, and nothing of them runs on
    assert sorted(batch_system.cancelled) == [2, 3]
    wait_until(lambda: not batch_system.pids())
    assert json.loads(next(folder.path.glob("*-spool/*/cluster-htcondor/jobs.json")).read_text()) == {}
    wait_until(lambda: not processes_that_name(folder.path))


@pytest.mark.dask
def test_a_job_that_htcondor_holds_ends_the_run_with_its_reason(folder, batch_system):
    batch_system.close()
    (batch_system.books / "held").write_text("Error from slot1: Failed to transfer files")
    ran = folder.smbo("run", folder.job(CONDOR % "true"))
    assert ran.exit_code == 2, ran.output
    assert "holds job" in ran.output
    assert "Error from slot1: Failed to transfer files" in " ".join(ran.output.split())


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
