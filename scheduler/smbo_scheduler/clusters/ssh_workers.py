"""Workers on hosts reached by ssh: one connection and one host agent each."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smbo_scheduler.clusters.specs import SshSpec
from smbo_scheduler.clusters.state import clear_trouble, write_trouble
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.outbox.processes import module_path

if TYPE_CHECKING:
    from distributed import Scheduler

_RETRY_SECONDS = 30.0  # before a host that could not be reached, or was lost, is tried again
_CONNECT_SECONDS = 30.0
_KEEPALIVE_SECONDS = 15.0  # a connection that is silent for three of these is lost
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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
        for host in here & set(self._faults):
            del self._faults[host]
            clear_trouble(self._folder)
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
        log = self._folder / f"host-{_file_name(host)}.log"
        try:
            async with asyncssh.connect(host, connect_timeout=_CONNECT_SECONDS, **options) as connection:
                print(f"{host}: connected", flush=True)
                # the agent's standard input stays open as long as this connection; at its end the agent ends
                process = await connection.create_process(
                    command(self._spec, self._folder, host, address), stdout=log, stderr=asyncssh.STDOUT
                )
                ended = await process.wait()
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise ClusterError(f"{type(error).__name__}: {error}") from error
        raise ClusterError(f"its workers ended with exit code {ended.exit_status}{_tail(log)}")

    def _note_end(self, host: str, task: asyncio.Task[None]) -> None:
        self._next_try[host] = time.monotonic() + _RETRY_SECONDS
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        print(f"{host}: {error}", flush=True)
        self._faults[host] = f"{host}: {error}"
        if set(self._faults) >= set(self._spec.hosts):
            write_trouble(self._folder, "no host starts a worker.  " + "; ".join(self._faults.values()))


def command(spec: SshSpec, folder: Path, host: str, address: str) -> str:
    """Return the shell command that runs a host's workers."""
    environment = {**dict.fromkeys(_THREADS, "1"), "PYTHONPATH": module_path()}
    words = [
        spec.python or sys.executable,
        "-P",
        "-m",
        "smbo_scheduler.clusters.host_agent",
        address,
        "--held",
    ]
    words += ["--folder", str(folder), "--name", host, "--workers", str(spec.workers_per_host)]
    words += ["--death-timeout", f"{spec.death_timeout_seconds:g}"]
    for name, amount in spec.resources.items():
        words += ["--resource", f"{name}={amount:g}"]
    settings = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "; ".join([*settings, *spec.prologue, "exec " + shlex.join(words)])


def _file_name(host: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in host)[:100]


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        if text := " ".join(log.read_text(encoding="utf-8", errors="replace")[-400:].split()):
            return f"; the log ends with: {text}"
    return ""
