"""The manager ends its cluster when no driver comes, and listens to this machine alone."""

from __future__ import annotations

import time

import pytest

from smbo_scheduler.clusters import external as clusters
from smbo_scheduler.clusters.batch_workers import BatchWorkers
from smbo_scheduler.clusters.local_workers import LocalWorkers
from smbo_scheduler.clusters.manager import workers_of
from smbo_scheduler.clusters.specs import BatchSpec, LocalSpec, SshSpec
from smbo_scheduler.clusters.ssh_workers import SshWorkers
from smbo_scheduler.clusters.state import read_state


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "cluster"
    yield folder
    clusters.ManagedCluster(folder, adopted=True).stop()


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (LocalSpec(), LocalWorkers),
        (BatchSpec("slurm", 1, 10**9), BatchWorkers),
        (SshSpec(("a",)), SshWorkers),
    ],
)
def test_each_spec_has_its_workers(tmp_path, spec, kind):
    assert isinstance(workers_of(tmp_path, spec), kind)


@pytest.mark.dask
def test_a_cluster_without_a_driver_ends_by_itself(folder):
    cluster = clusters.start_local(folder, 1, idle_seconds=2.0)
    cluster.connect().close()
    manager = read_state(folder).manager
    until = time.monotonic() + 300.0
    while manager.is_alive:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert read_state(folder) is None


@pytest.mark.dask
def test_nothing_listens_beyond_this_machine(folder):
    import psutil

    cluster = clusters.start_local(folder, 1)
    with cluster.connect() as client:
        client.wait_for_workers(1, timeout=300)
        manager = psutil.Process(read_state(folder).manager.pid)
        listening = [
            connection.laddr.ip
            for process in [manager, *manager.children(recursive=True)]
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
    assert set(listening) == {"127.0.0.1"}
