"""Waiting for what a test needs, on machines of any load: for the event, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

# Only what hangs takes so long: at twenty times the load that a machine has cores, an interpreter with
# the imports of a worker takes a minute to start.
PATIENCE_SECONDS = 300.0


def wait_until(is_so: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return when ``is_so()`` is true; AssertionError if it never is."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"still not so after {seconds:g} s"
        time.sleep(0.02)
