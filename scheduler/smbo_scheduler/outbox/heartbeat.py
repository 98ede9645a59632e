"""Leases by heartbeats: a process is dead once its counter was watched unchanged for the lease."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_LEASE_SECONDS = 60.0

# Heartbeats in a lease: two may be late, or fail, before a process counts as dead.
BEATS_PER_LEASE = 4


@dataclass
class _Seen:
    """A counter as last read: since when it is unchanged, and when it was last read."""

    beat: bytes | int
    since: float
    looked: float


class Heartbeats:
    """Heartbeats as this process has itself watched them, by its own clock.

    Clocks of other hosts are not used, and time without a reading does not count: a process that was
    stopped for an hour, or suspended with those that it watches, starts again.

    Args:
        lease_seconds: how long a beat may stay unchanged.
        clock: monotonic seconds of this process.
    """

    def __init__(self, lease_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def still_for(self, key: str, beat: bytes | int) -> float:
        """Return for how many seconds a beat has been watched unchanged; call often."""
        now = self._clock()
        seen = self._seen.get(key)
        if seen is None or seen.beat != beat or now - seen.looked > self.lease_seconds / 2:
            self._seen[key] = _Seen(beat, now, now)
            return 0.0
        seen.looked = now
        return now - seen.since

    def is_still(self, key: str, beat: bytes | int) -> bool:
        """Return whether a beat has been watched unchanged for the lease."""
        return self.still_for(key, beat) >= self.lease_seconds

    def forget(self, key: str) -> None:
        """Drop the readings of a beat."""
        self._seen.pop(key, None)
