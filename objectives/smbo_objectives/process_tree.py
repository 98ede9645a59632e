"""Find and kill every descendant of a process: other sessions, process groups and double forks included.

Orphans are found on Linux only (PR_SET_CHILD_SUBREAPER); elsewhere they are reparented to init and not found.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def become_subreaper() -> None:
    """Have orphaned descendants reparented to this process, so that they can be found and killed."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when the *thread* that forked it ends.

    So the parent must have forked from a thread that lives as long as the parent.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the descendants of a process, zombies included, parents before their children.

    A child forked meanwhile may be missing: call it again.
    """
    found, level = [], [pid]
    while level:
        below = children(*level)
        level = [each for each in below if each not in found]
        found += level
    return found


def children(*pids: int) -> list[int]:
    """Return the children of processes, zombies included."""
    found: list[int] = []
    by_parent: dict[int, list[int]] | None = None
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                    found += [int(word) for word in file.read().split()]
        except OSError:  # the process is gone, or the kernel does not keep these lists
            by_parent = _all_children() if by_parent is None else by_parent
            found += by_parent.get(pid, [])
    return list(dict.fromkeys(found))


def _all_children() -> dict[int, list[int]]:
    """Return the children of every process, from the list of all processes."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if name.isdigit() and (fields := _stat(int(name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(name))
    return children


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/PID/stat from the state on, None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            content = file.read()
    except OSError:
        return None
    # the program's name is in brackets and may contain brackets itself: count from the last one
    return content[content.rindex(b")") + 2 :].split()


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    fields = _stat(pid)
    return fields is not None and fields[0] not in (b"Z", b"X")


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each of these processes; those that are gone, or another user's, are skipped."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_descendants(within_seconds: float) -> tuple[dict[int, int], list[int]]:
    """Kill all descendants of this process, which must have become their subreaper.

    Returns:
        The wait statuses of the children that ended, by pid, and the processes that still run when the time
        is over: another user's, or in an uninterruptible system call.
    """
    statuses: dict[int, int] = {}
    until = time.monotonic() + within_seconds
    while True:
        # stopped first: a stopped process cannot fork while the others are killed
        living = [pid for pid in descendants(os.getpid()) if is_running(pid)]
        send_signal(living, signal.SIGSTOP)
        send_signal(living, signal.SIGKILL)
        ended, has_children = reap()
        statuses |= ended
        # without a child there is no descendant left: orphans are reparented to this process
        if not has_children:
            return statuses, []
        if time.monotonic() > until:
            return statuses, [pid for pid in descendants(os.getpid()) if is_running(pid)]
        if not living:
            time.sleep(0.002)  # they are dying


def reap() -> tuple[dict[int, int], bool]:
    """Reap the children that have ended.

    Returns:
        Their wait statuses by pid, and whether there are children left.
    """
    statuses: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return statuses, False
        if pid == 0:
            return statuses, True
        statuses[pid] = status


def memory_bytes(pids: Iterable[int], enough: int) -> int:
    """Return the memory of processes together, in bytes.

    Shared pages are counted once only if necessary: if the sum of resident memory is below ``enough``,
    that sum is returned.
    """
    pids = list(pids)
    resident = sum(_resident_bytes(pid) for pid in pids)
    return resident if resident <= enough else sum(_share_bytes(pid) for pid in pids)


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _share_bytes(pid: int) -> int:
    """Return a process's proportional share: a page that n processes map counts 1/n for each."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return _resident_bytes(pid)
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:"))
