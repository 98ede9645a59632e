"""Takeover from dead drivers: their open attempts, and outcomes that no driver waits for."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from smbo.store.records import AttemptRecord
from smbo.study.drivers import Drivers
from smbo_scheduler.jobs import JobOutcome
from smbo_scheduler.outbox.outbox import Outcomes

_LOOK_SECONDS = 1.0  # between looks for drivers that are gone, and for outcomes that came late


class Takeover:
    """Finds the attempts and outcomes that other drivers left; called at every turn of the loop.

    Args:
        study: the study's name.
        drivers: this driver's place among those of the study.
        outbox: where outcomes wait to be recorded.
        clock: monotonic seconds.
    """

    def __init__(self, study: str, drivers: Drivers, outbox: Outcomes, clock: Callable[[], float]) -> None:
        self._study, self._drivers, self._outbox, self._clock = study, drivers, outbox, clock
        self._next_look = -math.inf

    def is_due(self, n_slots: int) -> bool:
        """Send the heartbeat of this driver, which has ``n_slots``; return whether it is time to look."""
        self._drivers.beat(n_slots)
        if self._clock() < self._next_look:
            return False
        # a watcher that looks too rarely never sees a heartbeat stand still
        self._next_look = self._clock() + min(_LOOK_SECONDS, self._drivers.beat_seconds)
        return True

    def look(self, in_flight: Collection[int]) -> tuple[list[AttemptRecord], list[JobOutcome]]:
        """Return open attempts whose driver is gone, and outcomes that no driver waits for.

        Those are of attempts whose driver is gone, or had given them up.

        Args:
            in_flight: tokens of the attempts that this driver waits for.
        """
        gone, living = self._drivers.left_open()
        watched = {attempt.token for attempt in living}.union(in_flight)
        late = [
            outcome
            for outcome in self._outbox.pending()
            if outcome.job.study == self._study and outcome.job.token not in watched
        ]
        return gone, late

    def others_at_work(self, own: Collection[int]) -> bool:
        """Return whether attempts are open that are not among this run's own tokens."""
        return any(each.token not in own for attempts in self._drivers.left_open() for each in attempts)
