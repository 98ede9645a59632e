"""Clusters that somebody else started: which addresses are trusted, and what is said where nobody answers."""

from __future__ import annotations

import json

import pytest

from smbo_scheduler.clusters import external as clusters
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.executors import DaskExecutor


def target(payload, context):
    return {}


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "10.0.0.1:8786", "tcp://login.example.org:8786"])
def test_plain_tcp_to_another_machine_is_refused_unless_allowed(address):
    with pytest.raises(ClusterError, match="plain TCP"):
        clusters.check_address(address, allow_plain=False)
    clusters.check_address(address, allow_plain=True)


@pytest.mark.parametrize("address", ["tls://10.0.0.1:8786", "tcp://127.0.0.1:8786", "localhost:1", "[::1]:1"])
def test_other_addresses_are_let_through(address):
    clusters.check_address(address, allow_plain=False)


@pytest.mark.parametrize("address", ["", "tcp://", "tls://host", "tcp://host:port", "tcp://h:99999"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ClusterError, match="address"):
        clusters.check_address(address, allow_plain=True)


def test_a_scheduler_that_does_not_answer_is_named():
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp"):
        clusters.connect("tcp://127.0.0.1:1", timeout_seconds=0.2)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null"])
def test_a_file_that_is_no_scheduler_file_is_refused(tmp_path, text):
    path = tmp_path / "scheduler.json"
    path.write_text(text)
    with pytest.raises(ClusterError, match="is no scheduler file"):
        clusters.connect_by_file(path)


@pytest.mark.dask
def test_a_scheduler_file_leads_to_its_scheduler(tmp_path, spool):
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=0, processes=False, dashboard_address="127.0.0.1:0", protocol="tcp"
    ) as cluster:
        path = tmp_path / "scheduler.json"
        path.write_text(json.dumps({"address": cluster.scheduler_address}))
        with clusters.connect_by_file(path) as client:
            executor = DaskExecutor(client, target, spool)
            assert executor.capacity() == 0
        assert cluster.status.name == "running"
