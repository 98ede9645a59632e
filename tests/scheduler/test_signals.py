"""Ctrl-C once drains, twice cancels, three times leaves; what is left is picked up by the next run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from smbo_scheduler.executors import ProcessExecutor
from smbo_scheduler.loop import Stop
from smbo_scheduler.signals import StopOnSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_signal_asks_more_urgently(number):
    heard = []
    with StopOnSignals(heard.append) as stop:
        assert stop() is Stop.GO
        os.kill(os.getpid(), number)
        assert stop() is Stop.DRAIN
        os.kill(os.getpid(), number)
        assert stop() is Stop.CANCEL
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert stop() is Stop.EXIT
    assert heard == [Stop.DRAIN, Stop.CANCEL, Stop.EXIT]


def test_the_handlers_before_come_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopOnSignals():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.usefixtures("slow_signal")
def test_a_wait_ends_though_a_signal_was_at_work_as_its_time_ran_out(spool):
    executor = ProcessExecutor(patient, 1, spool)
    rescue = threading.Timer(10.0, executor._done.put, (None,))  # which is no outcome: poll raises
    rescue.start()
    assert executor.poll(0.1) == []
    rescue.cancel()
    executor.close()


DRIVER = """
import sys, time
sys.path[:0] = [{here!r}]
from pathlib import Path
from test_signals import patient, Endless
from smbo_scheduler.executors import ProcessExecutor, SerialExecutor
from smbo_scheduler.loop import run
from smbo_scheduler.signals import StopOnSignals
from smbo_scheduler.outbox.spool import Spool

spool = Spool({spool!r})
executor = ProcessExecutor(patient, 2, spool) if {processes} else SerialExecutor(patient, spool)
with StopOnSignals(lambda level: print(level.name, flush=True)) as stop:
    summary = run(Endless({seconds}), executor, stop=stop, poll_seconds=0.1)
executor.close()
print(summary.end, sorted(summary.n_by_status.items()), flush=True)
"""


def patient(payload, context):
    time.sleep(payload["seconds"])
    return {}


class Endless:
    def __init__(self, seconds):
        self.seconds = seconds
        self.number = 0

    def next_jobs(self, n):
        from smbo_scheduler.jobs import Job

        self.number += 1
        if self.number == 2:
            print("going", flush=True)
        return [Job("endless", self.number, self.number, {"seconds": self.seconds})]

    def record(self, outcome):
        pass

    def is_finished(self):
        return False

    def orphans(self):
        return []

    def prefetch(self):
        return False

    together = contextlib.nullcontext


def drive(spool, seconds, processes, heard):
    """Run the driver in a terminal's own process group, and press Ctrl-C once for each thing to be heard.

    Each is waited for: two that come before the first is handled are one.
    """
    code = DRIVER.format(
        here=os.path.dirname(__file__), spool=str(spool.folder), seconds=seconds, processes=processes
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as driver:
        assert driver.stdout.readline() == "going\n"
        for level in heard:
            time.sleep(0.3)
            os.killpg(driver.pid, signal.SIGINT)
            assert driver.stdout.readline() == f"{level.name}\n"
        said = driver.stdout.read()
    assert driver.returncode == 0
    return said


@pytest.mark.parametrize("processes", [False, True], ids=["serial", "process"])
def test_one_ctrl_c_waits_for_what_runs(spool, processes):
    said = drive(spool, 0.5, processes, [Stop.DRAIN])
    assert said.startswith("drained ")
    assert "CANCELLED" not in said
    assert "LOST" not in said


def test_a_second_ctrl_c_ends_what_runs(spool):
    said = drive(spool, 1000, True, [Stop.DRAIN, Stop.CANCEL])
    assert said == "cancelled [(<JobStatus.CANCELLED: 'cancelled'>, 2)]\n"
