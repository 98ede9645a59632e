"""The process of ``worker.fork_server``: ``python -m smbo_scheduler.worker.fork_server_main SOCKET``."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from smbo_scheduler.outbox.processes import restore_module_path
from smbo_scheduler.worker.child_main import serve

_N_DESCRIPTORS = 3  # of a child: connection, lifeline, status


def main() -> None:
    """Import modules and fork children as the parent orders, until it exits."""
    server = socket.socket(fileno=int(sys.argv[1]))
    server.set_inheritable(False)
    restore_module_path(os.environ)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    for order, descriptors in _orders(server):
        if "modules" in order:
            _import(order["modules"])
        else:
            _fork(server, order, descriptors)


def _orders(server: socket.socket) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Yield the orders and the descriptors that came with each."""
    buffer, descriptors = b"", []
    while True:
        data, new, _flags, _address = socket.recv_fds(server, 1 << 16, 16)
        if not data:
            return
        for descriptor in new:
            os.set_inheritable(descriptor, False)
        descriptors += new
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            n = 0 if "modules" in order else _N_DESCRIPTORS
            yield order, descriptors[:n]
            del descriptors[:n]


def _import(modules: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            # what does not import here fails, with its own message, where it is needed
            with contextlib.suppress(BaseException):
                importlib.import_module(name)
    gc.freeze()  # so that collections in children do not copy the pages of these modules


def _fork(server: socket.socket, order: dict[str, Any], descriptors: list[int]) -> None:
    try:
        with warnings.catch_warnings():
            # libraries may have threads (OpenBLAS does); those that started one of Python's are not imported
            warnings.simplefilter("ignore")
            pid = os.fork()
    except OSError as error:
        pid = -(error.errno or errno.EAGAIN)
    if pid == 0:
        server.close()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.path[:] = order["path"]
        with contextlib.suppress(OSError):
            os.chdir(order["folder"])
        serve(*descriptors)
        os._exit(0)
    for descriptor in descriptors:
        os.close(descriptor)
    server.sendall(str(pid).encode())


if __name__ == "__main__":
    main()
