"""Run a target in a child process, which can always be killed.

Children stay warm: after a job a child waits for the next with the target loaded.  Each has a session of its
own and ends, with all its descendants, when this process does.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import psutil

from smbo_scheduler.framing import FramedConnection
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus, Target
from smbo_scheduler.outbox import json_values
from smbo_scheduler.outbox.processes import kill_group
from smbo_scheduler.worker.call import MAX_ERROR_LENGTH, output_file

_LOOK_SECONDS = 0.1  # between checks of limits and of requests to end a running job
_LOAD_SECONDS = 120.0  # for a child to import the target's modules
_OUTPUT_TAIL_BYTES = 4000
_SWEEP_SECONDS = 15.0  # for a child's supervisor to kill its descendants


@dataclass(frozen=True)
class _End:
    """The end of a job without a result."""

    status: JobStatus
    reason: str
    text: str


class Child:
    """A warm child process with one target loaded.

    Args:
        pickled: the target, pickled by this process and unpickled by the child only.
    """

    def __init__(self, pickled: bytes) -> None:
        self.digest = hashlib.sha256(pickled).digest()
        ours, theirs = socket.socketpair()
        lifeline_theirs, self._lifeline = os.pipe()
        with theirs:
            descriptors = (theirs.fileno(), lifeline_theirs)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "smbo_scheduler.worker.child_main", *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path)},
            )
        os.close(lifeline_theirs)
        self._connection = FramedConnection(ours)
        self._pickled: bytes | None = pickled

    @property
    def pid(self) -> int:
        """Process id of the child's supervisor, its parent."""
        return self._process.pid

    def run(self, job: Job, folder: Path, is_asked_to_end: Callable[[], bool]) -> JobOutcome:
        """Run a job and return its outcome; the child is dead afterwards unless the job ended by itself."""
        started = time.time()
        output = output_file(folder)
        end = self._load() or self._run(job, folder, is_asked_to_end)
        if isinstance(end, JobOutcome):
            return end
        printed = _tail(output)
        error = f"{end.text}\nThe end of what it printed:\n{printed}" if printed else end.text
        return JobOutcome(
            job=job,
            status=end.status,
            reason=end.reason,
            error=error[-MAX_ERROR_LENGTH:],
            started=started,
            ended=time.time(),
            host=socket.gethostname(),
            pid=self.pid,
        )

    def is_alive(self) -> bool:
        """Return whether the child can take another job."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the child and all its descendants, also those in other sessions."""
        with contextlib.suppress(OSError):
            os.close(self._lifeline)  # the supervisor reads the end of file
        self._lifeline = -1
        try:
            self._process.wait(_SWEEP_SECONDS)
        except subprocess.TimeoutExpired:
            kill_group(self.pid)
            self._process.wait()
        self._connection.close()

    def _load(self) -> _End | None:
        """Load the target in the child if it is not loaded yet; return the failure, if any."""
        if self._pickled is None:
            return None
        pickled, self._pickled = self._pickled, None
        try:
            self._connection.send(pickled)
            answer = self._connection.receive(_LOAD_SECONDS)
        except (EOFError, OSError):
            how = self._how_it_ended()
            return _End(JobStatus.ERROR, "cannot-load", f"the child process ended while loading: {how}")
        if answer == b"":
            return None
        self.kill()
        if answer is None:
            return _End(JobStatus.ERROR, "cannot-load", f"the target did not load within {_LOAD_SECONDS} s")
        return _End(JobStatus.ERROR, "cannot-load", answer.decode(errors="replace"))

    def _run(self, job: Job, folder: Path, is_asked_to_end: Callable[[], bool]) -> _End | JobOutcome:
        began = time.monotonic()
        seconds, most_bytes = job.limits.time_seconds, job.limits.memory_bytes
        message = {"job": json_values.job_to_json(job), "folder": str(folder)}
        try:
            self._connection.send(json_values.dumps(message).encode())
            while True:
                left = _LOOK_SECONDS if seconds is None else began + seconds - time.monotonic()
                answer = self._connection.receive(min(_LOOK_SECONDS, max(left, 0.001)))
                if answer is not None:
                    return json_values.outcome_from_json(json_values.loads(answer))
                end = None
                if left <= 0:
                    end = _End(JobStatus.TIMEOUT, "timeout", f"not done after {seconds} s")
                elif most_bytes is not None and (used := _memory_of(self.pid)) > most_bytes:
                    text = f"{used} bytes of memory in use, at most {most_bytes} allowed"
                    end = _End(JobStatus.MEMORY, "memory", text)
                elif is_asked_to_end():
                    end = _End(JobStatus.CANCELLED, "cancelled", "it was asked to end")
                if end is not None:
                    self.kill()
                    return end
        except (EOFError, OSError):
            how = self._how_it_ended()
            return _End(JobStatus.ERROR, how, f"the process that ran it ended by itself: {how}")

    def _how_it_ended(self) -> str:
        """Return in words how the child exited by itself, and kill its descendants."""
        try:
            code = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            code = 0  # it closed its connection but still runs: the same as an exit
        self.kill()
        if code < 0:
            return signal.Signals(-code).name
        return f"exit {code}"


_idle: list[Child] = []
_idle_lock = threading.Lock()


def call_in_child(target: Target, job: Job, folder: Path, is_asked_to_end: Callable[[], bool]) -> JobOutcome:
    """Run a job in a child process, within its limits, and return its outcome.

    Args:
        target: function to call; pickled, by value if it is defined in ``__main__``.
        job, folder: as for ``call_target``.
        is_asked_to_end: called every ``_LOOK_SECONDS``; True ends the job.
    """
    pickled = cloudpickle.dumps(target)
    child = _take(hashlib.sha256(pickled).digest()) or Child(pickled)
    try:
        outcome = child.run(job, folder, is_asked_to_end)
    except BaseException:
        child.kill()
        raise
    if child.is_alive():
        with _idle_lock:
            _idle.append(child)
    return outcome


@atexit.register
def close_children() -> None:
    """Kill the children that wait for a job."""
    with _idle_lock:
        children, _idle[:] = list(_idle), []
    for child in children:
        child.kill()


def _take(digest: bytes) -> Child | None:
    """Return a waiting child with this target, if any; those with other targets are killed."""
    with _idle_lock:
        children, _idle[:] = list(_idle), []
        alive = [child for child in children if child.digest == digest and child.is_alive()]
        _idle[:] = alive[1:]
    for child in children:
        if child not in alive:
            child.kill()
    return alive[0] if alive else None


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _memory_of(pid: int) -> int:
    """Return the resident memory of all descendants of a process, in bytes."""
    used = 0
    for process in _descendants(pid):
        with contextlib.suppress(psutil.Error):
            used += process.memory_info().rss
    return used


def _tail(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _OUTPUT_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
