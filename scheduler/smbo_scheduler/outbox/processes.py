"""Names of processes that stay unique when the kernel uses a pid again."""

from __future__ import annotations

import contextlib
import os
import signal
import site
import socket
import sys
import sysconfig
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

# holds the PYTHONPATH that a process had before ours
CALLERS_PATH = "SMBO_CALLERS_PYTHONPATH"
_SESSION_SECONDS = 2.0  # for killed processes to exit


@dataclass(frozen=True)
class ProcessName:
    """The unique name of a process.

    Attributes:
        host: the machine's name, for people.
        machine: identifies the running kernel and its process table; two containers on one
            machine, or one machine before and after a reboot, differ.
        pid, started: the process and its start time (clock ticks after boot where /proc
            exists, so that a step of the clock has no effect; else seconds since the epoch).
    """

    host: str
    machine: str
    pid: int
    started: float

    @property
    def is_here(self) -> bool:
        """Whether the named process is in the process table of the calling one."""
        return self.machine == machine_name()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs; only meaningful where ``is_here``."""
        return start_time(self.pid) == self.started

    @property
    def is_stopped(self) -> bool:
        """Whether the process is held by a signal or a debugger; only meaningful where ``is_here``."""
        fields = _stat_fields(self.pid)
        return fields is not None and fields[0] in (b"T", b"t")


def this_process() -> ProcessName:
    """Return the name of the calling process."""
    return process_name(os.getpid())


def process_name(pid: int) -> ProcessName:
    """Return the name of a process on this machine.

    Raises:
        ProcessLookupError: there is none.
    """
    started = start_time(pid)
    if started is None:
        raise ProcessLookupError(f"no process {pid}")
    return ProcessName(socket.gethostname(), machine_name(), pid, started)


def start_time(pid: int) -> float | None:
    """Return when a process started, in the kernel's own count, or None if it is gone (or a zombie)."""
    fields = _stat_fields(pid)
    if fields is None:
        return _start_time_elsewhere(pid) if not os.path.isdir("/proc/self") else None
    return None if fields[0] in (b"Z", b"X") else float(fields[19])


def _stat_fields(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/PID/stat from the state on, None if they cannot be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the program's name is in brackets and may contain brackets itself: count from the last one
    return stat[stat.rindex(b")") + 2 :].split()


def _start_time_elsewhere(pid: int) -> float | None:
    """Return a process's start time where there is no /proc."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


@lru_cache(maxsize=1)
def machine_name() -> str:
    """Return the identifier of this kernel and process table."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def module_path() -> str:
    """Return the module search path of this process, for a process on another machine.

    Without the standard library and the packages installed with this interpreter, those of the system and
    the user's own included: the other interpreter has its own, and may be of another version.  What the user
    names in PYTHONPATH is kept.
    """
    named = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    own |= {*site.getsitepackages(), site.getusersitepackages()}
    entries = [os.path.abspath(entry) for entry in sys.path if entry]
    kept = [
        entry
        for entry in entries
        if not entry.endswith(".zip")
        and entry not in own
        and os.path.basename(entry) != "lib-dynload"
        and (entry in named or os.path.basename(entry) not in ("site-packages", "dist-packages"))
    ]
    return os.pathsep.join(dict.fromkeys(kept))


def with_module_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a Python process that finds the same modules as this one.

    The process calls ``restore_module_path`` first, so that programs which it starts in turn, of another
    version of Python perhaps, have the user's own PYTHONPATH.
    """
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    callers = environment.get(CALLERS_PATH, environment.get("PYTHONPATH", ""))
    return {**environment, "PYTHONPATH": path, CALLERS_PATH: callers}


def restore_module_path(environment: MutableMapping[str, str]) -> None:
    """Undo what ``with_module_path`` set; the modules that this process finds stay the same."""
    callers = environment.pop(CALLERS_PATH, None)
    if callers:
        environment["PYTHONPATH"] = callers
    elif callers is not None:
        environment.pop("PYTHONPATH", None)


def kill_group(group: int) -> None:
    """Kill a process group; do nothing if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_session(leader: int) -> None:
    """Kill all processes in the session of a leader that has exited and was waited for.

    Descendants of the leader that moved to another process group are among them; those in sessions of their
    own, such as evaluations that are to survive, are not.
    """
    until = time.monotonic() + _SESSION_SECONDS
    # the kernel gives the number of a session to no new process while a member of it lives
    while not psutil.pid_exists(leader) and (members := _members(leader)) and time.monotonic() < until:
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _members(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == session and start_time(pid) is not None:
                found.append(pid)
    return found
