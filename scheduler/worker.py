"""One worker of a local cluster: ``python -m scheduler.worker FOLDER KEEPER_PID``.

It runs one evaluation at a time.  When its scheduler goes away it finishes what it runs, which
leaves the outcome in the spool, and then ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import dask
from distributed import Worker

from scheduler.keeper import CONFIG
from scheduler.runner import running_jobs
from scheduler.state import ClusterState, read_state, security_of

_LOOK_SECONDS = 0.02


async def work(folder: Path, keeper_pid: int) -> None:
    """Work for the folder's cluster until it ends, and finish what is under way then."""
    state = await _wait_for_cluster(folder, keeper_pid)
    if state is None:
        return
    worker = Worker(
        state.address,
        nthreads=1,
        name=str(os.getpid()),
        host="127.0.0.1",
        security=security_of(folder),
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        memory_limit=0,  # limits are the runner's business; Dask would pause, then kill
        local_directory=str(folder / "dask"),
        metrics={"jobs": _count_jobs},
    )
    async with worker:
        await worker.finished()
    while running_jobs():
        await asyncio.sleep(0.2)


async def _wait_for_cluster(folder: Path, keeper_pid: int) -> ClusterState | None:
    """Return the keeper's cluster once its scheduler listens, None if the keeper is gone."""
    while os.getppid() == keeper_pid:
        state = read_state(folder)
        if state is not None and state.keeper.pid == keeper_pid:
            return state
        await asyncio.sleep(_LOOK_SECONDS)
    return None


async def _count_jobs(_worker: Any) -> int:
    return running_jobs()


def main() -> None:
    """Run the worker that the command line describes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with dask.config.set(CONFIG):
        asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
    sys.stdout.flush()
    # Dask's threads, and what an objective left behind, must not hold the process
    os._exit(0)


if __name__ == "__main__":
    main()
