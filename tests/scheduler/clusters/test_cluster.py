"""A local cluster outlives its driver, replaces its dead, and ends when nobody wants it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

from smbo_scheduler.clusters import external as clusters
from smbo_scheduler.clusters.state import read_state
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.executors import DaskExecutor
from smbo_scheduler.jobs import Job, JobStatus
from smbo_scheduler.loop import RunEnd, Stop, run


def target(payload, context):
    """Say who runs it, and go on until the file ``until`` is there."""
    if "until" in payload:
        Path(payload["until"] + ".pid").write_text(str(os.getpid()))
        while not os.path.exists(payload["until"]):
            time.sleep(0.02)
    return {"pid": os.getpid()}


def is_a_worker(process):
    return "smbo_scheduler.clusters.worker" in process.cmdline()


class Requeuing:
    """Gives out numbers, and lost ones again under a new token."""

    def __init__(self, payloads):
        self.todo = list(enumerate(payloads))
        self.token = 0
        self.unfinished = len(payloads)
        self.outcomes = []

    def next_jobs(self, n):
        jobs = []
        for number, payload in self.todo[:n]:
            self.token += 1
            jobs.append(Job("requeue", number, self.token, payload))
        del self.todo[:n]
        return jobs

    def record(self, outcome):
        self.outcomes.append(outcome)
        if outcome.status is JobStatus.LOST:
            self.todo.append((outcome.job.number, outcome.job.payload))
        else:
            self.unfinished -= 1

    def is_finished(self):
        return self.unfinished == 0

    def orphans(self):
        return []

    def prefetch(self):
        return False

    together = contextlib.nullcontext


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "cluster"
    yield folder
    clusters.ManagedCluster(folder, adopted=True).stop()


@pytest.mark.dask
def test_a_killed_workers_job_is_lost_and_then_run_again_by_another(folder, spool, tmp_path):
    cluster = clusters.start_local(folder, 2)
    gate = str(tmp_path / "gate")
    source = Requeuing([{"until": gate}, {}, {}])
    killed = []

    def kill_it_once():
        note = Path(gate + ".pid")
        if not killed and note.exists() and note.read_text():
            evaluation = psutil.Process(int(note.read_text()))
            (worker,) = (each for each in evaluation.parents() if is_a_worker(each))
            killed.append(worker.pid)
            worker.kill()
            Path(gate).touch()
        return Stop.GO

    with cluster.connect() as client:
        summary = run(source, DaskExecutor(client, target, spool), stop=kill_it_once, poll_seconds=0.1)
    assert summary.end is RunEnd.FINISHED
    assert summary.n_by_status == {JobStatus.OK: 3, JobStatus.LOST: 1}
    (lost,) = [outcome for outcome in source.outcomes if outcome.status is JobStatus.LOST]
    assert str(killed[0]) in lost.error
    assert killed[0] not in [outcome.result["pid"] for outcome in source.outcomes if outcome.result]


DRIVER = """
import sys
sys.path[:0] = {path!r}
from smbo_scheduler.clusters import external as clusters
from smbo_scheduler.executors import DaskExecutor
from smbo_scheduler.jobs import Job
from smbo_scheduler.outbox.spool import Spool
from test_cluster import target

client = clusters.start_local({folder!r}, 1).connect()
executor = DaskExecutor(client, target, Spool({spool!r}))
while not executor.capacity():
    executor.poll(0.1)
