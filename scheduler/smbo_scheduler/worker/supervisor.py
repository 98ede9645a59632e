"""Supervisor of a child process: waits for its exit, then kills every descendant that is left.

The supervisor has one thread and runs no foreign code, so that nothing that kills or blocks the child affects
it; and the kernel kills the child if the supervisor itself is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import NoReturn

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SWEEP_SECONDS = 10.0
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def fork_under_supervisor(lifeline: int, status: int, *descriptors: int) -> None:
    """Fork, and return in the new process; this one stays as its supervisor and never returns.

    The supervisor kills all descendants that the new process left, and writes how that process ended to
    ``status``.  When the other end of the lifeline closes, it kills the new process too.

    Args:
        lifeline: reading end of a pipe.
        status: writing end of a pipe, for the text of an ``Exit``; it closes when no descendant is left.
        descriptors: descriptors of the new process, closed in the supervisor.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    supervisor = os.getpid()
    pid = os.fork()
    if pid:
        for descriptor in descriptors:
            os.close(descriptor)
        _supervise(pid, lifeline, status)
    os.close(lifeline)
    os.close(status)
    # the death signal is bound to the thread that forked: the supervisor has only one
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    # so that orphans of the child are reparented to the supervisor and found there
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


@dataclass(frozen=True)
class Exit:
    """How a supervised process ended.

    Attributes:
        code: exit code, or minus the number of the signal.
        peak_bytes: the most resident memory that one of its processes had.
    """

    code: int
    peak_bytes: int = 0

    def text(self) -> bytes:
        """Return what ``read`` reads."""
        return f"{self.code} {self.peak_bytes}".encode()

    @classmethod
    def read(cls, text: bytes) -> Exit:
        """Return the exit in a text; killed, if the supervisor could not write it."""
        code, _, peak = text.partition(b" ")
        return cls(int(code), int(peak)) if peak else cls(-signal.SIGKILL)


def _supervise(pid: int, lifeline: int, status: int) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # sent to the group: the child ends first, then the supervisor
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    statuses: dict[int, int] = {}
    while pid not in statuses:
        _reap(statuses)
        if pid in statuses:
            break
        ready, _, _ = select.select([lifeline, wake], [], [])
        if lifeline in ready:
            break
        os.read(wake, 4096)
    _sweep(statuses)
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _MAXRSS_UNIT
    with contextlib.suppress(OSError):
        os.write(status, Exit(os.waitstatus_to_exitcode(statuses.get(pid, 0)), peak_bytes).text())
    os._exit(0)


def _sweep(statuses: dict[int, int]) -> None:
    """Kill all descendants of this process."""
    until = time.monotonic() + _SWEEP_SECONDS
    while _reap(statuses) and time.monotonic() < until:
        living = [each for each in psutil.Process().children(recursive=True) if _is_running(each)]
        # stopped first: a stopped process cannot fork while the others are killed
        for act in (signal.SIGSTOP, signal.SIGKILL):
            for each in living:
                with contextlib.suppress(psutil.Error):
                    each.send_signal(act)
        if not living:
            time.sleep(0.002)  # they are dying


def _reap(statuses: dict[int, int]) -> bool:
    """Reap the children that have exited; return whether there are more."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        statuses[pid] = status


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
