"""Managed Dask clusters, which outlive the driver that starts them.

A driver starts a cluster, or adopts the one that an earlier driver started.  Address, certificates and logs
of a cluster are in one folder that only its owner can enter.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from smbo_scheduler.clusters.batch_jobs import check_batch
from smbo_scheduler.clusters.environment import credentials_of
from smbo_scheduler.clusters.log_files import LogFile
from smbo_scheduler.clusters.queue_report import QueueReport, read_queue
from smbo_scheduler.clusters.specs import (
    BatchSpec,
    ClusterSpec,
    LocalSpec,
    SshSpec,
    n_workers_of,
    scheduler_options_of,
    spec_from_json,
    spec_to_json,
)
from smbo_scheduler.clusters.ssh_workers import check_ssh
from smbo_scheduler.clusters.state import (
    ClusterState,
    Wanted,
    check_cryptography,
    clear_trouble,
    make_state_folder,
    read_last_state,
    read_state,
    read_trouble,
    read_wanted,
    security_of,
    write_wanted,
)
from smbo_scheduler.errors import ClusterError
from smbo_scheduler.outbox.processes import with_module_path

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.02
_STOP_SECONDS = 5.0
_STOP_AWAY_SECONDS = 90.0  # a batch system may be slow to remove jobs from its queue


@dataclass(frozen=True)
class ManagedCluster:
    """A cluster that outlives the driver; make it with ``start_cluster``.

    Attributes:
        folder: state through which manager, workers and drivers find each other, and logs.
        adopted: whether the cluster was running already, started by an earlier driver.
        start_seconds: how long to wait for the scheduler.
    """

    folder: Path
    adopted: bool
    start_seconds: float = 30.0

    def connect(self, timeout_seconds: float = 10.0) -> Client:
        """Return a client of the cluster; start the cluster again first if it is gone.

        Args:
            timeout_seconds: how long the client tries to reach the scheduler, now and whenever the
                connection is lost; then the client closes for good, and ``connect`` must be called again.

        Raises:
            ClusterError: the cluster does not start; the message holds the end of its log.
        """
        from distributed import Client

        state = self._wait()
        log_to_file(self.folder / "driver.log")
        logger.info("connecting to the cluster's scheduler at %s", state.address)
        try:
            return Client(
                state.address,
                security=security_of(self.folder),
                set_as_default=False,
                timeout=timeout_seconds,
            )
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"no connection to the cluster at {state.address}: {error}") from error

    def is_lost(self, client: Client) -> bool:
        """Return whether the scheduler that a client tries to reach is gone for good."""
        state = read_last_state(self.folder)
        if state is None or state.address != getattr(client.scheduler, "address", None):
            return True
        return state.manager.is_here and not state.manager.is_alive

    def stop(self) -> None:
        """End the cluster and its running evaluations."""
        state = read_state(self.folder)
        if state is None:
            return
        logger.info("ending the cluster in %s, process %d", self.folder, state.manager.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.manager.pid, signal.SIGTERM)
        until = time.monotonic() + (_STOP_SECONDS if self._is_here() else _STOP_AWAY_SECONDS)
        while state.manager.is_alive and time.monotonic() < until:
            _reap()
            time.sleep(_LOOK_SECONDS)
        if state.manager.is_alive:
            logger.warning("the cluster's process %d did not end, and is killed", state.manager.pid)
            os.kill(state.manager.pid, signal.SIGKILL)
        _reap()

    def scale(self, n_workers: int) -> None:
        """Request this number of workers, as ``Cluster.scale`` of Dask; fixed hosts do not change."""
        wanted = read_wanted(self.folder)
        if wanted is not None and wanted.workers != n_workers:
            logger.info("%d workers are of use, %d before", n_workers, wanted.workers)
            write_wanted(self.folder, replace(wanted, workers=n_workers))

    def check(self) -> None:
        """Check that workers may still start.

        Raises:
            ClusterError: no worker can start; the message holds the reason.
        """
        trouble = read_trouble(self.folder)
        if trouble is not None:
            raise ClusterError(f"no worker starts: {trouble}")

    def queue(self) -> QueueReport | None:
        """Return what the cluster's batch jobs wait for, None where there are none."""
        return read_queue(self.folder, is_here=read_state(self.folder) is not None)

    def _is_here(self) -> bool:
        wanted = read_wanted(self.folder)
        return wanted is None or isinstance(spec_from_json(wanted.spec), LocalSpec)

    def _wait(self) -> ClusterState:
        """Return the state of the cluster once it is up; start a manager if none runs."""
        until = time.monotonic() + self.start_seconds
        log, has_started = self.folder / "manager.log", False
        while (state := read_state(self.folder)) is None:
            if _start_manager(self.folder):
                if has_started:
                    raise ClusterError(f"the cluster did not start:\n{_tail(log)}")
                has_started = True
            if time.monotonic() > until:
                raise ClusterError(
                    f"the cluster did not start within {self.start_seconds} s{_elsewhere(self.folder)}:\n"
                    + _tail(log)
                )
            time.sleep(_LOOK_SECONDS)
        return state


def start_local(
    folder: str | Path, n_workers: int, *, idle_seconds: float = 600.0, insecure: bool = False
) -> ManagedCluster:
    """Start a cluster of processes on this machine: ``start_cluster`` with a ``LocalSpec``."""
    return start_cluster(folder, LocalSpec(), n_workers, idle_seconds=idle_seconds, insecure=insecure)


