"""The process of ``smbo_scheduler.background``: ``python -m smbo_scheduler.background_main SOCKET``."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

import cloudpickle

from smbo_scheduler.errors import SchedulerError
from smbo_scheduler.framing import FramedConnection


def main() -> None:
    """Make the function that the parent sends, then answer the parent's calls until it exits."""
    end = int(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = FramedConnection(socket.socket(fileno=end))
    os.set_inheritable(end, False)
    with contextlib.suppress(EOFError, OSError):
        # at once, not with the first call: its imports may take seconds
        function, failure = _made(connection.receive() or b"")
        while (message := connection.receive()) is not None:
            value, error = None, failure
            if function is not None:
                try:
                    # safe to unpickle: written by our own parent, over a socket that no other process has
                    value = function(pickle.loads(message))
                except Exception as exception:
                    error = exception
            connection.send(_answer(value, error))


def _made(pickled: bytes) -> tuple[Callable[[Any], Any] | None, Exception | None]:
    """Return the function that the parent's factory makes, or the error that this raises."""
    try:
        return pickle.loads(pickled)(), None
    except Exception as error:
        return None, error


def _answer(value: Any, error: Exception | None) -> bytes:
    """Return an answer as bytes; a SchedulerError in place of a value that does not pickle."""
    try:
        answer: bytes = cloudpickle.dumps((value, error))
        pickle.loads(answer)  # an exception may pickle but not unpickle
    except Exception:
        text = "".join(traceback.format_exception(error)) if error else f"{type(value)} does not pickle"
        answer = cloudpickle.dumps((None, SchedulerError(text)))
    return answer


if __name__ == "__main__":
    main()
