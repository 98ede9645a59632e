"""The child process of ``worker.child``, forked by the fork server: loads a target, then runs its jobs."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import pickle
import random
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from smbo_scheduler.framing import FramedConnection
from smbo_scheduler.outbox import json_values
from smbo_scheduler.outbox.disk_full import is_disk_full
from smbo_scheduler.worker.call import MAX_ERROR_LENGTH, call_target, output_file
from smbo_scheduler.worker.loading import installed_modules, is_passing, own_files, prepare
from smbo_scheduler.worker.process_state import ProcessState
from smbo_scheduler.worker.supervisor import fork_under_supervisor

# Signals that a batch system sends to all processes of a job which is to end soon: the worker decides then.
_LEFT_TO_THE_WORKER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_MORE_LIKELY_KILLED = b"500"  # of 1000, added to the kernel's score: an evaluation goes before its worker


def serve(connection_end: int, lifeline: int, status: int) -> None:
    """Load the target that the parent sends, then run the parent's jobs until it exits."""
    fork_under_supervisor(lifeline, status, connection_end)
    _begin()
    connection = FramedConnection(socket.socket(fileno=connection_end))
    known = set(sys.modules)
    try:
        # safe to unpickle: written by our own parent, over a socket that no other process has
        target = pickle.loads(connection.receive() or b"")
        prepare(target)
    except BaseException as error:
        answer: dict[str, object] = {"error": traceback.format_exc()[-MAX_ERROR_LENGTH:]}
        connection.send(_bytes({**answer, "is_passing": is_passing(error)}))
        return
    files, n_modules = own_files(target), len(sys.modules)
    connection.send(_bytes({"modules": installed_modules(known), "files": files}))
    state = ProcessState()
    with contextlib.suppress(EOFError, OSError):
        while (message := connection.receive()) is not None:
            outcome = _run(target, json_values.loads(message))
            answer = {"outcome": outcome, "is_clean": state.restore()}
            if len(sys.modules) != n_modules:  # imported by the evaluation
                files, n_modules = own_files(target) | files, len(sys.modules)
                answer["files"] = files
            connection.send(_bytes(answer))


def _begin() -> None:
    """Make this process, a fork, one of its own."""
    for number in _LEFT_TO_THE_WORKER:
        # not SIG_IGN, which programs started by an evaluation would inherit
        signal.signal(number, _ignore)
    os.register_at_fork(
        before=_block_signals, after_in_parent=_unblock_signals, after_in_child=_restore_default_signals
    )
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_bytes(_MORE_LIKELY_KILLED)
    random.seed()
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.seed()
    _ignore_full_disks()


def _ignore(_number: int, _frame: object) -> None:
    return


def _block_signals() -> None:
    # one that arrives between the fork and the new process's own handlers would be lost: it would never end
    signal.pthread_sigmask(signal.SIG_BLOCK, _LEFT_TO_THE_WORKER)


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _LEFT_TO_THE_WORKER)


def _restore_default_signals() -> None:
    """Let processes that an evaluation forks be ended as usual, by ``multiprocessing`` for one."""
    for number in _LEFT_TO_THE_WORKER:
        if signal.getsignal(number) is _ignore:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)
    _unblock_signals()


def _bytes(answer: dict[str, object]) -> bytes:
    return json_values.dumps(answer).encode()


def _run(target: Any, message: dict[str, Any]) -> dict[str, Any]:
    job, folder = json_values.job_from_json(message["job"]), Path(message["folder"])
    with _output_to(output_file(folder)), _address_space(job.limits.memory_bytes):
        outcome = call_target(target, job, folder)
    return json_values.outcome_to_json(outcome)


@contextlib.contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send the output of this process, C code included, to a file; drop it if the disk is full."""
    try:
        _point_output_at(path, os.O_CREAT | os.O_APPEND)
    except OSError as error:
        if not is_disk_full(error):
            raise
        _point_output_at(Path(os.devnull))
    faulthandler.enable(2)
    try:
        yield
    finally:
        _point_output_at(Path(os.devnull))


def _point_output_at(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_WRONLY | flags, 0o600)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError, AttributeError):  # closed, or replaced, by the target
            stream.flush()
    for standard in (1, 2):
        if descriptor != standard:
            os.dup2(descriptor, standard)
    if descriptor > 2:
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
        # line by line: what was printed before a crash, or so far, is in the file
        new = io.TextIOWrapper(buffered, "utf-8", "backslashreplace", line_buffering=True)
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
        with contextlib.suppress(ValueError, OSError):  # the target may have lowered the hard limit
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _mapped_bytes() -> int:
    return int(psutil.Process().memory_info().vms)
