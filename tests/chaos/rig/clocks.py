"""A wall clock that jumps: for processes under libfaketime, or for what Python calls the time."""

from __future__ import annotations

import glob
import os
import time
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "CHAOS_CLOCK"  # a file with the seconds by which the clock is off

_LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"


@dataclass(frozen=True)
class Clock:
    """The wall clock of all processes that have its environment.

    Args:
        path: where its offset is kept.
        by_library: whether libfaketime applies it, or ``install`` does.
    """

    path: Path
    by_library: bool

    def __post_init__(self) -> None:
        self._set(0.0)

    def environment(self) -> dict[str, str]:
        """Return what a process needs to have this clock."""
        if not self.by_library:
            return {VARIABLE: str(self.path)}
        found = glob.glob(_LIBRARIES)
        if not found:
            raise SystemExit(f"libfaketime is not at {_LIBRARIES}; run without --faketime")
        return {
            "LD_PRELOAD": found[0],
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: float) -> None:
        """Set the clock forward or back, from what it shows now."""
        self._set(float(self.path.read_text()) + seconds)

    def _set(self, offset: float) -> None:
        written = self.path.with_suffix(".new")
        written.write_text(f"{offset:+.0f}")
        os.replace(written, self.path)


def install() -> None:
    """Have ``time.time`` of this process show the clock that the environment names."""
    path, true_time = os.environ.get(VARIABLE), time.time
    if path:
        time.time = lambda: true_time() + float(Path(path).read_text())
