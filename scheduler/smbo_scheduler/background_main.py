"""The process of ``smbo_scheduler.background``: ``python -m smbo_scheduler.background_main SOCKET``."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import sys
import traceback
from typing import Any

import cloudpickle

from smbo_scheduler.errors import SchedulerError
from smbo_scheduler.framing import FramedConnection


def main() -> None:
    """Make the function that the parent names, then answer its calls until it is gone."""
    end = int(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = FramedConnection(socket.socket(fileno=end))
    os.set_inheritable(end, False)
    function: Any = None
    with contextlib.suppress(EOFError, OSError):
        pickled = connection.receive()
        while (message := connection.receive()) is not None:
            value, error = None, None
            try:
                # written by our own parent, over a socket that nobody else has
                if function is None:
                    function = pickle.loads(pickled or b"")()
                value = function(pickle.loads(message))
            except Exception as exception:
                error = exception
            connection.send(_answer(value, error))


def _answer(value: Any, error: Exception | None) -> bytes:
    """Return an answer as bytes; what does not pickle becomes a SchedulerError."""
    try:
        answer: bytes = cloudpickle.dumps((value, error))
        pickle.loads(answer)  # an exception may pickle and not come back
    except Exception:
        text = "".join(traceback.format_exception(error)) if error else f"{type(value)} does not pickle"
        answer = cloudpickle.dumps((None, SchedulerError(text)))
    return answer


if __name__ == "__main__":
    main()
