"""One Dask worker of a managed cluster: ``python -m smbo_scheduler.clusters.worker FOLDER``.

The worker runs one evaluation at a time.  When its scheduler is gone, or on SIGTERM, it finishes the current
evaluation, whose outcome is left in the spool, and then exits.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Worker

from smbo_scheduler.clusters.log_files import log_to_output
from smbo_scheduler.clusters.state import is_over, read_last_state, read_state, security_of
from smbo_scheduler.outbox.processes import restore_module_path
from smbo_scheduler.worker.runner import running_jobs

# not __name__: the module is run as a program
logger = logging.getLogger("smbo_scheduler.clusters.worker")

NO_SCHEDULER = 3  # exit code: no scheduler was found in time

CONFIG: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,  # a token runs once; retries are decided by the source
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": None,  # an objective in C may hold the interpreter for minutes
    "distributed.scheduler.http.routes": [],  # these pages have no authentication
    "distributed.worker.http.routes": [],
    "distributed.admin.tick.limit": "1h",  # the same objective would fill the log with warnings
}

_LOOK_SECONDS = 0.02
_LOOK_AWAY_SECONDS = 1.0  # the same interval on a shared disk, with a thousand workers
_CONNECT_SECONDS = 20.0


@dataclass(frozen=True)
class Options:
    """The command line of a worker.

    Attributes:
        folder: folder of the cluster.
        parent: pid of the process that started the worker; when it exits, so does the worker.
        name: name of the Dask worker.
        is_away: whether the scheduler is on another machine, so that its process cannot be watched.
        death_timeout_seconds: how long to look for a scheduler.
        resources: Dask resources for evaluations.
    """

    folder: Path
    parent: int
    name: str
    is_away: bool
    death_timeout_seconds: float
    resources: dict[str, float]


async def work(options: Options) -> int:
    """Work for the folder's cluster until it ends, finish the current evaluation, return the exit code."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    until = time.monotonic() + options.death_timeout_seconds
    while True:
        address = await _find_scheduler(options, until, stopping)
        if address is None:
            return 0 if stopping.is_set() else NO_SCHEDULER
        try:
            worker = await _join_while_wanted(options, address, stopping)
            if worker is not None:
                logger.info("worker %s, process %d, works for %s", options.name, os.getpid(), address)
                break
        except (OSError, TimeoutError, RuntimeError, ValueError) as error:
            logger.warning("no scheduler at %s: %s", address, error)
            if time.monotonic() > until:
                return NO_SCHEDULER
            await asyncio.sleep(_LOOK_AWAY_SECONDS)
    await _serve(worker, stopping)
    # an evaluation that no driver waits for must not occupy a batch system
    while running_jobs() and not (options.is_away and is_over(options.folder)):
        await asyncio.sleep(0.2)
    return 0


async def _join_while_wanted(options: Options, address: str, stopping: asyncio.Event) -> Worker | None:
    """Return a worker registered with a scheduler, None if its parent or cluster ends meanwhile.

    Raises:
        OSError, TimeoutError, RuntimeError, ValueError: the scheduler cannot be reached.
    """
    joining = asyncio.ensure_future(_join(options, address))
    while not joining.done():
        await asyncio.wait((joining,), timeout=_LOOK_AWAY_SECONDS)
        # Dask itself would retry for half a minute, while the next scheduler already has its workers
        if not joining.done() and (os.getppid() != options.parent or stopping.is_set()):
            joining.cancel()
            return None
    return joining.result()


async def _join(options: Options, address: str) -> Worker:
    """Return a worker registered with a scheduler.

    Raises:
        OSError, TimeoutError, RuntimeError, ValueError: the scheduler cannot be reached.
    """
    # on a shared disk the files of thousands of workers would collide
    scratch = tempfile.mkdtemp(prefix="smbo-") if options.is_away else str(options.folder / "dask")
    return await Worker(
        address,
        nthreads=1,
        name=options.name,
        host=_own_address(address) if options.is_away else "127.0.0.1",
        security=security_of(options.folder),
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        memory_limit=0,  # limits are enforced by the runner; Dask would pause, then kill
        local_directory=scratch,
        metrics={"jobs": _count_jobs},
        resources=options.resources or None,
        death_timeout=_CONNECT_SECONDS if options.is_away else None,
    )


async def _serve(worker: Worker, stopping: asyncio.Event) -> None:
    """Wait until the worker is closed, and close it when a stop is requested."""
    asked = asyncio.ensure_future(stopping.wait())
    finished = asyncio.ensure_future(worker.finished())
    await asyncio.wait((asked, finished), return_when=asyncio.FIRST_COMPLETED)
    if not finished.done():
        # retire at the scheduler first, so that it sends no new evaluation while this one finishes
        await worker.close_gracefully(reason="asked to end")
    asked.cancel()


async def _find_scheduler(options: Options, until: float, stopping: asyncio.Event) -> str | None:
    """Return the address of the cluster's scheduler; None if there is none, or the cluster is over."""
    while os.getppid() == options.parent and not stopping.is_set():
        if options.is_away:
            if is_over(options.folder) or time.monotonic() > until:
                return None
            state = read_last_state(options.folder)
        else:
            state = read_state(options.folder)
            state = state if state is not None and state.manager.pid == options.parent else None
        if state is not None:
            return state.address
        await asyncio.sleep(_LOOK_AWAY_SECONDS if options.is_away else _LOOK_SECONDS)
    return None


def _own_address(scheduler: str) -> str:
    """Return this machine's address on the route to a scheduler: the worker listens on no other."""
    parts = urlsplit(scheduler)
    with socket.socket(
        socket.AF_INET6 if ":" in str(parts.hostname) else socket.AF_INET, socket.SOCK_DGRAM
    ) as probe:
        probe.connect((parts.hostname, parts.port or 1))  # sends nothing
        return str(probe.getsockname()[0])


async def _count_jobs(_worker: Any) -> int:
    return running_jobs()


def read_options(words: Sequence[str]) -> Options:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python -m smbo_scheduler.clusters.worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parent", type=int, default=os.getppid())
    parser.add_argument("--name", default=str(os.getpid()))
    parser.add_argument("--away", action="store_true")
    parser.add_argument("--death-timeout", type=float, default=120.0)
    parser.add_argument("--resources", type=json.loads, default={})
    given = parser.parse_args(words)
    return Options(
        given.folder, given.parent, given.name, given.away, given.death_timeout, dict(given.resources)
    )


def main() -> None:
    """Run the worker by the options on the command line."""
    restore_module_path(os.environ)
    log_to_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with dask.config.set(CONFIG):
        code = asyncio.run(work(read_options(sys.argv[1:])))
    sys.stdout.flush()
    # exit at once: Dask's threads, or those of an objective, must not keep the process
    os._exit(code)


if __name__ == "__main__":
    main()
