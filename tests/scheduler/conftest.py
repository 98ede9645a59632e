"""Jobs, and targets that a worker process can import (this folder is on pytest's path)."""

from __future__ import annotations

import signal
import time

import pytest

from smbo_scheduler.jobs import Job, Limits
from smbo_scheduler.outbox.spool import Spool


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture
def make_job():
    """Return jobs with numbers (and tokens) 0, 1, 2, …"""
    count = iter(range(10**6))

    def make(study="tune", time_seconds=None, memory_bytes=None, resources=None, **payload):
        number = next(count)
        return Job(study, number, number + 1, payload, Limits(time_seconds, memory_bytes), resources or {})

    return make


@pytest.fixture
def slow_signal():
    """A signal in 50 ms, whose handler takes 200 ms."""
    before = signal.signal(signal.SIGALRM, lambda *_: time.sleep(0.2))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)
