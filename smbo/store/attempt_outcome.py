"""How an attempt, one execution of a trial, ended."""

from __future__ import annotations

from enum import StrEnum


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    COMPLETE = "complete"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    LOST = "lost"
    PAUSED = "paused"  # it reached its rung
    PRUNED = "pruned"
    CANCELLED = "cancelled"
    LATE = "late"  # its result came after it had been given up for lost, and counts
    DUPLICATE = "duplicate"  # its result came after another attempt's, and is only kept
