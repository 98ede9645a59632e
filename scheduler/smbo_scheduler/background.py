"""A background process that runs one call at a time while this process continues its work."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import cloudpickle

from smbo_scheduler.errors import SchedulerError
from smbo_scheduler.framing import FramedConnection


class BackgroundProcess:
    """A child process with one function, which it calls with one request after the other.

    The child exits when this process does.  The function keeps its state between calls.

    Args:
        make: returns the function; called once, in the child process.  It must pickle.

    Raises:
        Whatever pickling ``make`` raises.
    """

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        pickled = cloudpickle.dumps(make)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "smbo_scheduler.background_main", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                # not in our process group: Ctrl-C is handled by this process
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path)},
            )
        self._connection = FramedConnection(ours)
        self._connection.send(pickled)
        self._is_busy = False

    @property
    def is_busy(self) -> bool:
        """Whether a call is running, or its answer was not taken yet."""
        return self._is_busy

    def call(self, request: Any) -> None:
        """Start a call; its answer must be taken before the next call.

        Raises:
            SchedulerError: the process is gone.
        """
        assert not self._is_busy, "one call at a time"
        self._is_busy = True
        try:
            self._connection.send(cloudpickle.dumps(request))
        except OSError as error:
            raise self._gone() from error

    def answer(self) -> tuple[Any] | None:
        """Return the value that the call returned, in a tuple of one; None while the call is running.

        Raises:
            SchedulerError: the process is gone.
            Whatever the call raised.
        """
        try:
            message = self._connection.receive(1e-6)
        except (EOFError, OSError) as error:
            raise self._gone() from error
        if message is None:
            return None
        self._is_busy = False
        # safe to unpickle: written by our own child, over a socket that no other process has
        value, raised = pickle.loads(message)
        if raised is not None:
            raise raised
        return (value,)

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _gone(self) -> SchedulerError:
        self._is_busy = False
        return SchedulerError(f"the process that prepares proposals ended with {self._process.wait()}")
