"""Drivers of one study: registration, heartbeats, and the open attempts of those that are dead."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict

from smbo.errors import StoreUnavailable
from smbo.store.records import AttemptRecord, DriverRecord
from smbo.store.roles import DriverRegistry
from smbo_scheduler.outbox.heartbeat import BEATS_PER_LEASE, DEFAULT_LEASE_SECONDS, Heartbeats
from smbo_scheduler.outbox.processes import ProcessName, this_process

_OWNER = "run "

# Drivers that run in this very process, in several threads perhaps: the process's life says
# nothing about which of them still run.
_drivers_here: set[str] = set()


def owner_text(process: ProcessName, driver: str | None = None) -> str:
    """Return the ``owner`` of an attempt: the process and the driver that started it."""
    return _OWNER + json.dumps({**asdict(process), "driver": driver})


class Drivers:
    """The registration of one driver among those that work on a study.

    A driver on this machine is gone when its process is, or when it has left in good order; one
    elsewhere, or one that is held by a signal, when its heartbeat was watched standing still for
    the lease.

    Args:
        store: of the study.
        study: its key there.
        lease_seconds: how long a heartbeat may stand still.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        store: DriverRegistry,
        study: int,
        *,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.owner = owner_text(this_process(), self.id)
        self._store, self._study = store, study
        self._clock = clock
        self._beats = Heartbeats(lease_seconds, clock)
        self.beat_seconds = lease_seconds / BEATS_PER_LEASE
        self._next_beat = 0.0
        self._drivers: dict[str, DriverRecord] = {}

    def join(self) -> None:
        """Register; before the first trial is asked for."""
        _drivers_here.add(self.id)
        self._store.register_driver(self._study, self.id, socket.gethostname(), os.getpid(), 0)
        self._next_beat = self._clock() + self.beat_seconds

    def leave(self) -> None:
        """Deregister: other drivers take over its open attempts at once."""
        _drivers_here.discard(self.id)
        with contextlib.suppress(StoreUnavailable):  # then its lease expires
            self._store.end_driver(self._study, self.id)

    def beat(self, n_slots: int) -> None:
        """Send a heartbeat if one is due; call it often."""
        if self._clock() >= self._next_beat:
            self._next_beat = self._clock() + self.beat_seconds
            self._store.beat_driver(self._study, self.id, n_slots)

    def left_open(self) -> tuple[list[AttemptRecord], list[AttemptRecord]]:
        """Return the open attempts of other drivers: of those that are gone, and of the living.

        Call it often: a driver elsewhere is gone only once its heartbeat was watched for the lease.
        """
        self._drivers = {driver.id: driver for driver in self._store.drivers(self._study)}
        gone: list[AttemptRecord] = []
        living: list[AttemptRecord] = []
        # called at every turn of the loop: so a thousand own attempts are not read from the store
        for attempt in self._store.attempts(self._study, is_open=True, not_of=self.owner):
            owner = _parsed(attempt.owner)
            if owner is not None:
                (gone if self._is_gone(*owner) else living).append(attempt)
        return gone, living

    def _is_gone(self, process: ProcessName, driver: str | None) -> bool:
        record = self._drivers.get(driver or "")
        if record is not None and record.ended is not None:
            return True
        if process == this_process():
            return driver not in _drivers_here
        if process.is_here and not process.is_alive:
            return True
        if process.is_here and not process.is_stopped:
            return False
        return record is None or self._beats.is_still(record.id, record.beat)


def _parsed(owner: str) -> tuple[ProcessName, str | None] | None:
    """Return the process and the driver that an attempt names; None where it was asked for by hand."""
    if not owner.startswith(_OWNER):
        return None
    words = json.loads(owner.removeprefix(_OWNER))
    driver = words.pop("driver", None)
    return ProcessName(**words), driver
