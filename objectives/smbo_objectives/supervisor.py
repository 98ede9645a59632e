"""Supervisor of a program: starts it, enforces its limits and kills every process that it started.

``smbo_objectives.process`` keeps one fork server (``main``) per process and sends it a socket for every run;
the fork server forks a supervisor for each.  The supervisor is single-threaded and lives as long as the
run: so the kernel can kill the program when the supervisor dies (PR_SET_PDEATHSIG depends on the *thread*
that forked, and an evaluation is called in a short-lived thread), and every orphan of the program, also
daemons in sessions of their own, is reparented to the supervisor.  When the other end of its
socket closes, the supervisor kills everything.

The socket carries a line of JSON each way: the order (see ``Supervisor``) and the report; in between the
line ``end`` requests an early end.  Only the standard library is imported, for a start within 50 ms.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from typing import IO, Any

from smbo_objectives.process_tree import (
    become_subreaper,
    children,
    descendants,
    die_with_parent,
    kill_descendants,
    memory_bytes,
    reap,
    send_signal,
)

_CHUNK_BYTES = 65_536
_POLL_SECONDS = 0.05  # between two checks of memory and processes, where these are limited
_KILL_SECONDS = 5.0
_DRAIN_SECONDS = 1.0  # for the rest of the pipes' content once every writer is dead
_THREADS_ALLOWED = 1_000  # beyond the processes allowed, since the kernel counts threads too
_OOM_SCORE_ADJ = "500"  # when memory runs out, the kernel shall kill the program, not its supervisor


class Supervisor:
    """One run of one program.

    Args:
        connection: socket to the process that ordered the run.
        order: argv, env, cwd, logs (stdout's and stderr's file), log_limit_bytes, output_limit_bytes,
            timeout_seconds, grace_seconds, memory_bytes, address_space_bytes, cpu_seconds, processes,
            file_bytes; None where there is no limit.
        is_asked_to_end: whether an early end was requested along with the order.
    """

    def __init__(
        self, connection: socket.socket, order: dict[str, Any], *, is_asked_to_end: bool = False
    ) -> None:
        self._connection = connection
        self._order = order
        self._is_asked_to_end = is_asked_to_end
        self._ended_by: str | None = None
        self._kill_at: float | None = None
        self._status: int | None = None

    def run(self) -> dict[str, Any]:
        """Run the program to its end and return the report."""
        began, killings = time.monotonic(), _kernel_killings()
        wake, _ = self._wake_on_children()
        try:
            process = self._start()
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return {
                "error": getattr(error, "strerror", None) or str(error),
                "errno": getattr(error, "errno", None),
            }
        self._pid = process.pid
        logs = [_Log(s, path, self._order["log_limit_bytes"]) for s, path in self._streams(process)]
        self._watch(began, wake, logs)
        statuses, left = kill_descendants(_KILL_SECONDS)
        self._keep_status(statuses)
        until = time.monotonic() + _DRAIN_SECONDS
        for log in logs:
            log.drain(until)
        code = os.waitstatus_to_exitcode(self._status) if self._status is not None else -signal.SIGKILL
        process.returncode = code
        return {
            "code": code,
            "ended_by": self._ended_by,
            "kernel_killed": _kernel_killings() > killings,
            "left": left,
            "printed_bytes": sum(log.n_bytes for log in logs),
            "tails": [log.tail.decode("latin-1") for log in logs],
            "seconds": time.monotonic() - began,
        }

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._order["argv"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._order["cwd"],
            env=self._order["env"],
            start_new_session=True,
            preexec_fn=self._prepare,  # safe: this process has one thread
        )

    def _prepare(self) -> None:
        """Set the program's limits; called in its process, before the program starts."""
        die_with_parent()
        signal.set_wakeup_fd(-1)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write(_OOM_SCORE_ADJ)
        processes = self._order["processes"]
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_AS, self._order["address_space_bytes"])
        _limit(resource.RLIMIT_FSIZE, self._order["file_bytes"])
        _limit(resource.RLIMIT_CPU, self._order["cpu_seconds"])
        if processes is not None:
            # _check_limits counts the program's own processes; this stops a fork bomb between two checks
            _limit(resource.RLIMIT_NPROC, _tasks_of_user() + processes + _THREADS_ALLOWED)

    def _streams(self, process: subprocess.Popen[bytes]) -> list[tuple[IO[bytes], str]]:
        assert process.stdout is not None
        assert process.stderr is not None
        return list(zip((process.stdout, process.stderr), self._order["logs"], strict=True))

    def _wake_on_children(self) -> tuple[int, int]:
        """Have a byte, its number, written to a pipe for each signal; return the pipe."""
        wake, waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(waker, False)
        # a batch system sends SIGTERM to every process: if the supervisor exited, the program would be killed
        # before it has saved its state.  Handlers, unlike SIG_IGN, are not inherited by the program.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        return wake, waker

    def _watch(self, began: float, wake: int, logs: list[_Log]) -> None:
        """Copy output and enforce limits until the program has ended or must be killed."""
        poll = select.poll()
        by_descriptor = {log.descriptor: log for log in logs}
        for descriptor in (self._connection.fileno(), wake, *by_descriptor):
            poll.register(descriptor, select.POLLIN)
        timeout = self._order["timeout_seconds"]
        deadline = None if timeout is None else began + timeout
        if self._is_asked_to_end:
            self._end("asked")
        while self._status is None:
            for descriptor, _ in poll.poll(self._wait_milliseconds(deadline)):
                if descriptor == self._connection.fileno():
                    self._receive()
                elif descriptor == wake:
                    with contextlib.suppress(BlockingIOError):
                        if signal.SIGTERM in os.read(wake, _CHUNK_BYTES):
                            self._end("asked")
                elif not by_descriptor[descriptor].copy():
                    poll.unregister(descriptor)
            self._keep_status(reap()[0])
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                self._end("timeout")
            self._check_limits(logs)
            if self._kill_at is not None and now >= self._kill_at:
                return

    def _wait_milliseconds(self, deadline: float | None) -> float | None:
        """Return how long the next poll may wait."""
        until = self._kill_at if self._kill_at is not None else deadline
        waits = [] if until is None else [max(0.0, until - time.monotonic())]
        if self._order["memory_bytes"] is not None or self._order["processes"] is not None:
            waits.append(_POLL_SECONDS)
        # rounded up: a wait that is too short by a fraction of a millisecond would be a busy loop
        return min(waits) * 1000 + 1 if waits else None

    def _check_limits(self, logs: list[_Log]) -> None:
        """End the program if it exceeds a limit."""
        limits = self._order
        if limits["output_limit_bytes"] is not None and (
            sum(log.n_bytes for log in logs) > limits["output_limit_bytes"]
        ):
            self._end("output", at_once=True)
        if limits["memory_bytes"] is None and limits["processes"] is None:
            return
        processes_below = descendants(os.getpid())
        if limits["processes"] is not None and len(processes_below) > limits["processes"]:
            self._end("processes", at_once=True)
        if limits["memory_bytes"] is not None and (
            memory_bytes(processes_below, limits["memory_bytes"]) > limits["memory_bytes"]
        ):
            # no grace: the program would take the rest of the machine's memory meanwhile
            self._end("memory", at_once=True)

    def _receive(self) -> None:
        """End the program early on request, and at once when the other end of the socket is closed."""
        try:
            received = self._connection.recv(_CHUNK_BYTES)
        except OSError:
            received = b""
        self._end("asked", at_once=received == b"")

    def _end(self, why: str, *, at_once: bool = False) -> None:
        """Begin to end the program: SIGTERM now, and SIGKILL when the grace is over."""
        if self._kill_at is None:
            self._ended_by = why
            self._kill_at = time.monotonic() + self._order["grace_seconds"]
            if not at_once:
                send_signal(descendants(os.getpid()), signal.SIGTERM)
        if at_once:
            self._kill_at = 0.0

    def _keep_status(self, statuses: dict[int, int]) -> None:
        """Keep the program's own wait status."""
        self._status = statuses.get(self._pid, self._status)


