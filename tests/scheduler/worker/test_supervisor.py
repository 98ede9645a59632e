"""The supervisor tells how its child ended, and leaves no descendant of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest
from waiting import wait_until

from smbo_scheduler.worker.supervisor import Exit

PROGRAM = """
import os, subprocess, sys
from smbo_scheduler.worker.supervisor import fork_under_supervisor
fork_under_supervisor(int(sys.argv[1]), int(sys.argv[2]))
{body}
"""


def supervised(body):
    """Return a supervised program, the end of its lifeline and that of its status."""
    theirs, lifeline = os.pipe()
    status, status_theirs = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body), str(theirs), str(status_theirs)],
        pass_fds=(theirs, status_theirs),
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.close(status_theirs)
    return process, lifeline, status


@pytest.mark.parametrize(
    ("body", "code"),
    [("sys.exit(7)", 7), ("os.kill(os.getpid(), 11)", -signal.SIGSEGV), ("", 0)],
)
def test_it_tells_how_its_child_ended(body, code):
    process, lifeline, status = supervised(body)
    with process:
        process.wait(30)
    with open(status, "rb") as file:
        end = Exit.read(file.read())
    assert end.code == code
    assert end.peak_bytes > 2**20
    os.close(lifeline)


def test_a_supervisor_that_was_killed_tells_nothing_and_its_child_was_killed():
    assert Exit.read(b"").code == -signal.SIGKILL


def test_a_daemon_that_the_child_left_is_killed():
    body = "print(subprocess.Popen(['sleep', '300'], start_new_session=True).pid, flush=True); os._exit(0)"
    process, lifeline, status = supervised(body)
    with process:
        pid = int(process.stdout.readline())
        assert process.wait(30) == 0
    os.close(lifeline)
    os.close(status)
    assert not psutil.pid_exists(pid)


def test_the_child_is_killed_when_its_lifeline_closes():
    process, lifeline, status = supervised("print(os.getpid(), flush=True); import time; time.sleep(1000)")
    with process:
        pid = int(process.stdout.readline())
        os.close(lifeline)
        process.wait(30)
    os.close(status)
    wait_until(lambda: not psutil.pid_exists(pid))
