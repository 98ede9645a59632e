"""The child process of ``worker.child``: ``python -m smbo_scheduler.worker.child_main SOCKET LIFELINE``."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smbo_scheduler.framing import FramedConnection
from smbo_scheduler.outbox import json_values
from smbo_scheduler.outbox.disk_full import is_disk_full
from smbo_scheduler.worker.call import MAX_ERROR_LENGTH, call_target, output_file
from smbo_scheduler.worker.supervisor import fork_under_supervisor


def main() -> None:
    """Load the target that the parent sends, then run the parent's jobs until it exits."""
    end, lifeline = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fork_under_supervisor(lifeline, end)
    _ignore_full_disks()
    os.set_inheritable(end, False)
    connection = FramedConnection(socket.socket(fileno=end))
    try:
        # safe to unpickle: written by our own parent, over a socket that no other process has
        target = pickle.loads(connection.receive() or b"")
    except BaseException:
        connection.send(traceback.format_exc()[-MAX_ERROR_LENGTH:].encode())
        return
    connection.send(b"")
    with contextlib.suppress(EOFError):
        while (message := connection.receive()) is not None:
            connection.send(_run(target, json_values.loads(message)))


def _run(target: Any, message: dict[str, Any]) -> bytes:
    job, folder = json_values.job_from_json(message["job"]), Path(message["folder"])
    with _output_to(output_file(folder)), _address_space(job.limits.memory_bytes):
        outcome = call_target(target, job, folder)
    return json_values.dumps(json_values.outcome_to_json(outcome)).encode()


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send the output of this process, C code included, to a file; drop it if the disk is full."""
    try:
        _point_output_at(path, os.O_CREAT | os.O_APPEND)
    except OSError as error:
        if not is_disk_full(error):
            raise
        _point_output_at(Path(os.devnull))
    faulthandler.enable()
    try:
        yield
    finally:
        _point_output_at(Path(os.devnull))


def _point_output_at(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_WRONLY | flags, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


class _OutputFile(io.FileIO):
    """The file of print(), which drops output if the disk is full.

    An evaluation must not fail because its output could not be stored.
    """

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not is_disk_full(error):
                raise
            return len(data)


def _ignore_full_disks() -> None:
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        raw = _OutputFile(descriptor, "wb", closefd=False)
        buffered = io.BufferedWriter(raw)
        old = getattr(sys, name)
        new = io.TextIOWrapper(buffered, old.encoding, old.errors, line_buffering=name == "stderr")
        setattr(sys, name, new)


@contextlib.contextmanager
def _address_space(memory_bytes: int | None) -> Iterator[None]:
    """Let an allocation far beyond the limit fail at once, as a MemoryError.

    The parent watches the memory in use; this limit is for a huge array that would be allocated between two
    checks.  Address space is not memory in use, so the memory mapped already is added.
    """
    if memory_bytes is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _mapped_bytes() + memory_bytes
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _mapped_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().vms)


if __name__ == "__main__":
    main()