executor.submit(Job("left", 0, 1, {{"until": {gate!r}}}))
executor.poll(60)
"""


@pytest.mark.dask
def test_what_a_killed_driver_left_running_is_adopted_and_not_run_again(folder, spool, tmp_path):
    gate = str(tmp_path / "gate")
    code = DRIVER.format(path=sys.path, folder=str(folder), spool=str(spool.folder), gate=gate)
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as driver:
        wait_until(lambda: os.path.exists(gate + ".pid"))
        driver.kill()
        assert driver.stderr.read() == b""
    manager = read_state(folder).manager
    cluster = clusters.start_local(folder, 1)
    assert cluster.adopted
    left = Job("left", 0, 1, {"until": gate})
    with cluster.connect() as client:
        executor = DaskExecutor(client, target, spool)
        executor.adopt([left])
        assert executor.poll(0.5) == []  # it runs, so there is no outcome yet
        Path(gate).touch()
        outcomes = []
        wait_until(lambda: outcomes.extend(executor.poll(0.2)) or outcomes)
    assert [outcome.job for outcome in outcomes] == [left]
    assert outcomes[0].result == {"pid": int(Path(gate + ".pid").read_text())}
    assert read_state(folder).manager == manager


@pytest.mark.dask
def test_only_who_holds_the_certificate_gets_in_and_only_the_owner_can_read_it(folder):
    from distributed import Client

    cluster = clusters.start_local(folder, 1)
    cluster.connect().close()
    address = read_state(folder).address
    assert address.startswith("tls://")
    with pytest.raises((OSError, TypeError, RuntimeError)):
        Client(address.replace("tls://", "tcp://"), set_as_default=False, timeout=1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("key.pem", "cert.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    with pytest.raises(ClusterError, match=r"still listens at tls.*another host, port or encryption"):
        clusters.start_local(folder, 1, insecure=True)


@pytest.mark.dask
def test_plain_connections_are_made_only_when_they_are_asked_for(folder):
    cluster = clusters.start_local(folder, 1, insecure=True)
    with cluster.connect() as client:
        assert client.scheduler.address.startswith("tcp://127.0.0.1:")
    assert not (folder / "key.pem").exists()


def test_without_cryptography_nothing_is_started_unless_plain_connections_are_asked_for(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ClusterError, match=r"pip install 'smbo\[tls\]'.*insecure: true"):
        clusters.start_local(folder, 1)
    assert not folder.exists()


def test_a_cluster_kept_on_another_machine_is_named(folder, monkeypatch):
    cluster = clusters.start_local(folder, 1)
    cluster.stop()
    elsewhere = {"host": "login7", "machine": "another", "pid": 77, "started": 1.0}
    (folder / "cluster.json").write_text(json.dumps({"keeper": elsewhere, "address": "tls://10.0.0.1:1"}))
    monkeypatch.setattr("smbo_scheduler.clusters.cluster._start_manager", lambda folder: False)
    with pytest.raises(ClusterError, match="process 77 on login7"):
        clusters.ManagedCluster(folder, True, start_seconds=0.1).connect()


def test_a_manager_that_cannot_start_is_reported_with_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    cluster = clusters.start_local(tmp_path / "cluster", 1)
    with pytest.raises(ClusterError, match="did not start"):
        clusters.ManagedCluster(cluster.folder, False, start_seconds=5).connect()


@pytest.mark.parametrize("workers", [0, -1])
def test_a_local_cluster_needs_a_worker(tmp_path, workers):
    with pytest.raises(ClusterError, match="at least one"):
        clusters.start_local(tmp_path, workers)


@pytest.mark.dask
def test_an_evaluation_survives_its_scheduler_and_the_run_goes_on_with_a_new_one(
    folder, spool, tmp_path, capfd
):
    cluster = clusters.start_local(folder, 1)
    gate = str(tmp_path / "gate")
    source = Requeuing([{"until": gate}, {}])
    killed = []

    def kill_the_manager_once():
        if not killed and os.path.exists(gate + ".pid"):
            killed.append(read_state(folder).manager)
            os.kill(killed[0].pid, signal.SIGKILL)
            Path(gate).touch()
        return Stop.GO

    with cluster.connect(timeout_seconds=2) as client:
        executor = DaskExecutor(client, target, spool, reconnect=cluster.connect)
        summary = run(source, executor, stop=kill_the_manager_once, poll_seconds=0.1)
        executor.close()
    assert summary.n_by_status == {JobStatus.OK: 2}
    assert source.outcomes[0].result == {"pid": int(Path(gate + ".pid").read_text())}
    assert read_state(folder).manager != killed[0]
    assert "".join(capfd.readouterr()) == ""  # Dask's own account of it is in the log file
