"""Workers on hosts reached by ssh: one connection and one host agent each."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smbo_scheduler.clusters.environment import module_settings, thread_settings
from smbo_scheduler.clusters.queue_report import QueueReport, remove_queue, write_queue
from smbo_scheduler.clusters.specs import AllocationSpec, SshSpec
from smbo_scheduler.clusters.state import clear_trouble, write_trouble
from smbo_scheduler.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Scheduler

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 30.0  # before a host that could not be reached, or was lost, is tried again
_CONNECT_SECONDS = 30.0
_KEEPALIVE_SECONDS = 15.0  # a connection that is silent for three of these is lost


def check_ssh() -> None:
    """Check that connections can be made.

    Raises:
        ClusterError: with what to install.
    """
    if importlib.util.find_spec("asyncssh") is None:
        raise ClusterError("a cluster by ssh needs the package asyncssh: pip install 'smbo[ssh]'")


class SshWorkers:
    """One connection and one ``clusters.host_agent`` for each host, started again when they end."""

    def __init__(self, folder: Path, spec: SshSpec) -> None:
        self._folder, self._spec = folder, spec
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._next_try: dict[str, float] = {}
        self._faults: dict[str, str] = {}
        self._has_worked = False

    def prepare(self, n_workers: int) -> None:
        """Do nothing: workers on a host need a running scheduler."""

    def update(self, spec: SshSpec) -> None:
        """Start hosts by another spec from now on."""
        self._spec = spec
        self._next_try.clear()
        self._faults.clear()
        clear_trouble(self._folder)

    async def maintain(self, scheduler: Scheduler, _n_workers: int) -> None:
        """Keep a connection to each host of the spec; close those to other hosts."""
        here = {str(worker.name).rpartition(".")[0] for worker in scheduler.workers.values()}
        self._has_worked = self._has_worked or bool(here)
        for host in here & set(self._faults):
            del self._faults[host]
            clear_trouble(self._folder)
            tell_faults(self._folder, self._faults)
        for host, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[host]
                self._note_end(host, task)
            elif host not in self._spec.hosts:
                task.cancel()
        for host in self._spec.hosts:
            if host not in self._tasks and time.monotonic() >= self._next_try.get(host, -1e9):
                self._tasks[host] = asyncio.create_task(self._work_on(host, scheduler.address))

    async def restart(self, scheduler: Scheduler, *, is_shared: bool) -> None:
        """Restart each worker, with the present code, after its current evaluation."""
        addresses = [worker.address for worker in scheduler.workers.values()]
        if addresses and not is_shared:
            await scheduler.retire_workers(workers=addresses, close_workers=True, remove=True)

    async def close(self) -> None:
        """Close all connections; remote workers end, since the folder marks the cluster as over."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        remove_queue(self._folder)

    async def _work_on(self, host: str, address: str) -> None:
        """Run a host's workers until they end.

        Raises:
            ClusterError: the host cannot be reached, its key is not the known one, or the workers ended.
        """
        import asyncssh

        options: dict[str, Any] = {"port": self._spec.port, "keepalive_interval": _KEEPALIVE_SECONDS}
        if self._spec.user is not None:
            options["username"] = self._spec.user
        if self._spec.key is not None:
            options["client_keys"] = [self._spec.key]
        if self._spec.known_hosts is not None:
            # without the argument asyncssh reads the user's own file; None would switch the check off
            options["known_hosts"] = self._spec.known_hosts
        log = self._folder / f"host-{file_name(host)}.log"
        try:
            async with asyncssh.connect(host, connect_timeout=_CONNECT_SECONDS, **options) as connection:
                logger.info("%s: connected", host)
                # the agent's standard input stays open as long as this connection; at its end the agent ends
                process = await connection.create_process(
                    command(self._spec, self._folder, host, address), stdout=log, stderr=asyncssh.STDOUT
                )
                ended = await process.wait()
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise ClusterError(f"{type(error).__name__}: {error}") from error
        raise ClusterError(f"its workers ended with exit code {ended.exit_status}{log_tail(log)}")

    def _note_end(self, host: str, task: asyncio.Task[None]) -> None:
        self._next_try[host] = time.monotonic() + _RETRY_SECONDS
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        logger.warning("%s: %s", host, error)
        self._faults[host] = f"{host}: {error}"
        # hosts that have worked come back when the network does
        if set(self._faults) >= set(self._spec.hosts) and not self._has_worked:
            write_trouble(self._folder, "no host starts a worker.  " + "; ".join(self._faults.values()))
        else:
            tell_faults(self._folder, self._faults)


def command(spec: SshSpec, folder: Path, host: str, address: str) -> str:
    """Return the shell command that runs a host's workers."""
    return agent_command(spec, folder, host, address, spec.workers_per_host, is_held=True)


def agent_command(
    spec: SshSpec | AllocationSpec, folder: Path, name: str, address: str, n_workers: int, *, is_held: bool
) -> str:
    """Return the shell command that runs a host agent.

    Args:
        spec: how workers are started.
        folder: folder of the cluster.
        name: common name of the workers.
        address: address of the scheduler, for people who read the command.
        n_workers: number of workers.
        is_held: whether the agent ends when its standard input does.
    """
    words = [spec.python or sys.executable, "-P", "-m", "smbo_scheduler.clusters.host_agent", address]
    words += ["--held"] if is_held else []
    words += ["--folder", str(folder), "--name", name, "--workers", str(n_workers)]
    words += ["--death-timeout", f"{spec.death_timeout_seconds:g}"]
    for resource, amount in spec.resources.items():
        words += ["--resource", f"{resource}={amount:g}"]
    settings = [*thread_settings(spec.threads), *module_settings()]
    return "; ".join([*settings, *spec.prologue, "exec " + shlex.join(words)])


def tell_faults(folder: Path, faults: Mapping[str, str]) -> None:
    """Show which hosts or nodes start no worker at present, for the progress and `smbo status`."""
    if faults:
        write_queue(folder, QueueReport(refusal="no worker on " + "; ".join(faults.values())))
    else:
        remove_queue(folder)


def file_name(host: str) -> str:
    """Return a host's name as part of the name of a file."""
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in host)[:100]


def log_tail(log: Path) -> str:
    """Return the end of a log as the end of a message, empty if there is none."""
    with contextlib.suppress(OSError):
        if text := " ".join(log.read_text(encoding="utf-8", errors="replace")[-400:].split()):
            return f"; the log ends with: {text}"
    return ""
