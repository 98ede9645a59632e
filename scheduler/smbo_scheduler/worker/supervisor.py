"""Supervisor of a child process: waits for its exit, then kills every descendant that is left.

It has one thread and runs no code of anybody else's, so what kills or blocks the child does not
keep it from its work; and the kernel kills the child if the supervisor itself is killed.
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

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SWEEP_SECONDS = 10.0


def fork_under_supervisor(lifeline: int, *descriptors: int) -> None:
    """Fork, and return in the new process; this one stays as its supervisor and never returns.

    The supervisor exits with the exit code, or by the signal, with which the new process ended; before,
    it ends everything that this left behind.  When the other end of the lifeline closes, it ends
    the new process too.

    Args:
        lifeline: a pipe's reading end.
        descriptors: of the new process alone.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    supervisor = os.getpid()
    pid = os.fork()
    if pid:
        for descriptor in descriptors:
            os.close(descriptor)
        _supervise(pid, lifeline)
    os.close(lifeline)
    # of the thread that forked: the supervisor has but one
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    # so that what it leaves behind is found below it while it lives
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _supervise(pid: int, lifeline: int) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # sent to the group: the child ends, and then this
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
    _exit_as(os.waitstatus_to_exitcode(statuses.get(pid, 0)))


def _sweep(statuses: dict[int, int]) -> None:
    """Kill all descendants of this process."""
    until = time.monotonic() + _SWEEP_SECONDS
    while _reap(statuses) and time.monotonic() < until:
        living = [each for each in psutil.Process().children(recursive=True) if _is_running(each)]
        # stopped first: what cannot run cannot fork behind our back while the others are ended
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


def _exit_as(code: int) -> None:
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
