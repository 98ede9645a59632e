"""Supervisor of the workers of one host or batch job: ``python -m smbo_scheduler.clusters.host_agent``.

A worker that dies – a crash in compiled code, too much memory – is replaced, so that one bad
evaluation does not cost the slot in the batch queue.  At the end of its lifetime, on SIGTERM, or when its
standard input closes, workers finish their current evaluation and accept no new one.

This module does not import Dask: only the workers load it, so that the agent needs little memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from smbo_scheduler.clusters.log_files import log_to_output
from smbo_scheduler.outbox.processes import end_session, kill_group

# not __name__: the module is run as a program
logger = logging.getLogger("smbo_scheduler.clusters.host_agent")

_LOOK_SECONDS = 0.2
_LOOK_OVER_SECONDS = 2.0
_RESTART_SECONDS = 1.0  # between restarts of a worker that exits at once
_NO_SCHEDULER = 3  # smbo_scheduler.clusters.worker's exit code


class HostAgent:
    """The workers of one host, by slot.

    Args:
        folder: folder of the cluster.
        name: common name of the workers; each appends its slot.
        n_workers: number of workers.
        lifetime_seconds: time after which no more evaluations are accepted; None: never.
        death_timeout_seconds, resources: of each worker.
        holder: descriptor at whose end of file the workers end; None if there is none.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        n_workers: int,
        *,
        lifetime_seconds: float | None = None,
        death_timeout_seconds: float = 120.0,
        resources: Mapping[str, float] | None = None,
        holder: int | None = None,
    ) -> None:
        self._folder, self._name, self._n_workers = folder, name, n_workers
        self._until = None if lifetime_seconds is None else time.monotonic() + lifetime_seconds
        self._death_timeout_seconds = death_timeout_seconds
        self._resources = dict(resources or {})
        self._holder = holder
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._given_up: set[int] = set()
        self._is_ending = False

    def run(self) -> int:
        """Supervise the workers until all have exited for good; return the exit code."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "_is_ending", True))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        is_told, next_look = False, 0.0
        while True:
            if self._is_ending or self._is_time_over() or self._is_left():
                self._is_ending = True
            if self._is_ending and not is_told:
                is_told = True
                self._terminate()
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + _LOOK_OVER_SECONDS
                if (self._folder / "over").exists():
                    self._kill()
                    return 0
            self._maintain()
            if not self._workers and (self._is_ending or len(self._given_up) == self._n_workers):
                return _NO_SCHEDULER if self._given_up else 0
            time.sleep(_LOOK_SECONDS)

    def _maintain(self) -> None:
        """Reap workers that exited, and replace them unless the agent is ending."""
        for place, worker in list(self._workers.items()):
            code = worker.poll()
            if code is not None:
                end_session(worker.pid)  # what an evaluation had started there
                del self._workers[place]
                logger.info("worker %s.%d ended: %s", self._name, place, code)
                if code == _NO_SCHEDULER:
                    self._given_up.add(place)
        if self._is_ending:
            return
        for place in range(self._n_workers):
            is_soon = time.monotonic() - self._started.get(place, -1e9) < _RESTART_SECONDS
            if place not in self._workers and place not in self._given_up and not is_soon:
                self._workers[place] = self._start(place)
                self._started[place] = time.monotonic()

    def _start(self, place: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-P", "-m", "smbo_scheduler.clusters.worker", str(self._folder), "--away"]
        words += ["--parent", str(os.getpid()), "--name", f"{self._name}.{place}"]
        words += ["--death-timeout", str(self._death_timeout_seconds)]
        words += ["--resources", json.dumps(self._resources)]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)

    def _terminate(self) -> None:
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.terminate()

    def _kill(self) -> None:
        for worker in self._workers.values():
            kill_group(worker.pid)
        for worker in self._workers.values():
            worker.wait()
            end_session(worker.pid)

    def _is_time_over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _is_left(self) -> bool:
        """Return whether the other end of standard input has been closed."""
        if self._holder is None or not select.select([self._holder], [], [], 0)[0]:
            return False
        return not os.read(self._holder, 4096)


def main(words: Sequence[str] | None = None) -> int:
    """Run the agent by the options on the command line.

    The scheduler's address and dask-jobqueue's further options are for readers of the job script: the agent
    takes the address from the folder, also after the scheduler was replaced.
    """
    parser = argparse.ArgumentParser(prog="python -m smbo_scheduler.clusters.host_agent")
    parser.add_argument("address", nargs="?")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--lifetime", type=float)
    parser.add_argument("--stagger", type=float, default=0.0)
    parser.add_argument("--death-timeout", type=float, default=120.0)
    parser.add_argument("--resource", action="append", default=[], metavar="NAME=AMOUNT")
    parser.add_argument("--held", action="store_true", help="end when standard input does")
    for ignored in ("--nthreads", "--memory-limit"):
        parser.add_argument(ignored)
    given = parser.parse_args(words)
    lifetime = given.lifetime
    if lifetime is not None:
        lifetime = max(1.0, lifetime - random.uniform(0.0, given.stagger))
    return HostAgent(
        given.folder,
        given.name,
        given.workers,
        lifetime_seconds=lifetime,
        death_timeout_seconds=given.death_timeout,
        resources={word.partition("=")[0]: float(word.partition("=")[2]) for word in given.resource},
        holder=sys.stdin.fileno() if given.held else None,
    ).run()


if __name__ == "__main__":
    log_to_output()
    raise SystemExit(main())
