"""One program, bounded in time and in what it may use, and ended with all that it started.

The work is done by ``smbo_objectives.supervisor``, a process of ours that lives for as long as this one.
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

__all__ = ["Bounds", "Ended", "run"]

_LOOK_SECONDS = 0.2  # between two calls of on_look
_REPORT_SECONDS = 10.0  # beyond the grace: for a supervisor to end everything and say so

_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(2)); from smbo_objectives.supervisor import main; main()"
)


@dataclass(frozen=True)
class Bounds:
    """What one run may use; None means no limit.

    Attributes:
        timeout_seconds: of wall time; then the program, and all that it started, get SIGTERM.
        grace_seconds: from then until SIGKILL.
        log_limit_bytes: how much of each stream is kept; the rest is dropped.
        output_limit_bytes: how much may be printed at all, both streams together.
        memory_bytes: of the program and all that it started, together: watched every 0.05 s.
        address_space_bytes, file_bytes, cpu_seconds: of each process, by the kernel's own limits.
        processes: how many there may be at a time, itself included.
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
class Ended:
    """How a program ended.

    Attributes:
        code: exit code, or minus the number of the signal that ended it.
        ended_by: why it was ended: "timeout", "memory", "output", "processes", "asked" (its supervisor got
            SIGTERM); None if it ended by itself.
        kernel_killed: whether the kernel killed a process for want of memory meanwhile.
        left: processes that could not be ended: another user's, or deaf in a system call.
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


def nothing() -> None:
    """Do nothing."""


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    logs: Path,
    bounds: Bounds,
    on_look: Callable[[], None] = nothing,
) -> Ended:
    """Run a program without a shell, and leave nothing of it behind, whatever it started.

    What it prints goes to ``stdout.txt`` and ``stderr.txt`` in ``logs``, as far as the limit; the program
    is never blocked by having printed too much.

    Args:
        on_look: called five times a second while it runs; if it raises, the program is asked to
            end (SIGTERM, grace, SIGKILL) and the exception goes on.

    Raises:
        OSError: it cannot be started, or the process that watches it died.
    """
    order = {
        **asdict(bounds),
        "argv": list(argv),
        "env": dict(env),
        "cwd": str(cwd),
        "logs": [str(logs / "stdout.txt"), str(logs / "stderr.txt")],
    }
    with _supervisor() as connection:
        connection.sendall(json.dumps(order).encode() + b"\n")
        report = _wait(connection, bounds.grace_seconds, on_look)
    if "error" in report:
        raise OSError(report["errno"], report["error"])
    stdout, stderr = (tail.encode("latin-1") for tail in report["tails"])
    return Ended(
        report["code"],
        report["ended_by"],
        report["kernel_killed"],
        tuple(report["left"]),
        stdout,
        stderr,
        report["seconds"],
    )


def _wait(connection: socket.socket, grace_seconds: float, on_look: Callable[[], None]) -> dict[str, Any]:
    """Return the supervisor's report."""
    received = b""
    connection.settimeout(None if on_look is nothing else _LOOK_SECONDS)
    try:
        while not received.endswith(b"\n"):
            chunk = _received(connection)
            if chunk is None:
                on_look()
            elif not chunk:
                raise _WardenDied("the process that watched over it was killed, and it was ended with it")
            else:
                received += chunk
    except _WardenDied:
        raise
    except BaseException:
        # pruned, interrupted: the program goes first, so that nothing of it is left when this returns
        with contextlib.suppress(OSError):
            connection.sendall(b"end\n")
            connection.settimeout(grace_seconds + _REPORT_SECONDS)
            while _received(connection):
                pass
        raise
    report: dict[str, Any] = json.loads(received)
    return report


class _WardenDied(OSError):
    """There is nobody left to end the program politely."""


def _received(connection: socket.socket) -> bytes | None:
    """Return what came, nothing at the end, None if nothing comes in time."""
    try:
        return connection.recv(1 << 20)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


class _Warden:
    """The process that forks supervisors for us."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        package = str(Path(__file__).resolve().parents[1])
        with theirs:
            self._process = subprocess.Popen(
                # without the site's packages, which it does not need and which take their time
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
        """Return whether it lives, and was not inherited from the process that forked this one."""
        return self._owner == os.getpid() and self._process.poll() is None

    def close(self) -> None:
        """Let it go, which ends what it still runs."""
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


_warden: _Warden | None = None
_lock = threading.Lock()


def _supervisor() -> socket.socket:
    """Return a socket with a new supervisor at its other end; start a warden if there is none."""
    global _warden
    with _lock:
        for _ in range(2):
            if _warden is None or not _warden.is_ours():
                if _warden is not None:
                    _warden.close()
                _warden = _Warden()
            with contextlib.suppress(OSError):
                return _warden.supervisor()
    raise OSError("the process that starts programs does not start")
