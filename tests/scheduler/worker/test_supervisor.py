"""The supervisor exits as its child does, and leaves no descendant of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

PROGRAM = """
import os, subprocess, sys
from smbo_scheduler.worker.supervisor import fork_under_supervisor
fork_under_supervisor(int(sys.argv[1]))
{body}
"""


def supervised(body):
    """Return a supervised program and the end of its lifeline."""
    theirs, ours = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body), str(theirs)],
        pass_fds=(theirs,),
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    return process, ours


@pytest.mark.parametrize(
    ("body", "code"),
    [("sys.exit(7)", 7), ("os.kill(os.getpid(), 11)", -signal.SIGSEGV), ("", 0)],
)
def test_it_exits_as_its_child_does(body, code):
    process, lifeline = supervised(body)
    with process:
        assert process.wait(30) == code
    os.close(lifeline)


def test_a_daemon_that_the_child_left_is_killed():
    body = "print(subprocess.Popen(['sleep', '300'], start_new_session=True).pid, flush=True); os._exit(0)"
    process, lifeline = supervised(body)
    with process:
        pid = int(process.stdout.readline())
        assert process.wait(30) == 0
    os.close(lifeline)
    assert not psutil.pid_exists(pid)


def test_the_child_is_killed_when_its_lifeline_closes():
    process, lifeline = supervised("print(os.getpid(), flush=True); import time; time.sleep(300)")
    with process:
        pid = int(process.stdout.readline())
        os.close(lifeline)
        process.wait(30)
    until = time.monotonic() + 10
    while psutil.pid_exists(pid):
        assert time.monotonic() < until
        time.sleep(0.02)
