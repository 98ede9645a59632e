"""Batch jobs bring as many workers as are of use; crashes cost no place in the queue."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from waiting import wait_until

from smbo_scheduler.clusters import external as clusters
from smbo_scheduler.clusters.specs import BatchSpec, SchedulerOptions
from smbo_scheduler.clusters.state import read_jobs, read_state
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.executors import DaskExecutor
from smbo_scheduler.jobs import Job, JobStatus

pytest.importorskip("dask_jobqueue")

HERE = SchedulerOptions(host="127.0.0.1")


def target(payload, context):
    """Say who runs it, and go on until the file ``until`` is there."""
    if "until" in payload:
        Path(payload["until"] + f".{os.getpid()}").touch()
        while not os.path.exists(payload["until"]):
            time.sleep(0.02)
    return {"pid": os.getpid()}


def spec(system="slurm", **settings):
    common = {"scheduler": HERE, "poll_seconds": 0.3, "death_timeout_seconds": 20.0}
    return BatchSpec(system, **{"cores": 1, "memory_bytes": 10**9, **common, **settings})


@pytest.fixture
def folder(tmp_path, batch_system):
    folder = tmp_path / "cluster"
    yield folder
    clusters.ManagedCluster(folder, adopted=True).stop()


def workers_of(client):
    return client.scheduler_info(n_workers=-1)["workers"].keys()


def n_workers(client):
    return len(workers_of(client))


@pytest.mark.dask
def test_a_killed_worker_costs_neither_its_job_nor_the_managers_death_the_queue(
    folder, spool, batch_system, tmp_path
):
    # a worker that comes back too early tries the dead manager's address for 20 s before it looks again
    cluster = clusters.start_cluster(folder, spec(death_timeout_seconds=600.0), 1)
    gate = str(tmp_path / "gate")
    with cluster.connect(timeout_seconds=5) as client:
        # in the worker's own process: the process that is killed is the worker
        executor = DaskExecutor(
            client, target, spool, isolation="thread", reconnect=cluster.connect, beat_seconds=1.0
        )
        wait_until(lambda: executor.capacity() == 1 or executor.poll(0.1))
        assert client.scheduler.address.startswith("tls://127.0.0.1:")
        job = Job("a", 0, 0, {"until": gate})
        executor.submit(job)
        wait_until(lambda: list(tmp_path.glob("gate.*")))
        victim = int(next(tmp_path.glob("gate.*")).suffix[1:])
        (dead,) = workers_of(client)
        os.kill(victim, signal.SIGKILL)
        outcomes = []
        wait_until(lambda: outcomes.extend(executor.poll(0.1)) or outcomes)
        assert outcomes[0].status is JobStatus.LOST
        # the outbox knows of the death before the scheduler does, which might send the next job there
        wait_until(lambda: dead not in workers_of(client))
        wait_until(lambda: executor.capacity() == 1 or executor.poll(0.1))
        # the manager goes, with its scheduler, while an evaluation runs; its end is not lost
        executor.submit(Job("a", 1, 1, {"until": gate}))
        wait_until(lambda: len(list(tmp_path.glob("gate.*"))) == 2)
        os.kill(read_state(folder).manager.pid, signal.SIGKILL)
        Path(gate).touch()
        outcomes.clear()
        wait_until(lambda: outcomes.extend(executor.poll(0.1)) or outcomes)
        assert outcomes[0].status is JobStatus.OK
        wait_until(lambda: executor.capacity() == 1 or executor.poll(0.1))
        executor.close()
    assert len(batch_system.submitted) == 1
    cluster.stop()
    assert batch_system.cancelled == [1]
    wait_until(lambda: not batch_system.pids())


@pytest.mark.dask
def test_as_many_jobs_are_kept_as_are_wanted_and_those_that_wait_go_first(folder, batch_system):
    cluster = clusters.start_cluster(folder, spec("htcondor"), 1)
    with cluster.connect() as client:
        wait_until(lambda: n_workers(client) == 1)
        batch_system.close()
        cluster.scale(3)
        wait_until(lambda: len(batch_system.submitted) == 3)
        cluster.scale(1)
        wait_until(lambda: sorted(batch_system.cancelled) == [2, 3])
        # one that has worked and ends, at the end of its time say, is followed by another
        (running,) = batch_system.pids()
        os.kill(running, signal.SIGTERM)
        wait_until(lambda: len(batch_system.submitted) == 4)
        assert n_workers(client) == 0
        cluster.scale(0)
        wait_until(lambda: sorted(batch_system.cancelled) == [2, 3, 4])
        wait_until(lambda: read_jobs(folder) == {})


@pytest.mark.dask
def test_jobs_that_end_without_a_worker_are_reported_with_their_log(folder, batch_system):
    broken = spec(prologue=("echo no such module >&2",), python="/bin/false")
    cluster = clusters.start_cluster(folder, broken, 1)
    cluster.connect().close()
    wait_until(lambda: (folder / "trouble.json").exists())
    with pytest.raises(ClusterError, match=r"3 batch jobs.*ended before.*no such module"):
        cluster.check()
    assert len(batch_system.submitted) == 3


@pytest.mark.dask
def test_a_refused_job_is_reported_in_the_batch_systems_words(folder, batch_system):
    (batch_system.books / "refuse").touch()
    cluster = clusters.start_cluster(folder, spec(), 1)
    cluster.connect().close()
    wait_until(lambda: (folder / "trouble.json").exists())
    with pytest.raises(ClusterError, match="Invalid account"):
        cluster.check()
