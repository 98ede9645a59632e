"""Jobs on a Dask cluster that somebody else started, elsewhere."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from smbo_scheduler.errors import ClusterError

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


def test_a_plain_scheduler_elsewhere_is_refused_unless_that_is_allowed(folder):
    job = folder.job("cluster: {address: 'tcp://192.0.2.1:8786'}")
    refused = folder.smbo("run", job)
    assert refused.exit_code == 2
    assert "plain TCP to another machine" in refused.output
    assert "--insecure-dask" in refused.output
    assert not list(folder.path.glob("*.db"))


def test_what_is_allowed_is_tried(folder, monkeypatch):
    asked = []

    def connect(address, *, security, allow_plain):
        asked.append((address, allow_plain))
        raise ClusterError("nobody there")

    monkeypatch.setattr("smbo_scheduler.clusters.external.connect", connect)
    job = folder.job("cluster: {address: 'tcp://192.0.2.1:8786'}")
    assert "nobody there" in folder.smbo("run", job, "--insecure-dask").output
    job = folder.job("cluster: {address: 'tcp://192.0.2.1:8786', insecure: true}")
    assert "nobody there" in folder.smbo("run", job).output
    assert asked == [("tcp://192.0.2.1:8786", True)] * 2


@pytest.mark.dask
def test_a_job_runs_on_a_scheduler_that_asks_for_certificates(folder, tmp_path_factory):
    from smbo_scheduler.clusters import external as clusters
    from smbo_scheduler.clusters.state import read_state

    place = tmp_path_factory.mktemp("kept")
    other = clusters.start_local(place, 1)
    try:
        other.connect().close()
        files = f"ca: '{place}/cert.pem', cert: '{place}/cert.pem', key: '{place}/key.pem'"
        cluster = f"cluster: {{address: '{read_state(place).address}', tls: {{{files}}}}}"
        ran = folder.smbo("run", folder.job(cluster))
        assert ran.exit_code == 0, ran.output
        assert read_state(place) is not None, "the cluster is not ours, and was stopped"
    finally:
        other.stop()


def test_a_certificate_that_is_not_there_is_named(folder):
    ran = folder.smbo(
        "run", folder.job("cluster: {address: 'tls://h:1', tls: {ca: no.pem, cert: no.pem, key: no.pem}}")
    )
    assert ran.exit_code == 2
    assert "no.pem: this certificate or key cannot be read" in ran.output
