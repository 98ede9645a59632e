"""Workers on the nodes of an allocation: started by its launcher, started again, ended with the cluster."""

from __future__ import annotations

import os
import signal

import pytest
from waiting import wait_until

from smbo_scheduler.clusters import external as clusters
from smbo_scheduler.clusters.specs import AllocationSpec, SchedulerOptions
from smbo_scheduler.errors import ClusterError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "cluster"
    yield folder
    clusters.ManagedCluster(folder, adopted=True).stop()


def spec(nodes, launch, **settings):
    here = SchedulerOptions(host="127.0.0.1")
    return AllocationSpec(nodes, launch, here, death_timeout_seconds=20.0, **settings)


def seen():
    return {name: os.environ.get(name) for name in ("NODE", "OMP_NUM_THREADS")}


def workers_of(client):
    """Return the address of each worker by its name."""
    return {worker["name"]: at for at, worker in client.scheduler_info(n_workers=-1)["workers"].items()}


@pytest.mark.dask
def test_each_node_gets_its_workers_and_new_ones_when_they_are_killed(folder):
    launch = ("/usr/bin/env", "NODE={node}", "CORES={cores}")
    cluster = clusters.start_cluster(folder, spec({"n1": 2, "n2": 1}, launch, threads=3), 1)
    with cluster.connect() as client:
        wait_until(lambda: len(workers_of(client)) == 3)
        assert sorted(workers_of(client)) == ["n1.0", "n1.1", "n2.0"]
        found = client.run(seen)
        assert sorted(each["NODE"] for each in found.values()) == ["n1", "n1", "n2"]
        wanted = os.environ.get("OMP_NUM_THREADS", "3")  # what the user set is kept
        assert {each["OMP_NUM_THREADS"] for each in found.values()} == {wanted}
        second = next(address for address, each in found.items() if each["NODE"] == "n2")
        pid = client.run(os.getpid, workers=[second])[second]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: workers_of(client).get("n2.0", second) != second)


@pytest.mark.dask
def test_nodes_that_start_no_worker_are_reported_with_the_launchers_words(folder):
    launch = ("/bin/sh", "-c", "echo no such step >&2; exit 3")
    cluster = clusters.start_cluster(folder, spec({"n1": 1}, launch), 1)
    cluster.connect().close()
    wait_until(lambda: (folder / "trouble.json").exists())
    with pytest.raises(ClusterError, match=r"n1: its workers ended with exit code 3.*no such step"):
        cluster.check()
