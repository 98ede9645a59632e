"""Executions that outlive the process that started them: ``python -m smbo_scheduler.worker.detached``.

For evaluations of hours.  A process in a session of its own claims the job, writes heartbeats, enforces the
limits and leaves the outcome in the outbox; its parent only waits.  When the worker, the scheduler or the
driver dies, the evaluation continues, and the next driver finds it by its claim and its beat.  A batch system
that kills all processes of a batch job kills this one too.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO

import cloudpickle

from smbo_scheduler.errors import ChildNotStarted, TargetNotLoaded
from smbo_scheduler.jobs import Job
from smbo_scheduler.outbox.outbox import Outbox
from smbo_scheduler.outbox.processes import restore_module_path, with_module_path
from smbo_scheduler.worker.gpus import hold_gpus

_CLAIMED_ALREADY, _NOT_LOADED = 3, 4  # exit codes; 1 and 2 are Python's own
_TAIL_BYTES = 2000


def run_detached(work: Callable[[], bool], job: Job, outbox: Outbox) -> bool:
    """Run a job in a process that outlives this one, and wait for its end.

    Args:
        work: claims the job and runs it; returns False if it had been claimed.  It pickles.
        job, outbox: the job, and where it is claimed.

    Returns:
        The return value of ``work`` in that process.

    Raises:
        TargetNotLoaded: the target cannot be loaded there.
        ChildNotStarted: the process did not start, or ended without an outcome.
    """
    if outbox.claim_of(job) is not None:
        return False
    order = cloudpickle.dumps((work, job, outbox))
    with tempfile.TemporaryFile() as log:
        try:
            process = _start(log)
        except OSError as error:
            raise ChildNotStarted(f"no process for it can be started: {error}") from error
        try:
            process.communicate(order)
        except BaseException:
            process.returncode = 0  # the process is meant to outlive this one: no warning
            raise
        if process.returncode == _NOT_LOADED:
            raise TargetNotLoaded(_tail(log))
        if process.returncode not in (0, _CLAIMED_ALREADY):
            how = f"the process that ran {job.key} ended with {process.returncode}"
            raise ChildNotStarted(f"{how}:\n{_tail(log)}")
    return process.returncode == 0


def _start(log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "smbo_scheduler.worker.detached"],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env=with_module_path(os.environ),
    )


def main() -> None:
    """Run the job that is read from standard input."""
    restore_module_path(os.environ)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # safe to unpickle: written by our own parent, through a pipe that no other process has
    order: tuple[Callable[[], bool], Job, Outbox] = pickle.load(sys.stdin.buffer)
    work, job, outbox = order
    # before the claim: a job that waits for a device has not begun, and its time limit does not run
    with hold_gpus(job.resources, is_wanted=lambda: outbox.claim_of(job) is None) as are_held:
        try:
            has_run = are_held and work()
        except TargetNotLoaded as error:
            print(error, file=sys.stderr)
            sys.exit(_NOT_LOADED)
    sys.exit(0 if has_run else _CLAIMED_ALREADY)


def _tail(log: IO[bytes]) -> str:
    log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES))
    return log.read().decode(errors="replace")


if __name__ == "__main__":
    main()