class _Log:
    """Copies a stream to a file as far as a limit, remembers its tail, and drops the rest."""

    def __init__(self, stream: IO[bytes], path: str, limit_bytes: int) -> None:
        self.descriptor = stream.fileno()
        self.tail = b""
        self.n_bytes = 0
        self._stream = stream
        self._limit_bytes = limit_bytes
        os.set_blocking(self.descriptor, False)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)

    def copy(self) -> bool:
        """Copy the bytes that are available; return False at the end of the stream."""
        try:
            chunk = os.read(self.descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        kept = chunk[: max(0, self._limit_bytes - self.n_bytes)]
        self.n_bytes += len(chunk)
        self.tail = (self.tail + chunk)[-_CHUNK_BYTES:]
        # a full disk fails the evaluation where it writes its result; here only the log is cut
        with contextlib.suppress(OSError):
            if kept:
                os.write(self._file, kept)
        return bool(chunk)

    def drain(self, until: float) -> None:
        """Copy the rest, for as long as ``until``: a process that cannot be killed may hold the pipe open."""
        while self.copy() and time.monotonic() < until:
            select.select([self.descriptor], [], [], max(0.0, until - time.monotonic()))
        os.close(self._file)
        self._stream.close()


def _limit(which: int, most: float | None) -> None:
    """Lower a resource limit of this process; never raise it."""
    if most is None:
        return
    soft, hard = resource.getrlimit(which)
    wanted = int(most)
    for limit in (soft, hard):
        if limit != resource.RLIM_INFINITY:
            wanted = min(wanted, limit)
    # the signal of the soft limit names the cause; the hard limit kills a moment later
    beyond = wanted + 1 if which == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else wanted
    resource.setrlimit(which, (wanted, beyond))


def _tasks_of_user() -> int:
    """Return the number of visible threads of this user."""
    count, us = 0, os.getuid()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == us:
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _kernel_killings() -> int:
    """Return how often this kernel has killed a process for lack of memory."""
    with contextlib.suppress(OSError, ValueError), open("/proc/vmstat", encoding="ascii") as file:
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def supervise(connection: socket.socket) -> None:
    """Receive an order from a socket, run the program and send the report."""
    become_subreaper()
    chunks: list[bytes] = []
    while not chunks or not chunks[-1].endswith(b"\n"):
        if not (chunk := connection.recv(1 << 20)):
            return
        chunks.append(chunk)
    order, *wishes = b"".join(chunks).splitlines()
    report = Supervisor(connection, json.loads(order), is_asked_to_end=bool(wishes)).run()
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(report).encode() + b"\n")


