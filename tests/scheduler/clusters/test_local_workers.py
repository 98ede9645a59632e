"""Workers of this machine are started, replaced after a pause, and killed."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from smbo_scheduler.clusters import local_workers
from smbo_scheduler.clusters.local_workers import LocalWorkers
from smbo_scheduler.clusters.specs import LocalSpec


@pytest.fixture
def workers(tmp_path):
    workers = LocalWorkers(tmp_path, LocalSpec())
    yield workers
    asyncio.run(workers.close())


def test_missing_workers_are_started_and_all_are_killed_at_the_end(tmp_path, workers):
    workers.prepare(2)
    processes = list(workers._processes.values())
    assert len(processes) == 2
    asyncio.run(workers.close())
    assert all(process.poll() is not None for process in processes)


def test_one_that_dies_at_once_is_replaced_after_a_pause(workers, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    workers.prepare(1)
    first = workers._processes[0]
    first.wait()
    workers.prepare(1)
    assert workers._processes[0] is first
    now = time.monotonic() + local_workers._RESTART_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: now)
    workers.prepare(1)
    assert workers._processes[0] is not first


def test_what_replaces_a_dead_worker_first_ends_its_session(workers, monkeypatch):
    ended = []
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(local_workers, "end_session", ended.append)
    monkeypatch.setattr(local_workers, "_RESTART_SECONDS", 0.0)
    workers.prepare(1)
    first = workers._processes[0]
    first.wait()
    workers.prepare(1)
    assert ended == [first.pid]
