"""The cluster manager, a daemon: ``python -m smbo_scheduler.clusters.manager FOLDER``.

The manager runs Dask's scheduler, starts workers, replaces those that die, and exits when no driver has been
connected for the idle time.  It has a session of its own, so that neither Ctrl-C in the driver's terminal nor
the driver's death reaches an evaluation.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import dask
from distributed import Scheduler

from smbo_scheduler.clusters.local_workers import LocalWorkers
from smbo_scheduler.clusters.log_files import log_to_output
from smbo_scheduler.clusters.specs import (
    AllocationSpec,
    BatchSpec,
    ClusterSpec,
    LocalSpec,
    SshSpec,
    scheduler_options_of,
    spec_from_json,
)
from smbo_scheduler.clusters.state import (
    ClusterState,
    Wanted,
    make_certificate,
    mark_over,
    read_wanted,
    remove_certificate,
    security_of,
    write_state,
)
from smbo_scheduler.clusters.worker import CONFIG
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.outbox.processes import restore_module_path, this_process

# not __name__: the module is run as a program
logger = logging.getLogger("smbo_scheduler.clusters.manager")

_LOOK_SECONDS = 0.2


class Workers(Protocol):
    """The workers of a cluster: local, in batch jobs, or by ssh."""

    def prepare(self, n_workers: int) -> None:
        """Prepare workers before the scheduler runs."""
        ...

    def update(self, spec: Any) -> None:
        """Start workers by another spec of the same kind from now on."""
        ...

    async def maintain(self, scheduler: Scheduler, n_workers: int, /) -> None:
        """Start or retire workers until there are ``n_workers``; called repeatedly."""
        ...

    async def restart(self, scheduler: Scheduler, *, is_shared: bool) -> None:
        """Replace the workers by ones that load the present code, unless other drivers use them."""
        ...

    async def close(self) -> None:
        """End all workers at once."""
        ...


def workers_of(folder: Path, spec: ClusterSpec) -> Workers:
    """Return the workers of a spec."""
    match spec:
        case LocalSpec():
            return LocalWorkers(folder, spec)
        case BatchSpec():
            from smbo_scheduler.clusters.batch_workers import BatchWorkers

            return BatchWorkers(folder, spec)
        case SshSpec():
            from smbo_scheduler.clusters.ssh_workers import SshWorkers

            return SshWorkers(folder, spec)
        case AllocationSpec():
            from smbo_scheduler.clusters.allocation_workers import AllocationWorkers

            return AllocationWorkers(folder, spec)


async def manage(folder: Path) -> None:
    """Run a folder's cluster until SIGTERM, or until no driver has used it for its idle time."""
    wanted = read_wanted(folder)
    if wanted is None:
        raise SystemExit(f"{folder}/wanted.json is missing or not whole")
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    os.environ.update(wanted.environment)
    spec = spec_from_json(wanted.spec)
    (folder / "over").unlink(missing_ok=True)
    workers = workers_of(folder, spec)
    workers.prepare(wanted.workers)
    try:
        remove_certificate(folder) if wanted.insecure else make_certificate(folder)
        async with _scheduler(folder, spec) as scheduler:
            write_state(folder, ClusterState(this_process(), scheduler.address))
            logger.info("process %d serves %s", os.getpid(), scheduler.address)
            await _serve(folder, scheduler, workers, wanted, over)
            logger.info("ending all workers")
            # before the scheduler closes, after which workers would finish their evaluations
            (folder / "cluster.json").unlink(missing_ok=True)
            mark_over(folder)
            await workers.close()
    finally:
        (folder / "cluster.json").unlink(missing_ok=True)
        mark_over(folder)
        await workers.close()
        shutil.rmtree(folder / "dask", ignore_errors=True)


def _scheduler(folder: Path, spec: ClusterSpec) -> Scheduler:
    options = scheduler_options_of(spec)
    security = security_of(folder)
    host = {"interface": options.interface} if options.interface else {"host": options.host or _own_host()}
    return Scheduler(
        **host,
        port=options.port,
        protocol="tls" if security else "tcp",
        security=security,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
    )


def _own_host() -> str:
    from distributed.utils import get_ip

    return str(get_ip())


async def _serve(
    folder: Path, scheduler: Scheduler, workers: Workers, wanted: Wanted, over: asyncio.Event
) -> None:
    """Maintain the workers until ``over`` is set, or no driver has been connected for the idle time."""
    last_used = time.monotonic()
    while not over.is_set():
        now = time.monotonic()
        latest = read_wanted(folder) or wanted
        if latest.generation != wanted.generation:
            os.environ.update(latest.environment)  # a later login has its credentials elsewhere
            workers.update(spec_from_json(latest.spec))
            # workers of other drivers are not restarted; this driver's client is not connected yet
            await workers.restart(scheduler, is_shared=_has_driver(scheduler))
            last_used = now
            logger.info("another driver: %d workers, with the present code", latest.workers)
        wanted = latest
        try:
            await workers.maintain(scheduler, wanted.workers)
        except ClusterError as error:
            logger.error("%s", error)
        if _has_driver(scheduler) or _is_at_work(scheduler):
            last_used = now
        if now - last_used > wanted.idle_seconds:
            logger.info("no driver for %g s: ending", wanted.idle_seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _LOOK_SECONDS)


def _has_driver(scheduler: Scheduler) -> bool:
    return any(name != "fire-and-forget" for name in scheduler.clients)


def _is_at_work(scheduler: Scheduler) -> bool:
    return any(worker.metrics.get("jobs", 0) > 0 for worker in scheduler.workers.values())


def main() -> None:
    """Run the manager of the folder named on the command line.

    The starting process holds the folder's lock and passes it on as descriptor 3, which stays open in the
    manager, and in no worker, until it exits.
    """
    folder = Path(sys.argv[1])
    restore_module_path(os.environ)
    log_to_output()
    os.set_inheritable(3, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with dask.config.set(CONFIG):
        asyncio.run(manage(folder))


if __name__ == "__main__":
    main()
