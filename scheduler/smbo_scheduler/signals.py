"""SIGINT and SIGTERM as values of ``Stop``: once to drain, twice to cancel, three times to leave."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from smbo_scheduler.loop import Stop

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopOnSignals:
    """While the block runs, each SIGINT or SIGTERM increases the value that calling this object returns.

    The third one also raises KeyboardInterrupt, for a program that does not check the value.  Only the main
    thread can enter; earlier handlers are restored at the end.

    Args:
        on_signal: called with the new value from the handler: keep it short.
    """

    def __init__(self, on_signal: Callable[[Stop], None] | None = None) -> None:
        self._on_signal = on_signal
        self._asked = Stop.GO
        self._earlier: dict[int, Any] = {}

    def __call__(self) -> Stop:
        """Return the most urgent stop requested so far."""
        return self._asked

    def __enter__(self) -> StopOnSignals:
        for number in _SIGNALS:
            self._earlier[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._earlier.items():
            # None stands for a handler that was not installed from Python and cannot be restored
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = Stop(min(self._asked + 1, Stop.EXIT))
        if self._on_signal is not None:
            self._on_signal(self._asked)
        if self._asked is Stop.EXIT:
            raise KeyboardInterrupt
