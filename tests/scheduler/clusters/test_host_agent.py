"""The workers of one host are replaced when they die, and finish what they run when it is time to end."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest

from smbo_scheduler.clusters.host_agent import HostAgent

STAYS = """trap 'sleep 0.3; echo finished >> {log}; exit 0' TERM
echo started >> {log}
while :; do sleep 0.05; done"""


@pytest.fixture
def make_host(tmp_path, monkeypatch):
    """Return a function that makes a host whose workers are shell scripts."""
    log = tmp_path / "log"
    monkeypatch.setattr("smbo_scheduler.clusters.host_agent._RESTART_SECONDS", 0.05)
    monkeypatch.setattr("smbo_scheduler.clusters.host_agent._LOOK_SECONDS", 0.02)
    monkeypatch.setattr("smbo_scheduler.clusters.host_agent._LOOK_OVER_SECONDS", 0.02)

    def make(script=STAYS, n_workers=1, **settings):
        def start(host, place):
            words = ["/bin/sh", "-c", script.format(log=log)]
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)

        monkeypatch.setattr(HostAgent, "_start", start)
        return HostAgent(tmp_path, "h", n_workers, **settings)

    return make


@pytest.fixture
def lines(tmp_path):
    return lambda: (tmp_path / "log").read_text().split()


def test_at_the_end_of_its_lifetime_workers_finish_and_are_not_replaced(make_host, lines):
    assert make_host(n_workers=2, lifetime_seconds=0.5).run() == 0
    assert sorted(lines()) == ["finished", "finished", "started", "started"]


def test_a_worker_that_dies_is_replaced(make_host, lines):
    dies_twice = "echo x >> {log}; test $(wc -l < {log}) -lt 3 && kill -9 $$; " + STAYS
    assert make_host(dies_twice, lifetime_seconds=1.5).run() == 0
    assert lines() == ["x", "x", "x", "started", "finished"]


def test_what_a_dead_worker_had_started_is_ended_before_it_is_replaced(make_host, monkeypatch):
    ended = []
    monkeypatch.setattr("smbo_scheduler.clusters.host_agent.end_session", ended.append)
    assert make_host("exit 3", n_workers=2).run() == 3
    assert len(ended) == 2


def test_workers_that_find_no_scheduler_are_not_started_again(make_host, lines):
    assert make_host("echo x >> {log}; exit 3", n_workers=2).run() == 3
    assert lines() == ["x", "x"]


def test_workers_end_when_whoever_started_the_host_goes_away(make_host, lines):
    ours, theirs = os.pipe()
    goes_away = threading.Timer(0.5, os.close, (theirs,))
    goes_away.start()
    assert make_host(holder=ours).run() == 0
    assert lines() == ["started", "finished"]
    os.close(ours)


def test_what_runs_is_ended_at_once_when_the_cluster_is_over(make_host, lines, tmp_path):
    host = make_host("touch {log}; sleep 1000")
    (tmp_path / "over").touch()
    began = time.monotonic()
    assert host.run() == 0
    assert time.monotonic() - began < 300
