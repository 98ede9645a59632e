"""Jobs on a Dask cluster that somebody else started, elsewhere."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """#!/bin/sh
echo "$SMBO_PARAM_x"
"""


def start(*words, cwd, log):
    """Start one of Dask's commands in a session of its own, as an administrator would."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with open(log, "ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def wait_for(path, process, log, seconds=60.0):
    until = time.monotonic() + seconds
    while not path.is_file():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def scheduler_file(tmp_path_factory):
    """A scheduler with two workers, which were started where no objective lies."""
    home = tmp_path_factory.mktemp("dask")
    path, log = home / "scheduler.json", home / "log"
    options = ("--no-dashboard", "--host", "127.0.0.1")
    started = [start("scheduler", "--port", "0", "--scheduler-file", str(path), *options, cwd=home, log=log)]
    try:
        wait_for(path, started[0], log)
        words = ("--scheduler-file", str(path), "--nworkers", "2", "--nthreads", "1", "--local-directory")
        started.append(start("worker", *words, str(home / "w"), *options, cwd=home, log=log))
        yield path
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


@pytest.mark.dask
def test_a_job_runs_on_the_cluster_that_a_scheduler_file_names(folder, scheduler_file):
    # cli_toy.py lies beside the job file, where the workers would not look by themselves
    ran = folder.smbo("run", folder.job(f"cluster: {{scheduler_file: '{scheduler_file}'}}"))
    assert ran.exit_code == 0, ran.output
    assert "4 complete" in ran.output


@pytest.mark.dask
def test_a_job_runs_on_the_cluster_at_an_address(folder, scheduler_file):
    folder.write("echo.sh", PROGRAM).chmod(0o700)
    address = json.loads(scheduler_file.read_text())["address"]
    ran = folder.smbo(
        "run",
        folder.job(
            f"cluster: {{address: '{address}'}}",
            "objective: {command: {argv: [./echo.sh], result: stdout}}",
        ),
    )
    assert ran.exit_code == 0, ran.output
    assert "4 complete" in ran.output
    again = folder.smbo("run", "job.yaml", "--trials", "5")
    assert "5 complete" in again.output, "the cluster is not ours, and was stopped"
