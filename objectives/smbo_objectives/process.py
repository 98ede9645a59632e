"""Run one program under limits of time, memory, output and processes, and kill every process it started.

The program is started and watched by a supervisor process (``smbo_objectives.supervisor``); a fork server
that lives as long as this process forks one supervisor for each run.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["ProcessLimits", "ProcessResult", "run"]

_POLL_SECONDS = 0.2  # between two calls of on_poll
_REPORT_SECONDS = 10.0  # beyond the grace: for a supervisor to kill all processes and report

_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(2)); from smbo_objectives.supervisor import main; main()"
)


@dataclass(frozen=True)
class ProcessLimits:
    """Limits of one run; None means no limit.

    Attributes:
        timeout_seconds: wall time; then the program and all its descendants get SIGTERM.
        grace_seconds: time from SIGTERM to SIGKILL.
        log_limit_bytes: largest log of each stream; the rest is dropped.
        output_limit_bytes: largest output, both streams together.
        memory_bytes: memory of the program and all its descendants together, checked every 0.05 s.
        address_space_bytes, file_bytes, cpu_seconds: limits of each process, enforced by the kernel.
        processes: largest number of processes at a time, the program included.
    """

    timeout_seconds: float | None = None
    grace_seconds: float = 5.0
    log_limit_bytes: int = 10_000_000
    output_limit_bytes: int | None = None
    memory_bytes: int | None = None
    address_space_bytes: int | None = None
    file_bytes: int | None = None
    cpu_seconds: float | None = None
    processes: int | None = None


@dataclass(frozen=True)
class ProcessResult:
    """Exit code, reason and last output of a program that has ended.

    Attributes:
        code: exit code, or minus the number of the signal that ended it.
        ended_by: why the program was ended: "timeout", "memory", "output", "processes", "asked" (its
            supervisor got SIGTERM); None if it ended by itself.
        kernel_killed: whether the kernel killed a process for lack of memory meanwhile.
        left: processes that could not be killed: another user's, or in an uninterruptible system call.
        stdout_tail, stderr_tail: the last 64 kB of each, or less.
        seconds: wall time.
    """

    code: int
    ended_by: str | None
    kernel_killed: bool
    left: tuple[int, ...]
    stdout_tail: bytes
    stderr_tail: bytes
    seconds: float


def do_nothing() -> None:
    """Do nothing."""


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    logs: Path,
    limits: ProcessLimits,
    on_poll: Callable[[], None] = do_nothing,
) -> ProcessResult:
    """Run a program without a shell, and kill every process that it started.

    The output is written to ``stdout.txt`` and ``stderr.txt`` in ``logs``, up to the limit; the program is
    never blocked by its output.

    Args:
        on_poll: called five times a second during the run; if it raises, the program is ended (SIGTERM,
            grace, SIGKILL) and ``run`` raises the exception.

    Raises:
        OSError: the program cannot be started, or its supervisor died.
    """
    order = {
        **asdict(limits),
        "argv": list(argv),
        "env": dict(env),
        "cwd": str(cwd),
        "logs": [str(logs / "stdout.txt"), str(logs / "stderr.txt")],
    }
    with _supervisor() as connection:
        connection.sendall(json.dumps(order).encode() + b"\n")
        report = _wait(connection, limits.grace_seconds, on_poll)
    if "error" in report:
        raise OSError(report["errno"], report["error"])
    stdout, stderr = (tail.encode("latin-1") for tail in report["tails"])
    return ProcessResult(
        report["code"],
        report["ended_by"],
        report["kernel_killed"],
        tuple(report["left"]),
        stdout,
        stderr,
        report["seconds"],
    )


def _wait(connection: socket.socket, grace_seconds: float, on_poll: Callable[[], None]) -> dict[str, Any]:
    """Return the supervisor's report."""
    received = b""
    connection.settimeout(None if on_poll is do_nothing else _POLL_SECONDS)
    try:
        while not received.endswith(b"\n"):
            chunk = _received(connection)
            if chunk is None:
                on_poll()
            elif not chunk:
                raise _SupervisorDied("the supervisor of the program was killed, and the program with it")
            else:
                received += chunk
    except _SupervisorDied:
        raise
    except BaseException:
        # pruned or interrupted: the program is ended first, so that none of its processes outlives this call
        with contextlib.suppress(OSError):
            connection.sendall(b"end\n")
            connection.settimeout(grace_seconds + _REPORT_SECONDS)
            while _received(connection):
                pass
        raise
    report: dict[str, Any] = json.loads(received)
    return report


class _SupervisorDied(OSError):
    """The supervisor is dead, so that the program is killed without a SIGTERM first."""


def _received(connection: socket.socket) -> bytes | None:
    """Return the bytes received, b"" when the peer has closed, None on a timeout."""
    try:
        return connection.recv(1 << 20)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


class _ForkServer:
    """The process that forks a supervisor for each run."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        package = str(Path(__file__).resolve().parents[1])
        with theirs:
            self._process = subprocess.Popen(
                # without site-packages, which it does not need and which are slow to load
                [sys.executable, "-I", "-S", "-c", _START, str(theirs.fileno()), package],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._requests = ours
        self._owner = os.getpid()
        atexit.register(self.close)

    def is_ours(self) -> bool:
        """Return whether the fork server runs, and was started by this process, not inherited in a fork."""
        return self._owner == os.getpid() and self._process.poll() is None

    def close(self) -> None:
        """Close the connection, which ends the fork server and all programs under it."""
        self._requests.close()
        if self._owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)

    def supervisor(self) -> socket.socket:
        """Return a socket with a new supervisor at its other end."""
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = array.array("i", [theirs.fileno()])
            self._requests.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptor)])
        return ours


_fork_server: _ForkServer | None = None
_lock = threading.Lock()


def _supervisor() -> socket.socket:
    """Return a socket with a new supervisor at its other end; start the fork server if there is none."""
    global _fork_server
    with _lock:
        for _ in range(2):
            if _fork_server is None or not _fork_server.is_ours():
                if _fork_server is not None:
                    _fork_server.close()
                _fork_server = _ForkServer()
            with contextlib.suppress(OSError):
                return _fork_server.supervisor()
    raise OSError("the fork server of programs does not start")
