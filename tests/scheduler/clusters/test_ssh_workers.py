"""The command that a host runs, and what is said where none starts workers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from smbo_scheduler.clusters.queue_report import read_queue
from smbo_scheduler.clusters.specs import SshSpec
from smbo_scheduler.clusters.ssh_workers import SshWorkers, check_ssh, command
from smbo_scheduler.clusters.state import read_trouble
from smbo_scheduler.errors import ClusterError


def test_a_host_runs_an_agent_with_what_the_spec_says_and_nothing_is_split_by_its_shell(tmp_path):
    spec = SshSpec(("n1",), workers_per_host=4, prologue=("module load python",), python="/opt/my python")
    words = command(spec, tmp_path / "a folder", "n1", "tls://h:1")
    *settings, prologue, last = words.split("; ")
    assert all(word.startswith("export ") for word in settings)
    assert prologue == "module load python"
    assert last.startswith("exec '/opt/my python' -P -m smbo_scheduler.clusters.host_agent tls://h:1 --held")
    assert f"--folder '{tmp_path}/a folder' --name n1 --workers 4" in last


def test_without_asyncssh_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ClusterError, match=r"pip install 'smbo\[ssh\]'"):
        check_ssh()


def scheduler_with(*names):
    workers = {name: SimpleNamespace(name=name) for name in names}
    return SimpleNamespace(workers=workers, address="tls://h:1")


def fail_on(workers, monkeypatch, *names):
    """Let the connections to all hosts fail, while workers of these names are there."""

    async def refuse(host, _address):
        raise ClusterError("Connection refused")

    monkeypatch.setattr(workers, "_work_on", refuse)
    workers.update(SshSpec(("a", "b")))

    async def twice():
        for _ in range(3):
            await workers.maintain(scheduler_with(*names), 2)
            await asyncio.sleep(0)

    asyncio.run(twice())


def test_hosts_of_which_none_was_ever_reached_end_the_run(tmp_path, monkeypatch):
    fail_on(SshWorkers(tmp_path, SshSpec(("a", "b"))), monkeypatch)
    assert "no host starts a worker" in read_trouble(tmp_path)


def test_hosts_that_have_worked_are_waited_for_when_the_network_is_away_and_that_is_shown(
    tmp_path, monkeypatch
):
    workers = SshWorkers(tmp_path, SshSpec(("a", "b")))
    asyncio.run(workers.close())
    fail_on(workers, monkeypatch, "a.0")
    assert read_trouble(tmp_path) is None
    assert "no worker on b: Connection refused" in read_queue(tmp_path, is_here=True).text()
    fail_on(workers, monkeypatch)
    assert read_trouble(tmp_path) is None
    assert (
        "a: Connection refused; b: Connection refused; trying again"
        in read_queue(tmp_path, is_here=True).text()
    )
