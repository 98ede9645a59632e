"""Run a target in a child process, which can always be killed, and whose crash ends only itself.

Children stay warm: after a job a child waits for the next with the target loaded.  Each has a session of its
own and ends, with all its descendants, when this process does.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smbo_scheduler.errors import ChildNotStarted, TargetNotLoaded
from smbo_scheduler.framing import FramedConnection
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.outbox import json_values
from smbo_scheduler.outbox.processes import kill_group
from smbo_scheduler.worker.call import MAX_ERROR_LENGTH, output_file
from smbo_scheduler.worker.fork_server import close_server, current_folder, fork_child, preload
from smbo_scheduler.worker.loading import PickledTarget, are_unchanged
from smbo_scheduler.worker.memory import memory_kills, memory_of, memory_verdict
from smbo_scheduler.worker.output import OutputRelay
from smbo_scheduler.worker.supervisor import Exit

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1  # between checks of limits and of requests to end a running job
_LONGEST_LOOK_SECONDS = 1.0  # the same, without limits, once the job has run for ten times as long
_LOAD_SECONDS = 300.0  # for a child to import the target's modules
_SWEEP_SECONDS = 15.0  # for a child's supervisor to kill its descendants
_IDLE_SECONDS = 600.0  # after which a child that has no job is ended
_N_TARGETS = 2  # of which children are kept: two studies may take turns on one worker

# A batch system that ends a job kills all its processes, the child perhaps before its worker.  A worker that
# is still there after this was not meant.
_KILLED_ALONE_SECONDS = 1.0


@dataclass(frozen=True)
class _End:
    """The end of a job without a result."""

    status: JobStatus
    reason: str
    text: str


class Child:
    """A warm child process with one target; the target is loaded in the background.

    Raises:
        OSError: no process can be started now.
    """

    def __init__(self, target: PickledTarget) -> None:
        self.digest = target.digest
        self._made = target.made
        self._files: dict[str, list[int]] = {}  # what the target depends on, as it was when it was loaded
        self.surroundings = surroundings_now()
        ours, theirs = socket.socketpair()
        lifeline_theirs, self._lifeline = os.pipe()
        self._status, status_theirs = os.pipe()
        self._connection = FramedConnection(ours)
        self._exit: Exit | None = None
        self._is_loaded = False
        self.idle_since = 0.0
        self.is_clean = True  # whether the last job left it as it was
        try:
            #: process id of the child's supervisor, its parent
            self.pid = fork_child(target.modules, theirs.fileno(), lifeline_theirs, status_theirs)
        except OSError:
            os.close(self._lifeline)
            os.close(self._status)
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(lifeline_theirs)
            os.close(status_theirs)
        logger.debug("child process %d is started", self.pid)
        with contextlib.suppress(OSError):  # gone already: ``load`` will tell
            self._connection.send(target.data)

    def load(self) -> None:
        """Wait until the target is loaded.

        Raises:
            TargetNotLoaded: it cannot be loaded; the child is dead.
            ChildNotStarted: the child ended before, or the machine cannot load it now; the child is dead.
        """
        if self._is_loaded:
            return
        try:
            answer = self._connection.receive(_LOAD_SECONDS)
        except (EOFError, OSError):
            end = self._wait()
            raise ChildNotStarted(f"the process for it ended while loading: {_how(end)}") from None
        if answer is None:
            self.kill()
            raise ChildNotStarted(f"the target was not loaded within {_LOAD_SECONDS:g} s")
        loaded = json_values.loads(answer)
        if "error" in loaded:
            self.kill()
            kind = ChildNotStarted if loaded["is_passing"] else TargetNotLoaded
            raise kind(loaded["error"].strip())
        preload(loaded["modules"])
        self._files = loaded["files"]
        self._is_loaded = True

    def run(self, job: Job, folder: Path, is_asked_to_end: Callable[[], bool]) -> JobOutcome:
        """Run a job and return its outcome; the child is dead afterwards unless the job ended by itself.

        Args:
            job, folder: as for ``call_target``.
            is_asked_to_end: called every ``_LOOK_SECONDS`` or so; True ends the job.
        """
        started = time.time()
        relay = OutputRelay(output_file(folder))
        end = self._run(job, folder, is_asked_to_end, relay)
        relay.copy()
        if isinstance(end, JobOutcome):
            return end
        logger.info("job %s in child process %d: %s", job.key, self.pid, end.text)
        printed = relay.tail()
        # the cause last, where a traceback has it: the line that summaries show
        error = f"The end of what it printed:\n{printed}\n{end.text}" if printed else end.text
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
        return self.is_clean and self._exit is None and not select.select([self._status], [], [], 0)[0]

    def serves(self, target: PickledTarget) -> bool:
        """Return whether the child's target is this one, with the code of today.

        Within a run a child keeps the code that it has loaded; a later run's must not be evaluated with it.
        """
        if self.digest != target.digest:
            return False
        if self._made != target.made:
            if not are_unchanged(self._files):
                return False
            self._made = target.made
        return True

    def kill(self) -> Exit:
        """Kill the child and all its descendants, also those in other sessions; return how it ended."""
        with contextlib.suppress(OSError):
            os.close(self._lifeline)  # the supervisor reads the end of file
        self._lifeline = -1
        return self._wait()

    def _wait(self) -> Exit:
        """Return how the child ended, once it and its descendants are gone."""
        if self._exit is None:
            text = _read_all(self._status, _SWEEP_SECONDS)
            if text is None:
                kill_group(self.pid)
                text = _read_all(self._status, _SWEEP_SECONDS) or b""
            self._exit = Exit.read(text)
            os.close(self._status)
            self._connection.close()
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1
        return self._exit

    def _run(
        self, job: Job, folder: Path, is_asked_to_end: Callable[[], bool], relay: OutputRelay
    ) -> _End | JobOutcome:
        kills_before = memory_kills()
        began = time.monotonic()
        seconds, most_bytes = job.limits.time_seconds, job.limits.memory_bytes
        message = {"job": json_values.job_to_json(job), "folder": str(folder)}
        try:
            self._connection.send(json_values.dumps(message).encode())
            while True:
                now = time.monotonic()
                left = _LONGEST_LOOK_SECONDS if seconds is None else began + seconds - now
                look = _LOOK_SECONDS if most_bytes is not None else max(_LOOK_SECONDS, (now - began) / 10)
                answer = self._connection.receive(max(0.001, min(look, left, _LONGEST_LOOK_SECONDS)))
                if answer is not None:
                    return self._finished(answer)
                end = None
                if seconds is not None and time.monotonic() - began >= seconds:
                    end = _End(JobStatus.TIMEOUT, "timeout", f"not done after {seconds} s")
                elif most_bytes is not None and (used := memory_of(self.pid)) > most_bytes:
                    text = f"{used} bytes of memory in use, at most {most_bytes} allowed"
                    end = _End(JobStatus.MEMORY, "memory", text)
                elif is_asked_to_end():
                    end = _End(JobStatus.CANCELLED, "cancelled", "it was asked to end")
                if end is not None:
                    self.kill()
                    return end
                relay.copy()
        except (EOFError, OSError):
            return self._ended(kills_before)

    def _finished(self, answer: bytes) -> JobOutcome:
        found = json_values.loads(answer)
        self.is_clean = bool(found["is_clean"])
        self._files = found.get("files", self._files)
        return json_values.outcome_from_json(found["outcome"])

    def _ended(self, kills_before: int) -> _End:
        """Return what it means that the child is gone."""
        # a child that closed its connection and still runs is ended
        exit_ = self._wait() if select.select([self._status], [], [], 5.0)[0] else self.kill()
        if exit_.code == -signal.SIGKILL:
            verdict = memory_verdict(exit_, kills_before)
            if verdict is not None:
                return _End(JobStatus.MEMORY, "memory", verdict)
            time.sleep(_KILLED_ALONE_SECONDS)
        how = _how(exit_)
        return _End(JobStatus.ERROR, how, f"the evaluation ended its own process: {how}")


def _how(end: Exit) -> str:
    """Return in words how a process ended by itself."""
    if end.code >= 0:
        return f"exit code {end.code} by os._exit"
    try:
        name = f" ({signal.Signals(-end.code).name})"
    except ValueError:  # a real-time signal
        name = ""
    return f"killed by signal {-end.code}{name}"


def _read_all(descriptor: int, seconds: float) -> bytes | None:
    """Return what comes through a pipe until its end, None if that takes longer."""
    data, until = b"", time.monotonic() + seconds
    while select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(descriptor, 4096)
        if not part:
            return data
        data += part
    return None


def surroundings_now() -> tuple[dict[str, str], str, list[str]]:
    """Return what a child has from this process, and would have otherwise by now."""
    return dict(os.environ), current_folder(), list(sys.path)


_idle: list[Child] = []  # the longest idle first
_idle_lock = threading.Lock()


def take_child(target: PickledTarget) -> Child:
    """Return a child with a target loaded: one that waits for a job, else a new one.

    Raises:
        TargetNotLoaded: the target cannot be loaded.
        ChildNotStarted: no child can be started now.
    """
    with _idle_lock:
        surplus = _surplus(target)
        child = next((each for each in reversed(_idle) if each.digest == target.digest), None)
        if child is not None:
            _idle.remove(child)
    for each in surplus:
        each.kill()
    try:
        child = child or Child(target)
        child.load()
    except OSError as error:
        raise ChildNotStarted(f"no process for it can be started: {error}") from error
    return child


def give_back(child: Child, target: PickledTarget, *, is_kept: bool = True) -> None:
    """Keep a child for the next job; where it cannot serve again, begin another in its place."""
    if not (is_kept and child.is_alive()):
        child.kill()
        before = child.pid
        try:
            child = Child(target)
        except OSError as error:
            logger.warning("child process %d is not replaced yet: %s", before, error)
            return
        logger.debug("child process %d is replaced by %d", before, child.pid)
    child.idle_since = time.monotonic()
    with _idle_lock:
        _idle.append(child)
    _start_to_end_idle()


_is_ending_idle = threading.Lock()  # held by the thread that does


def _start_to_end_idle() -> None:
    """Have children ended that wait for a job in vain: their worker may stay for weeks."""
    if _is_ending_idle.acquire(blocking=False):
        ending = threading.Thread(
            target=_end_idle, args=[_is_ending_idle], name="end idle children", daemon=True
        )
        ending.start()


def _end_idle(is_ending_idle: threading.Lock) -> None:
    try:
        while _idle:
            time.sleep(_IDLE_SECONDS / 4)
            with _idle_lock:
                since = time.monotonic() - _IDLE_SECONDS
                old = [each for each in _idle if each.idle_since < since]
                _idle[:] = [each for each in _idle if each not in old]
            for each in old:
                each.kill()
    finally:
        is_ending_idle.release()


def close_children() -> None:
    """Kill the children that wait for a job."""
    with _idle_lock:
        children, _idle[:] = list(_idle), []
    for child in children:
        child.kill()


@atexit.register
def _close_all() -> None:
    close_children()
    close_server()


def _surplus(target: PickledTarget) -> list[Child]:
    """Take children that are dead, changed or outdated, or of targets not asked for lately, from the idle."""
    digests = list(dict.fromkeys([target.digest, *(each.digest for each in reversed(_idle))]))[:_N_TARGETS]
    now = surroundings_now()
    kept: list[Child] = []
    surplus: list[Child] = []
    for each in _idle:
        is_wanted = each.serves(target) if each.digest == target.digest else each.digest in digests
        is_of_use = is_wanted and each.is_alive() and each.surroundings == now
        (kept if is_of_use else surplus).append(each)
    _idle[:] = kept
    return surplus
