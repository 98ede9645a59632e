"""With `survive: true`, whoever drives, schedules and works may be killed: the evaluations go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]

JOB = """
study: survivors
objective: {command: [sh, work.sh, "{x}"]}
space: {x: {real: [0.0, 1.0]}}
recipe: sobol
budget: {trials: 2}
cluster: {local: {workers: 2}}
limits: {survive: true, time: 5min}
seed: 1
report: false
"""
WORK = """
echo start "$1" >> log.txt
while [ ! -e go ]; do sleep 0.1; done
echo end "$1" >> log.txt
echo "$1" > "$SMBO_RESULT"
"""


@pytest.fixture
def smbo(tmp_path):
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "work.sh").write_text(WORK)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    started = []

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "smbo.cli", *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield start
    (tmp_path / "go").touch()  # whatever went wrong, nothing waits for ever
    for process in started:
        process.kill()
        process.communicate()


def until(is_so, seconds=60.0):
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.1)
    return is_so()


def runs(process, module):
    try:
        return module in process.cmdline()
    except psutil.Error:  # it has just ended
        return False


def kill_all_but_the_evaluations(driver):
    """Kill the driver, Dask's scheduler and the workers, with their process groups."""
    (manager,) = (
        each
        for each in psutil.Process(driver.pid).children()
        if runs(each, "smbo_scheduler.clusters.manager")
    )
    workers = [each for each in manager.children() if runs(each, "smbo_scheduler.clusters.worker")]
    doomed = [manager.pid, *(worker.pid for worker in workers)]
    assert len(doomed) == 3
    driver.kill()
    for pid in doomed:
        os.killpg(pid, signal.SIGKILL)


@pytest.mark.dask
@pytest.mark.slow
def test_evaluations_outlive_driver_scheduler_and_workers_and_the_next_run_takes_them_over(smbo, tmp_path):
    log = tmp_path / "log.txt"
    driver = smbo("run", "job.yaml")
    assert until(lambda: log.exists() and log.read_text().count("start") == 2)
    kill_all_but_the_evaluations(driver)
    again = smbo("run", "job.yaml")
    time.sleep(5.0)  # the new run is up by then, and must wait: neither lost nor run again
    (tmp_path / "go").touch()
    output = again.communicate(timeout=300)[0].decode()
    assert again.returncode == 0, output
    words = [line.split()[0] for line in log.read_text().splitlines()]
    assert words == ["start", "start", "end", "end"]
    trials = json.loads(smbo("export", "survivors", "--format", "json").communicate(timeout=300)[0])
    assert [trial["state"] for trial in trials] == ["complete", "complete"]
    assert all(trial["value"] == trial["params.x"] for trial in trials)
