"""Clusters to run on: a local one of our own, or one that somebody else started.

What is not ours is never stopped here.  A plain ``tcp://`` address beyond this machine is refused
unless asked for: whoever reaches such a scheduler can run anything as its owner.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scheduler.errors import ClusterError
from scheduler.state import (
    ClusterState,
    Wanted,
    make_state_folder,
    read_state,
    security_of,
    write_wanted,
)

if TYPE_CHECKING:
    from distributed import Client, Security

_LOOK_SECONDS = 0.02
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class LocalCluster:
    """A cluster on this machine that outlives the driver; make it with ``start_local``.

    Attributes:
        folder: where its keeper, its workers and its drivers find each other, and its logs.
        adopted: whether it was there already, left by an earlier driver.
        start_seconds: how long to wait for its scheduler.
    """

    folder: Path
    adopted: bool
    start_seconds: float = 30.0

    def connect(self, timeout_seconds: float = 10.0) -> Client:
        """Return a client of the cluster; start it again first if it has gone away.

        Args:
            timeout_seconds: how long the client tries to reach the scheduler, now and whenever the
                connection is lost; then it closes for good, and this is to be called again.

        Raises:
            ClusterError: it does not come up; the message shows the end of its log.
        """
        from distributed import Client

        state = self._wait()
        quiet(self.folder / "driver.log")
        try:
            return Client(
                state.address,
                security=security_of(self.folder),
                set_as_default=False,
                timeout=timeout_seconds,
            )
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"no connection to the local cluster at {state.address}: {error}") from error

    def stop(self) -> None:
        """End the cluster and what it runs."""
        state = read_state(self.folder)
        if state is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.keeper.pid, signal.SIGTERM)
        until = time.monotonic() + 5.0
        while state.keeper.is_alive and time.monotonic() < until:
            _reap()
            time.sleep(_LOOK_SECONDS)
        if state.keeper.is_alive:
            os.kill(state.keeper.pid, signal.SIGKILL)
        _reap()

    def _wait(self) -> ClusterState:
        """Return where the cluster is, once it is; start a keeper if there is none at work."""
        until = time.monotonic() + self.start_seconds
        log, has_started = self.folder / "keeper.log", False
        while (state := read_state(self.folder)) is None:
            if _start_keeper(self.folder):
                if has_started:
                    raise ClusterError(
                        f"the local cluster did not start:\n{_tail(self.folder / 'keeper.log')}"
                    )
                has_started = True
            if time.monotonic() > until:
                raise ClusterError(
                    f"the local cluster did not start within {self.start_seconds} s:\n" + _tail(log)
                )
            time.sleep(_LOOK_SECONDS)
        return state


def start_local(folder: str | Path, n_workers: int, *, idle_seconds: float = 600.0) -> LocalCluster:
    """Start a cluster of processes on this machine, or adopt the one that lives in ``folder``.

    It returns at once; ``connect`` waits.  Evaluations that an earlier driver started go on, and
    leave their outcomes in the spool; new ones run on fresh workers that load today's code.

    Args:
        folder: for this cluster alone, on a local disk.
        n_workers: one evaluation runs on each at a time.
        idle_seconds: without a driver and a running evaluation, after which it ends by itself.

    Raises:
        ClusterError: the folder cannot be used, or a number makes no sense.
    """
    if n_workers < 1:
        raise ClusterError(f"workers is {n_workers}; a local cluster needs at least one")
    if not idle_seconds > 0:
        raise ClusterError(f"idle_seconds is {idle_seconds}; it must be positive")
    folder = Path(folder).absolute()
    make_state_folder(folder)
    write_wanted(folder, Wanted(n_workers, idle_seconds, uuid.uuid4().hex))
    return LocalCluster(folder, adopted=not _start_keeper(folder))


def connect(
    address: str,
    *,
    security: Security | None = None,
    allow_plain: bool = False,
    timeout_seconds: float = 10.0,
) -> Client:
    """Return a client of the scheduler at an address.

    Args:
        address: such as "tls://host:8786" or "tcp://127.0.0.1:8786".
        security: Dask's, with the certificates for tls.
        allow_plain: whether a tcp:// address on another machine will do.
        timeout_seconds: how long to try.

    Raises:
        ClusterError: refused, or nobody answers.
    """
    from distributed import Client

    check_address(address, allow_plain=allow_plain)
    try:
        return Client(address, security=security, set_as_default=False, timeout=timeout_seconds)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise ClusterError(f"no Dask scheduler answers at {address}: {error}") from error


def connect_by_file(
    path: str | Path,
    *,
    security: Security | None = None,
    allow_plain: bool = False,
    timeout_seconds: float = 10.0,
) -> Client:
    """Return a client of the scheduler that wrote a scheduler file.

    Raises:
        ClusterError: the file does not name an address, or as for ``connect``.
    """
    try:
        address = json.loads(Path(path).read_text(encoding="utf-8"))["address"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"{path} is no scheduler file: {error!r}") from error
    return connect(str(address), security=security, allow_plain=allow_plain, timeout_seconds=timeout_seconds)


def check_address(address: str, *, allow_plain: bool) -> None:
    """Refuse a scheduler's address that is malformed, or that anybody on its network can use.

    Raises:
        ClusterError: with what to do instead.
    """
    scheme, host = _scheme_and_host(address)
    if scheme == "tcp" and not allow_plain and not _is_loopback(host):
        raise ClusterError(
            f"{address}: plain TCP to another machine lets anybody on the way read and run everything;"
            " use tls://, or say that plain connections are allowed here"
        )


def quiet(log: Path) -> None:
    """Send what Dask logs in this process to a file instead of the terminal."""
    import distributed  # noqa: F401  its import sets up the handlers that are replaced here

    handler = logging.FileHandler(log, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    names = ("distributed", *(name for name in logging.root.manager.loggerDict if _is_dasks(name)))
    for name in names:
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
    logging.getLogger("distributed").addHandler(handler)
    logging.getLogger("distributed").propagate = False


def _is_dasks(name: str) -> bool:
    return name.startswith("distributed.")


def _start_keeper(folder: Path) -> bool:
    """Start a keeper in a session of its own; return False if the folder has one already."""
    with _lock(folder) as lock:
        if lock is None:
            return False
        (folder / "cluster.json").unlink(missing_ok=True)
        path = [os.path.abspath(entry) for entry in sys.path]
        environment = {**dict.fromkeys(_THREADS, "1"), **os.environ, "PYTHONPATH": os.pathsep.join(path)}
        log = os.open(folder / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        # the lock goes with it: it is the keeper's from its first moment, until it is gone
        actions = [(os.POSIX_SPAWN_DUP2, *pair) for pair in ((nothing, 0), (log, 1), (log, 2), (lock, 3))]
        try:
            # not subprocess: it would complain that the keeper outlives the object that started it
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", "scheduler.keeper", str(folder)],
                environment,
                file_actions=actions,
                setsid=True,
            )
        finally:
            os.close(log)
            os.close(nothing)
    _started.append(pid)
    return True


_started: list[int] = []  # our children, to be let go of when they have ended


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[int | None]:
    """Hold the lock of a folder and give its descriptor, or None if somebody has it."""
    # far from 3, which it becomes in the keeper: a descriptor put on itself would stay closed there
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
        # closing, not unlocking: the keeper shares the lock
        os.close(descriptor)


def _reap() -> None:
    """Let go of the keepers that we started and that have ended."""
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


def _scheme_and_host(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise ClusterError(f"address {address!r}: {error}") from None
    if not host or (port is None and scheme in ("tcp", "tls")):
        raise ClusterError(f"address {address!r} needs the form tls://host:port")
    return scheme, host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
