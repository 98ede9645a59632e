"""Memory of processes, and what tells that the kernel's memory killer ended one."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from pathlib import Path

import psutil

from smbo_scheduler.worker.supervisor import Exit

_CGROUPS = Path("/sys/fs/cgroup")

# A process that was killed while it held this share of the memory there is was most likely killed for it.
_LARGE_SHARE = 0.5


def memory_of(pid: int) -> int:
    """Return the resident memory of all descendants of a process, in bytes."""
    used = 0
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                used += process.memory_info().rss
    return used


def memory_kills() -> int:
    """Return how many processes the kernel's memory killer has ended, on this machine and in this cgroup."""
    return sum(_entry(path, b"oom_kill ") for path in _kill_counters())


@lru_cache(maxsize=1)
def _kill_counters() -> tuple[str, ...]:
    names = ("memory.events", "memory.oom_control")
    files = [Path("/proc/vmstat"), *(folder / name for folder in _cgroup_folders() for name in names)]
    return tuple(str(path) for path in files if path.exists())


def memory_there_is() -> int:
    """Return the memory that processes here can use, in bytes: of the machine, or what its cgroup allows."""
    limits = [psutil.virtual_memory().total]
    for folder in _cgroup_folders():
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # "max" is no limit
                limits.append(int((folder / name).read_text()))
    return min(limits)


def memory_verdict(end: Exit, kills_before: int) -> str | None:
    """Return in words why a process that was killed was killed for memory, None if nothing tells so.

    Args:
        end: how it ended; by SIGKILL that no process of ours sent.
        kills_before: ``memory_kills()`` before it ran.
    """
    held = f"it had up to {end.peak_bytes / 2**20:.0f} MB in use"
    if memory_kills() > kills_before:
        return f"killed for memory by the kernel; {held}"
    if end.peak_bytes > _LARGE_SHARE * memory_there_is():
        return f"killed, most likely for memory; {held}"
    return None


def _cgroup_folders() -> list[Path]:
    """Return the folders of this process's cgroups that account for memory, of either version."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            # within a container the path may be that outside of it; the root is then its own
            roots = [_CGROUPS / controllers / path.lstrip("/"), _CGROUPS / controllers]
            folders += [root for root in roots if root.is_dir()][:1]
    return folders


def _entry(path: str, name: bytes) -> int:
    """Return the number after a name at the start of a line, 0 if it is not there."""
    try:
        with open(path, "rb") as file:
            _, found, rest = (b"\n" + file.read()).partition(b"\n" + name)
    except OSError:
        return 0
    return int(rest.partition(b"\n")[0]) if found else 0
