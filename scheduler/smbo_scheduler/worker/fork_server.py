"""Fork server: a process without threads of its own from which children of this worker are forked.

It imports what children need once: a child is there in milliseconds, also one that replaces a crashed one.
Modules of the user are imported in each child, so that a random generator made by one of them has a
state of its own there.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable

from smbo_scheduler.outbox.processes import with_module_path


class ForkServer:
    """The client's side of one fork server, which ends when this process does.

    Args:
        modules: imported before the first child is forked; one that cannot be imported is left to the child.

    Raises:
        OSError: no process can be started now.
    """

    def __init__(self, modules: Iterable[str] = ()) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "smbo_scheduler.worker.fork_server_main", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=with_module_path(os.environ),
            )
        self._socket = ours
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self.preload(modules)

    def fork(self, *descriptors: int) -> int:
        """Fork a child with these descriptors and what this process has; return its supervisor's pid.

        It has this process's environment, current folder and module search path as they are now.

        Raises:
            OSError: the server is gone, or cannot fork now.
        """
        path = [os.path.abspath(entry) for entry in sys.path]
        order = {"environment": dict(os.environ), "folder": current_folder(), "path": path}
        with self._lock:
            self._send(order, descriptors)
            answer = self._socket.recv(32)
        if not answer:
            raise OSError("the process that starts children is gone")
        if (pid := int(answer)) <= 0:
            raise OSError(-pid, f"no child can be started: {os.strerror(-pid)}")
        return pid

    def preload(self, modules: Iterable[str]) -> None:
        """Import modules for the children to come."""
        new = [name for name in modules if name not in self._known]
        self._known.update(new)
        if new:
            with self._lock, contextlib.suppress(OSError):
                self._send({"modules": new})

    def close(self) -> None:
        """End the server; its children go on."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _send(self, order: object, descriptors: Iterable[int] = ()) -> None:
        data = json.dumps(order).encode() + b"\n"
        n_sent = socket.send_fds(self._socket, [data], list(descriptors))
        self._socket.sendall(data[n_sent:])


def current_folder() -> str:
    """Return the current folder, or "" if it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


_server: ForkServer | None = None
_owner = 0  # pid of the process that started the server: a fork of it needs one of its own
_server_lock = threading.Lock()


def fork_child(modules: Iterable[str], *descriptors: int) -> int:
    """Fork a child from this process's server, starting the server if needed; see ``ForkServer.fork``."""
    server = _the_server(modules)
    try:
        return server.fork(*descriptors)
    except OSError:
        close_server()  # a new one, next time
        raise


def start_server(modules: Iterable[str]) -> None:
    """Start this process's server, which then imports modules while this process goes on."""
    with contextlib.suppress(OSError):  # the first child tries again
        _the_server(modules)


def preload(modules: Iterable[str]) -> None:
    """Import modules for the children to come, in the server if there is one."""
    if _server is not None and _owner == os.getpid():
        _server.preload(modules)


def close_server() -> None:
    """End this process's server."""
    global _server
    with _server_lock:
        server, _server = _server, None
        if server is not None and _owner == os.getpid():
            server.close()


def _the_server(modules: Iterable[str]) -> ForkServer:
    global _server, _owner
    with _server_lock:
        if _server is None or _owner != os.getpid():
            _server, _owner = ForkServer(modules), os.getpid()
        else:
            _server.preload(modules)
        return _server