def start_cluster(
    folder: str | Path,
    spec: ClusterSpec,
    n_workers: int,
    *,
    idle_seconds: float = 600.0,
    insecure: bool = False,
) -> ManagedCluster:
    """Start a cluster by a spec, or adopt the one that lives in ``folder``.

    Returns at once; ``connect`` waits.  Evaluations that an earlier driver started continue, and leave
    their outcomes in the spool; new ones run on workers that load the present code.

    Args:
        folder: for this cluster alone; workers on other machines need to reach it under this path.
        spec: where the workers come from.
        n_workers: number of workers; each runs one evaluation at a time.
        idle_seconds: time without a driver and a running evaluation after which the cluster ends, and
            removes its jobs from the queue.
        insecure: do not encrypt connections: whoever reaches them can run programs.

    Raises:
        ClusterError: the folder cannot be used, a number is out of range, a package is not
            installed, or the running cluster there has other scheduler options.
    """
    if n_workers < 1:
        raise ClusterError(f"workers is {n_workers}; a cluster needs at least one")
    if not idle_seconds > 0:
        raise ClusterError(f"idle_seconds is {idle_seconds}; it must be positive")
    check_installed(spec, insecure=insecure)
    folder = Path(folder).absolute()
    make_state_folder(folder)
    (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    _check_same_scheduler(folder, spec, insecure)
    wanted = Wanted(
        n_workers_of(spec, n_workers),
        idle_seconds,
        uuid.uuid4().hex,
        spec_to_json(spec),
        insecure,
        credentials_of(os.environ),
    )
    clear_trouble(folder)
    write_wanted(folder, wanted)
    adopted = not _start_manager(folder)
    logger.info("the cluster in %s is %s", folder, "running already" if adopted else "started")
    return ManagedCluster(folder, adopted=adopted)


def check_installed(spec: ClusterSpec, *, insecure: bool = False) -> None:
    """Check that the packages for a cluster of this spec are installed.

    Raises:
        ClusterError: with what to install.
    """
    if not insecure:
        check_cryptography()
    if isinstance(spec, BatchSpec):
        check_batch()
    if isinstance(spec, SshSpec):
        check_ssh()


def _check_same_scheduler(folder: Path, spec: ClusterSpec, insecure: bool) -> None:
    """Refuse to adopt a cluster whose scheduler listens elsewhere or is encrypted otherwise."""
    state, earlier = read_state(folder), read_wanted(folder)
    if state is None or earlier is None:
        return
    before = spec_from_json(earlier.spec)
    alike = type(before) is type(spec) and scheduler_options_of(before) == scheduler_options_of(spec)
    if not alike or earlier.insecure != insecure:
        raise ClusterError(
            f"the cluster of an earlier run still listens at {state.address}, with another host, port or "
            f"encryption than is asked for now; it ends by itself {earlier.idle_seconds:g} s after its last "
            f"evaluation, or with `kill {state.manager.pid}`"
        )


def _elsewhere(folder: Path) -> str:
    state = read_last_state(folder)
    if state is None or state.manager.is_here:
        return ""
    return (
        f"; its manager is process {state.manager.pid} on {state.manager.host}: run this there, or end that"
    )


def log_to_file(log: Path) -> None:
    """Send Dask's log messages in this process to a file instead of the terminal.

    A program that has a file for them already, as the command line has, keeps that.
    """
    import distributed  # noqa: F401  its import sets up the handlers that are replaced here

    files = [
        each for each in logging.getLogger("distributed").handlers if isinstance(each, logging.FileHandler)
    ]
    if any(not isinstance(each, _ClusterLog) for each in files):
        return
    handler = _ClusterLog(log)
    names = ("distributed", *(name for name in logging.root.manager.loggerDict if _is_dasks(name)))
    for name in names:
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        logger.propagate = True  # Dask lets some of them speak for themselves
    logging.getLogger("distributed").addHandler(handler)
    logging.getLogger("distributed").propagate = False


class _ClusterLog(LogFile):
    """The file of ``log_to_file``."""


def _is_dasks(name: str) -> bool:
    return name.startswith("distributed.")


def _start_manager(folder: Path) -> bool:
    """Start a manager in a session of its own; return False if the folder has one already."""
    with _lock(folder) as lock:
        if lock is None:
            return False
        (folder / "cluster.json").unlink(missing_ok=True)
        environment = with_module_path(os.environ)
        log = os.open(folder / "manager.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        # the lock is inherited: the manager holds it from its start to its exit
        actions = [(os.POSIX_SPAWN_DUP2, *pair) for pair in ((nothing, 0), (log, 1), (log, 2), (lock, 3))]
        try:
            # not subprocess, which warns when a child outlives its Popen object
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", "smbo_scheduler.clusters.manager", str(folder)],
                environment,
                file_actions=actions,
                setsid=True,
            )
        finally:
            os.close(log)
            os.close(nothing)
    _started.append(pid)
    return True


_started: list[int] = []  # pids of our children, to be reaped when they have exited


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[int | None]:
    """Hold the lock of a folder and yield its descriptor, or None if another process holds it."""
    # far from 3, its number in the manager: a descriptor duplicated onto itself would be closed there
    with open(folder / "lock", "ab") as file:
        descriptor = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 10)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield None
        return
    try:
        yield descriptor
    finally:
        # close, do not unlock: the manager shares the lock
        os.close(descriptor)


def _reap() -> None:
    """Reap the managers that this process started and that have exited."""
    for pid in list(_started):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        _started.remove(pid)


def _tail(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-2000:]
    except OSError as error:
        return str(error)