def main() -> None:
    """Run the fork server: fork a supervisor for every socket received, until the sender exits."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    become_subreaper()
    requests = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(requests.fileno(), False)
    supervisors: set[int] = set()
    while (connection := _next(requests, supervisors)) is not None:
        with connection:
            pid = os.fork()
            if pid == 0:
                requests.close()
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_DFL)
                try:
                    supervise(connection)
                except BaseException:
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(0)  # never return to the loop of the fork server
            supervisors.add(pid)


def _next(requests: socket.socket, supervisors: set[int]) -> socket.socket | None:
    """Wait for the next socket; meanwhile kill the orphans of supervisors that were killed."""
    orphans: list[int] = []
    while True:
        is_readable, _, _ = select.select([requests], [], [], 1.0 if supervisors or orphans else None)
        supervisors -= reap()[0].keys()
        # only this loop forks, and a living supervisor keeps its own children: any other child is an orphan
        orphans = [pid for pid in children(os.getpid()) if pid not in supervisors]
        send_signal(orphans, signal.SIGKILL)
        if is_readable:
            descriptors = array.array("i")
            message, ancillary, _, _ = requests.recvmsg(1, socket.CMSG_SPACE(descriptors.itemsize))
            if not message:
                return None
            descriptors.frombytes(ancillary[0][2])
            return socket.socket(fileno=descriptors[0])


if __name__ == "__main__":
    main()
