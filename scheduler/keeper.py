"""The process that keeps a local cluster: ``python -m scheduler.keeper FOLDER``.

It runs Dask's scheduler, starts the workers, starts new ones for those that die, and ends itself
when no driver has been there for a while.  It lives in a session of its own, so that neither
Ctrl-C in the driver's terminal nor the driver's death reaches an evaluation.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dask
from distributed import Scheduler

from scheduler.processes import kill_group, this_process
from scheduler.state import (
    ClusterState,
    Wanted,
    make_certificate,
    read_wanted,
    security_of,
    write_state,
)

_LOOK_SECONDS = 0.2
_RESTART_SECONDS = 1.0  # between two starts in one place: a worker that dies at once must not spin
_MOST_WORKERS = 1024

CONFIG: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,  # a token runs once; trying again is the source's business
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": None,  # an objective in C may hold the interpreter for minutes
    "distributed.scheduler.http.routes": [],  # these pages ask nobody who they are
    "distributed.worker.http.routes": [],
    "distributed.admin.tick.limit": "1h",  # the same objective would fill the log with warnings
}


class Workers:
    """The worker processes, by place; the latest generation only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._retired: list[subprocess.Popen[bytes]] = []
        self._started: dict[int, float] = {}
        self._count = 0

    def keep(self, n_workers: int) -> None:
        """Have this many workers: start what is missing or has died."""
        self._retired = [process for process in self._retired if process.poll() is None]
        for place in range(min(n_workers, _MOST_WORKERS)):
            process = self._processes.get(place)
            dead = process is None or process.poll() is not None
            if dead and time.monotonic() - self._started.get(place, -1e9) >= _RESTART_SECONDS:
                self._processes[place] = self._start(place)
                self._started[place] = time.monotonic()

    def retire(self, first: int) -> list[str]:
        """Count the workers from place ``first`` on as gone, and return their names."""
        places = [place for place in self._processes if place >= first]
        gone = [self._processes.pop(place) for place in places]
        for place in places:
            self._started.pop(place, None)
        self._retired += gone
        return [str(process.pid) for process in gone]

    def kill(self) -> None:
        """End all of them at once, and what they started."""
        processes = [*self._processes.values(), *self._retired]
        for process in processes:
            kill_group(process.pid)
        for process in processes:
            process.wait()

    def _start(self, place: int) -> subprocess.Popen[bytes]:
        with open(self._folder / f"worker-{place}.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "scheduler.worker", str(self._folder), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


async def keep(folder: Path) -> None:
    """Keep a cluster in a folder until it is told to end or nobody wants it."""
    wanted = read_wanted(folder)
    if wanted is None:
        raise SystemExit(f"{folder}/wanted.json does not say what to do")
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    workers = Workers(folder)
    # started before the scheduler: they need as long as it does to load
    workers.keep(wanted.workers)
    try:
        make_certificate(folder)
        security = security_of(folder)
        async with Scheduler(
            host="127.0.0.1",
            port=0,
            protocol="tls" if security else "tcp",
            security=security,
            dashboard=False,
            dashboard_address="127.0.0.1:0",
        ) as scheduler:
            write_state(folder, ClusterState(this_process(), scheduler.address))
            await _serve(folder, scheduler, workers, wanted, over)
            # before the scheduler closes, which would let the workers finish what they run
            (folder / "cluster.json").unlink(missing_ok=True)
            workers.kill()
    finally:
        (folder / "cluster.json").unlink(missing_ok=True)
        workers.kill()
        shutil.rmtree(folder / "dask", ignore_errors=True)


async def _serve(
    folder: Path, scheduler: Scheduler, workers: Workers, wanted: Wanted, over: asyncio.Event
) -> None:
    """Look after the workers until ``over`` is set or nobody has been there for long enough."""
    wanted_by_somebody = time.monotonic()
    while not over.is_set():
        now = time.monotonic()
        latest = read_wanted(folder) or wanted
        if latest.generation != wanted.generation:
            # other drivers' workers are left as they are; this one's client is not connected yet
            await _retire(scheduler, workers.retire(latest.workers if _has_driver(scheduler) else 0))
            wanted_by_somebody = now
        elif latest.workers != wanted.workers:
            await _retire(scheduler, workers.retire(latest.workers))
        wanted = latest
        workers.keep(wanted.workers)
        if _has_driver(scheduler) or _is_at_work(scheduler):
            wanted_by_somebody = now
        if now - wanted_by_somebody > wanted.idle_seconds:
            print(f"no driver for {wanted.idle_seconds} s: ending", flush=True)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _LOOK_SECONDS)


async def _retire(scheduler: Scheduler, names: list[str]) -> None:
    """Give these workers no further task; each ends when its evaluation is done."""
    addresses = [worker.address for worker in scheduler.workers.values() if str(worker.name) in names]
    if addresses:
        await scheduler.retire_workers(workers=addresses, close_workers=True, remove=True)


def _has_driver(scheduler: Scheduler) -> bool:
    return any(name != "fire-and-forget" for name in scheduler.clients)


def _is_at_work(scheduler: Scheduler) -> bool:
    return any(worker.metrics.get("jobs", 0) > 0 for worker in scheduler.workers.values())


def main() -> None:
    """Run the keeper of the folder named on the command line.

    Whoever starts it holds the folder's lock and hands it on as descriptor 3, which stays open
    here, and in no worker, until the end.
    """
    folder = Path(sys.argv[1])
    os.set_inheritable(3, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with dask.config.set(CONFIG):
        asyncio.run(keep(folder))


if __name__ == "__main__":
    main()
