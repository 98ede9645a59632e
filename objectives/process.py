"""One program in a process group of its own: bounded in time, and in what it may print."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["Ended", "run"]

_CHUNK_BYTES = 65_536
_DRAIN_SECONDS = 5.0  # for what is still in the pipes once the group is dead


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        code: exit code, or minus the number of the signal that ended it.
        timed_out: whether it was ended because its time was up.
        stdout_tail, stderr_tail: the last 64 kB of each, or less.
    """

    code: int
    timed_out: bool
    stdout_tail: bytes
    stderr_tail: bytes


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    logs: Path,
    log_limit_bytes: int,
    timeout_seconds: float | None,
    grace_seconds: float,
) -> Ended:
    """Run a program without a shell, and leave nothing of its process group behind.

    What it prints goes to ``stdout.txt`` and ``stderr.txt`` in ``logs``, as far as the limit; the program
    is never blocked by having printed too much.  When its time is up the group gets SIGTERM, and
    SIGKILL when the grace is over.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=dict(env),
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    pumps = [
        _Pump(process.stdout, logs / "stdout.txt", log_limit_bytes),
        _Pump(process.stderr, logs / "stderr.txt", log_limit_bytes),
    ]
    try:
        with _guard(process.pid):
            timed_out = _wait(process, timeout_seconds, grace_seconds)
    finally:
        # also after a normal end, and when this process is interrupted: children may have stayed
        _signal_group(process, signal.SIGKILL)
        process.wait()
        tails = [pump.finish() for pump in pumps]
    return Ended(process.returncode, timed_out, *tails)


@contextlib.contextmanager
def _guard(group: int) -> Iterator[None]:
    """While the block runs, see to it that the group does not outlive this process.

    Whoever ends this process with SIGKILL, a limit on the evaluation for one, does not reach the
    program's group.  So a shell waits for the end of a pipe that only we hold open, and ends the
    group then.
    """
    guard = subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -KILL "-$1"', "sh", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        # before the pipe is closed: by then the group's number may be another's
        guard.kill()
        guard.wait()
        assert guard.stdin is not None
        guard.stdin.close()


def _wait(process: subprocess.Popen[bytes], timeout_seconds: float | None, grace_seconds: float) -> bool:
    """Wait for the program to end; return whether its time was up."""
    try:
        process.wait(timeout_seconds)
        return False
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
        return True


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # the group outlives its leader for as long as it has members; none left is what we want
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _Pump:
    """Copies a stream to a file as far as a limit, remembers its tail, and drops the rest."""

    def __init__(self, stream: IO[bytes], path: Path, limit_bytes: int) -> None:
        self._stream = stream
        self._path = path
        self._limit_bytes = limit_bytes
        self._tail = b""
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def finish(self) -> bytes:
        """Wait for the stream's end and return its tail."""
        # A child that left the group may hold the pipe open for ever: it is not waited for.  The
        # thread ends with that child, and closes the stream then.
        self._thread.join(_DRAIN_SECONDS)
        return self._tail

    def _copy(self) -> None:
        written = 0
        with self._stream, self._path.open("wb") as log:
            while chunk := os.read(self._stream.fileno(), _CHUNK_BYTES):
                self._tail = (self._tail + chunk)[-_CHUNK_BYTES:]
                if written < self._limit_bytes:
                    written += log.write(chunk[: self._limit_bytes - written])
                    log.flush()
