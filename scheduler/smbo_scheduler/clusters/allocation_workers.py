"""Workers on the nodes of the allocation in which the manager runs: one host agent each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from smbo_scheduler.clusters.queue_report import remove_queue
from smbo_scheduler.clusters.refusals import RefusalKind, refusal_kind
from smbo_scheduler.clusters.specs import AllocationSpec
from smbo_scheduler.clusters.ssh_workers import agent_command, file_name, log_tail, tell_faults
from smbo_scheduler.clusters.state import clear_trouble, write_trouble

if TYPE_CHECKING:
    from distributed import Scheduler

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 10.0  # before an agent that ended is started again
_END_SECONDS = 5.0


class AllocationWorkers:
    """One ``clusters.host_agent`` on each node, started again when it ends."""

    def __init__(self, folder: Path, spec: AllocationSpec) -> None:
        self._folder, self._spec = folder, spec
        self._agents: dict[str, asyncio.subprocess.Process] = {}
        self._next_try: dict[str, float] = {}
        self._faults: dict[str, str] = {}
        self._has_worked = False

    def prepare(self, n_workers: int) -> None:
        """Do nothing: workers on a node need a running scheduler."""

    def update(self, spec: AllocationSpec) -> None:
        """Start agents by another spec from now on."""
        self._spec = spec
        self._next_try.clear()
        self._faults.clear()
        clear_trouble(self._folder)

    async def maintain(self, scheduler: Scheduler, _n_workers: int) -> None:
        """Keep an agent on each node."""
        for node in {str(worker.name).rpartition(".")[0] for worker in scheduler.workers.values()}:
            self._has_worked = True
            if self._faults.pop(node, None) is not None:
                clear_trouble(self._folder)
                tell_faults(self._folder, self._faults)
        for node, agent in list(self._agents.items()):
            if agent.returncode is not None:
                del self._agents[node]
                self._note_end(node, agent.returncode)
        for node in self._spec.workers:
            if node not in self._agents and time.monotonic() >= self._next_try.get(node, -1e9):
                self._agents[node] = await self._start(node, scheduler.address)

    async def restart(self, scheduler: Scheduler, *, is_shared: bool) -> None:
        """Restart each worker, with the present code, after its current evaluation."""
        addresses = [worker.address for worker in scheduler.workers.values()]
        if addresses and not is_shared:
            await scheduler.retire_workers(workers=addresses, close_workers=True, remove=True)

    async def close(self) -> None:
        """End all agents; the folder marks the cluster as over, so that they end their workers at once."""
        agents = [agent for agent in self._agents.values() if agent.returncode is None]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(agent.wait() for agent in agents)), _END_SECONDS)
        for agent in agents:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(agent.pid, signal.SIGKILL)
        self._agents.clear()
        remove_queue(self._folder)

    async def _start(self, node: str, address: str) -> asyncio.subprocess.Process:
        n_workers = self._spec.workers[node]
        cores = str(n_workers * self._spec.threads)
        launch = [word.replace("{node}", node).replace("{cores}", cores) for word in self._spec.launch]
        command = agent_command(self._spec, self._folder, node, address, n_workers, is_held=False)
        with open(self._log(node), "ab") as log:
            return await asyncio.create_subprocess_exec(
                *launch,
                "/bin/sh",
                "-c",
                command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _note_end(self, node: str, code: int) -> None:
        self._next_try[node] = time.monotonic() + _RETRY_SECONDS
        self._faults[node] = f"{node}: its workers ended with exit code {code}{log_tail(self._log(node))}"
        logger.warning("%s", self._faults[node])
        passes = self._has_worked or refusal_kind(self._faults[node]) is RefusalKind.PASSING
        if passes or not set(self._faults) >= set(self._spec.workers):
            tell_faults(self._folder, self._faults)
        else:
            how = shlex.join(self._spec.launch) or "this machine"
            faults = "; ".join(self._faults.values())
            write_trouble(self._folder, f"no node of the allocation starts a worker ({how}).  {faults}")

    def _log(self, node: str) -> Path:
        return self._folder / f"node-{file_name(node)}.log"
