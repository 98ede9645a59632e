"""The process that keeps a cluster of ours: ``python -m smbo_scheduler.clusters.manager FOLDER``.

It runs Dask's scheduler, has workers started, has new ones started for those that die, and ends
itself when no driver has been there for a while.  It lives in a session of its own, so that neither
Ctrl-C in the driver's terminal nor the driver's death reaches an evaluation.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import dask
from distributed import Scheduler

from smbo_scheduler.clusters.local_workers import LocalFleet
from smbo_scheduler.clusters.specs import BatchPlan, LocalPlan, Plan, SshPlan, entrance_of, plan_from_plain
from smbo_scheduler.clusters.state import (
    ClusterState,
    Wanted,
    make_certificate,
    read_wanted,
    remove_certificate,
    say_over,
    security_of,
    write_state,
)
from smbo_scheduler.clusters.worker import CONFIG
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.outbox.processes import this_process

_LOOK_SECONDS = 0.2


class Fleet(Protocol):
    """The workers of a cluster: where they come from is its own business."""

    def prepare(self, n_workers: int) -> None:
        """Do what can be done before there is a scheduler."""
        ...

    def change(self, plan: Any) -> None:
        """Go by another plan of the same kind from now on."""
        ...

    async def keep(self, scheduler: Scheduler, n_workers: int, /) -> None:
        """Have this many workers; called again and again."""
        ...

    async def renew(self, scheduler: Scheduler, *, is_shared: bool) -> None:
        """Have workers that load today's code, unless other drivers share those there are."""
        ...

    async def end(self) -> None:
        """End all workers at once."""
        ...


def fleet_of(folder: Path, plan: Plan) -> Fleet:
    """Return the fleet that a plan asks for."""
    match plan:
        case LocalPlan():
            return LocalFleet(folder, plan)
        case BatchPlan():
            from smbo_scheduler.clusters.batch_workers import BatchFleet

            return BatchFleet(folder, plan)
        case SshPlan():
            from smbo_scheduler.clusters.ssh_workers import SshFleet

            return SshFleet(folder, plan)


async def keep(folder: Path) -> None:
    """Keep a cluster in a folder until it is told to end or nobody wants it."""
    wanted = read_wanted(folder)
    if wanted is None:
        raise SystemExit(f"{folder}/wanted.json does not say what to do")
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    plan = plan_from_plain(wanted.plan)
    (folder / "over").unlink(missing_ok=True)
    fleet = fleet_of(folder, plan)
    fleet.prepare(wanted.workers)
    try:
        remove_certificate(folder) if wanted.insecure else make_certificate(folder)
        async with _scheduler(folder, plan) as scheduler:
            write_state(folder, ClusterState(this_process(), scheduler.address))
            await _serve(folder, scheduler, fleet, wanted, over)
            # before the scheduler closes, which would let the workers finish what they run
            (folder / "cluster.json").unlink(missing_ok=True)
            say_over(folder)
            await fleet.end()
    finally:
        (folder / "cluster.json").unlink(missing_ok=True)
        say_over(folder)
        await fleet.end()
        shutil.rmtree(folder / "dask", ignore_errors=True)


def _scheduler(folder: Path, plan: Plan) -> Scheduler:
    entrance = entrance_of(plan)
    security = security_of(folder)
    host = {"interface": entrance.interface} if entrance.interface else {"host": entrance.host or _own_host()}
    return Scheduler(
        **host,
        port=entrance.port,
        protocol="tls" if security else "tcp",
        security=security,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
    )


def _own_host() -> str:
    from distributed.utils import get_ip

    return str(get_ip())


async def _serve(
    folder: Path, scheduler: Scheduler, fleet: Fleet, wanted: Wanted, over: asyncio.Event
) -> None:
    """Look after the workers until ``over`` is set or nobody has been there for long enough."""
    wanted_by_somebody = time.monotonic()
    while not over.is_set():
        now = time.monotonic()
        latest = read_wanted(folder) or wanted
        if latest.generation != wanted.generation:
            fleet.change(plan_from_plain(latest.plan))
            # other drivers' workers are left as they are; this one's client is not connected yet
            await fleet.renew(scheduler, is_shared=_has_driver(scheduler))
            wanted_by_somebody = now
        wanted = latest
        try:
            await fleet.keep(scheduler, wanted.workers)
        except ClusterError as error:
            print(error, flush=True)
        if _has_driver(scheduler) or _is_at_work(scheduler):
            wanted_by_somebody = now
        if now - wanted_by_somebody > wanted.idle_seconds:
            print(f"no driver for {wanted.idle_seconds} s: ending", flush=True)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _LOOK_SECONDS)


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
