"""Workers on this machine: child processes of the manager."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from smbo_scheduler.clusters.environment import THREADS
from smbo_scheduler.clusters.specs import LocalSpec
from smbo_scheduler.outbox.processes import end_session, kill_group, with_module_path

if TYPE_CHECKING:
    from distributed import Scheduler

logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0  # between two starts of a worker that exits at once
_MOST_WORKERS = 1024


class LocalWorkers:
    """The worker processes, by slot; the latest generation only."""

    def __init__(self, folder: Path, spec: LocalSpec) -> None:
        self._folder = folder
        self._spec = spec
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._retired: list[subprocess.Popen[bytes]] = []
        self._started: dict[int, float] = {}

    def prepare(self, n_workers: int) -> None:
        """Start the workers before the scheduler runs: both take equally long to load."""
        self._maintain(n_workers)

    def update(self, spec: LocalSpec) -> None:
        """Start workers by another spec from now on."""
        self._spec = spec

    async def maintain(self, scheduler: Scheduler, n_workers: int) -> None:
        """Keep this many workers: start missing ones, replace dead ones, retire surplus ones."""
        await self._retire(scheduler, n_workers)
        self._maintain(n_workers)

    async def restart(self, scheduler: Scheduler, *, is_shared: bool) -> None:
        """Replace the workers, unless other drivers use them; each finishes its evaluation."""
        if not is_shared:
            await self._retire(scheduler, 0)

    async def close(self) -> None:
        """Kill all workers and their descendants."""
        processes = [*self._processes.values(), *self._retired]
        for process in processes:
            kill_group(process.pid)
        for process in processes:
            process.wait()
            end_session(process.pid)

    def _maintain(self, n_workers: int) -> None:
        self._retired = [process for process in self._retired if process.poll() is None]
        for place in range(min(n_workers, _MOST_WORKERS)):
            process = self._processes.get(place)
            dead = process is None or process.poll() is not None
            if dead and time.monotonic() - self._started.get(place, -1e9) >= _RESTART_SECONDS:
                if process is not None:
                    logger.warning("worker %d (process %d) ended: %s", place, process.pid, process.returncode)
                    end_session(process.pid)  # what an evaluation had started there
                self._processes[place] = self._start(place)
                self._started[place] = time.monotonic()
                logger.info("worker %d is process %d", place, self._processes[place].pid)

    async def _retire(self, scheduler: Scheduler, first: int) -> None:
        """Retire the workers from slot ``first`` on; each exits when its evaluation is done."""
        places = [place for place in self._processes if place >= first]
        gone = [self._processes.pop(place) for place in places]
        for place in places:
            self._started.pop(place, None)
        self._retired += gone
        names = {str(process.pid) for process in gone}
        if gone:
            logger.info("workers %s end after their evaluation", ", ".join(map(str, places)))
        addresses = [worker.address for worker in scheduler.workers.values() if str(worker.name) in names]
        if addresses:
            await scheduler.retire_workers(workers=addresses, close_workers=True, remove=True)

    def _start(self, place: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-P", "-m", "smbo_scheduler.clusters.worker", str(self._folder)]
        words += ["--parent", str(os.getpid()), "--resources", json.dumps(dict(self._spec.resources))]
        threads = dict.fromkeys(THREADS, str(self._spec.threads))
        with open(self._folder / f"worker-{place}.log", "ab") as log:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**threads, **with_module_path(os.environ)},
            )
