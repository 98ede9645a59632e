"""State of a process that an evaluation may change and leave to the next: restored, or told."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import sys
import sysconfig
import threading
from typing import Any

_LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)

# A child whose memory in use has grown beyond this share of that after its first job, and this much more, is
# replaced: a leak in an evaluation is not to fill the machine.
_GROWTH = 2.0
_GROWTH_BYTES = 256 * 2**20


class ProcessState:
    """What an evaluation may change in its process, as it is at the moment of construction."""

    def __init__(self) -> None:
        self._folder = _folder()
        self._mask = _umask()
        self._environment = dict(os.environ)
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._stdin = _stdin()
        self._handlers = _handlers()
        self._limits = [resource.getrlimit(number) for number in _LIMITS]
        self._recursion_limit = sys.getrecursionlimit()
        self._threads = set(threading.enumerate())
        self._bytes: int | None = None

    def restore(self) -> bool:
        """Restore the state; return False if that is not possible, and the process is to be replaced."""
        for timer in _TIMERS:
            signal.setitimer(timer, 0.0)
        os.umask(self._mask)
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        sys.setrecursionlimit(self._recursion_limit)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        return (
            self._restore_folder()
            and self._restore_handlers()
            and not any(stream.closed for stream in self._streams[1:])
            and self._stdin == _stdin()
            and self._limits == [resource.getrlimit(number) for number in _LIMITS]
            and all(thread in self._threads or _is_of_a_library(thread) for thread in threading.enumerate())
            and self._has_not_grown()
        )

    def _restore_folder(self) -> bool:
        if self._folder and _folder() != self._folder:
            with contextlib.suppress(OSError):
                os.chdir(self._folder)
        return _folder() == self._folder

    def _restore_handlers(self) -> bool:
        for number, handler in _handlers().items():
            before = self._handlers[number]
            if handler is not before:
                if handler is None or before is None:  # set by compiled code
                    return False
                signal.signal(number, before)
        return True

    def _has_not_grown(self) -> bool:
        used = _resident_bytes()
        if self._bytes is None:
            self._bytes = used
        return used <= _GROWTH * self._bytes + _GROWTH_BYTES


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _handlers() -> dict[int, Any]:
    # getsignal knows only what Python has set; a handler of compiled code is None there
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _stdin() -> tuple[int, int, int] | None:
    """Return the identity of the file of standard input and its access mode, None if it is closed."""
    try:
        about = os.fstat(0)
        return about.st_dev, about.st_ino, fcntl.fcntl(0, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        return None


def _is_of_a_library(thread: threading.Thread) -> bool:
    """Return whether a thread that an evaluation left is a library's, such as an idle pool's."""
    function: Any = getattr(thread, "_target", None)
    name = getattr(function, "__module__", None) if function is not None else type(thread).__module__
    file = getattr(sys.modules.get(name or ""), "__file__", None) or ""
    folders = tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "purelib", "platlib")})
    return file.startswith(folders) and type(thread) is not threading.Timer


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
