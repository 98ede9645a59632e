"""Settings of one run of a study, checked once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smbo.errors import StoreError
from smbo.plain_values import as_flag, as_whole_number, finite_number, make_fields_plain, shown
from smbo.space import Point
from smbo_scheduler.jobs import Limits
from smbo_scheduler.loop import Progress, Stop, ignore_progress, never_stop
from smbo_scheduler.outbox.heartbeat import DEFAULT_LEASE_SECONDS
from smbo_scheduler.retry import RetryPolicy

ISOLATIONS = ("process", "thread", "fresh")  # as of ``smbo_scheduler.worker.runner.Runner``


@dataclass(frozen=True)
class RunSettings:
    """The arguments of ``Study.run`` (documented there) besides the objective and the executor.

    Attributes:
        fixed: as of ``smbo.space.fixed.checked``.
        context: returns the present values of the contextual variables.
        clock: monotonic seconds.

    Raises:
        StoreError: a number that makes no sense.
    """

    n_trials: int | None = None
    timeout_seconds: float | None = None
    limits: Limits = field(default_factory=Limits)
    resources: Mapping[str, float] = field(default_factory=dict)
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    on_progress: Callable[[Progress], None] = ignore_progress
    stop: Callable[[], Stop] = never_stop
    spool: str | Path | None = None
    outbox: str = "spool"
    lease_seconds: float = DEFAULT_LEASE_SECONDS
    prefetch: bool | None = None
    isolation: str | None = None
    fixed: Point = field(default_factory=dict)
    context: Callable[[], Mapping[str, Any]] | None = None
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        make_fields_plain(self, "n_trials", "timeout_seconds", "lease_seconds", "prefetch")
        n = self.n_trials
        if n is not None and (as_whole_number(n) or 0) < 1:
            raise StoreError(f"run: n_trials={shown(n)}; give a whole number of 1 or more, or None")
        seconds = self.timeout_seconds
        if seconds is not None and seconds != math.inf and (finite_number(seconds) or 0.0) <= 0.0:
            raise StoreError(f"run: timeout_seconds={shown(seconds)}; give a positive number, or None")
        if (finite_number(self.lease_seconds) or 0.0) <= 0.0:
            raise StoreError(f"run: lease_seconds={shown(self.lease_seconds)}; give a positive number")
        if self.prefetch is not None and as_flag(self.prefetch) is None:
            raise StoreError(f"run: prefetch={shown(self.prefetch)}; give True, False or None")
        if self.isolation not in (None, *ISOLATIONS):
            raise StoreError(
                f"run: isolation={self.isolation!r}; give {', '.join(map(repr, ISOLATIONS))} or None"
            )
        if not 0 < self.lease_seconds < math.inf:
            raise StoreError(f"run: lease_seconds={self.lease_seconds!r}; give a positive number")

    @classmethod
    def of(cls, **given: Any) -> RunSettings:
        """Return settings in which None stands for the default."""
        return cls(**{name: value for name, value in given.items() if value is not None})
