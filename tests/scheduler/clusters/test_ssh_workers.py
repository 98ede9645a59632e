"""The command that a host runs, and what is said where none starts workers."""

from __future__ import annotations

import pytest

from smbo_scheduler.clusters.specs import SshSpec
from smbo_scheduler.clusters.ssh_workers import check_ssh, command
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
