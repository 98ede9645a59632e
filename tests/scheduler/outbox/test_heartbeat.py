"""A beat means a death only once it was watched standing still for the lease."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from smbo_scheduler.outbox.claim import Claim
from smbo_scheduler.outbox.heartbeat import Heartbeats
from smbo_scheduler.outbox.processes import ProcessName, process_name
from smbo_scheduler.outbox.spool import Spool


class FakeClock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


def watch(beats, clock, beat, seconds, every=1.0):
    """Look at a beat that stands still, again and again."""
    for _ in range(int(seconds / every)):
        clock.now += every
        beats.still_for("a", beat)


def test_a_beat_that_stands_still_for_the_lease_is_a_death_and_not_before(clock):
    beats = Heartbeats(10.0, clock)
    assert not beats.is_still("a", 7)
    watch(beats, clock, 7, 9)
    assert not beats.is_still("a", 7)
    clock.now += 1.0
    assert beats.is_still("a", 7)


def test_a_beat_that_moves_starts_the_lease_anew(clock):
    beats = Heartbeats(10.0, clock)
    beats.still_for("a", 7)
    watch(beats, clock, 7, 9)
    watch(beats, clock, 8, 9)
    assert not beats.is_still("a", 8)


def test_the_first_look_is_never_a_verdict_whatever_the_counter_says(clock):
    assert not Heartbeats(10.0, clock).is_still("a", 10**9)


def test_time_in_which_nobody_looked_does_not_count(clock):
    beats = Heartbeats(10.0, clock)
    beats.still_for("a", 7)
    clock.now += 3600.0  # stopped, or suspended together with what it watches
    assert not beats.is_still("a", 7)
    watch(beats, clock, 7, 10)
    assert beats.is_still("a", 7)


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def test_a_process_here_that_lives_is_alive_however_long_its_beat_stands_still(
    tmp_path, clock, make_job, sleeper
):
    # C code may hold the interpreter for an hour
    spool = Spool(tmp_path, lease_seconds=10.0, clock=clock)
    job = make_job()
    spool.beat(job, 1)
    claim = Claim(job.key, process_name(sleeper.pid))
    for _ in range(40):
        clock.now += 1.0
        assert spool.is_alive(claim)


def test_a_process_here_that_is_stopped_is_judged_by_its_beat(tmp_path, clock, make_job, sleeper):
    spool = Spool(tmp_path, lease_seconds=10.0, clock=clock)
    job = make_job()
    spool.beat(job, 1)
    claim = Claim(job.key, process_name(sleeper.pid))
    os.kill(sleeper.pid, signal.SIGSTOP)
    until = time.monotonic() + 300
    while not claim.owner.is_stopped:
        assert time.monotonic() < until
    seen = []
    for _ in range(12):
        seen.append(spool.is_alive(claim))
        clock.now += 1.0
    assert seen == [True] * 10 + [False] * 2
    os.kill(sleeper.pid, signal.SIGCONT)
    while claim.owner.is_stopped:
        assert time.monotonic() < until
    assert spool.is_alive(claim)


def test_a_process_elsewhere_is_judged_by_its_beat_alone(tmp_path, clock, make_job):
    spool = Spool(tmp_path, lease_seconds=10.0, clock=clock)
    job = make_job()
    claim = Claim(job.key, ProcessName("far", "another machine", 1, 1.0))
    for count in range(30):
        spool.beat(job, count)
        assert spool.is_alive(claim)
        clock.now += 4.0
    for _ in range(4):
        spool.is_alive(claim)
        clock.now += 4.0
    assert not spool.is_alive(claim)
