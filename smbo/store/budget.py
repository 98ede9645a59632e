"""How much a study may spend, and whether more may be asked of it.  Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from smbo.errors import BudgetExhausted, StoreError, StudyMismatch


@dataclass(frozen=True)
class Budget:
    """What a study may spend in all; None means no limit.

    Attributes:
        trials: evaluations.  Finished, running and waiting ones count, failed ones too; those that
            were lost or cancelled, and points of one's own that were told, do not.
        time_seconds: wall time of all runs together.
        failures: the study stops when so many evaluations have failed, lost ones among them.
    """

    trials: int | None = None
    time_seconds: float | None = None
    failures: int | None = None

    def __post_init__(self) -> None:
        for name in ("trials", "failures"):
            limit = getattr(self, name)
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
                raise StoreError(f"budget: {name}={limit!r}; give a whole number of 1 or more, or None")
        seconds = self.time_seconds
        if seconds is not None and (
            isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf
        ):
            raise StoreError(f"budget: time_seconds={seconds!r}; give a positive number, or None")

    def to_json(self) -> dict[str, Any]:
        """Return the budget as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Budget:
        """Return what ``to_json`` gave."""
        return cls(**data)

    def raised_to(self, other: Budget) -> Budget:
        """Return this budget with the limits that ``other`` states; what it leaves open stays.

        Raises:
            StudyMismatch: one of them is lower than what the study has already.
        """
        limits: dict[str, Any] = {}
        for each in fields(self):
            old, new = getattr(self, each.name), getattr(other, each.name)
            if old is not None and new is not None and new < old:
                raise StudyMismatch(
                    f"budget: {each.name} is {old} and cannot be lowered to {new}; stop the study instead"
                )
            limits[each.name] = old if new is None else new
        return Budget(**limits)


@dataclass(frozen=True)
class Spent:
    """What a study has used of its budget.

    Attributes:
        trials: finished, running and waiting; not lost, cancelled, or told without being asked.
        failures: evaluations that failed, lost ones among them.
        seconds: wall time of all runs.
    """

    trials: int
    failures: int
    seconds: float


def exhausted(budget: Budget, spent: Spent) -> str | None:
    """Return which limit is reached, in words, or None."""
    if budget.trials is not None and spent.trials >= budget.trials:
        return f"all {budget.trials} trials are used up"
    if budget.failures is not None and spent.failures >= budget.failures:
        return f"{spent.failures} evaluations failed, and the limit is {budget.failures}"
    if budget.time_seconds is not None and spent.seconds >= budget.time_seconds:
        return f"all {budget.time_seconds:g} s are used up"
    return None


def judge(name: str, budget: Budget, spent: Spent, n: int) -> None:
    """Let n more trials of a study through, or not.

    Raises:
        BudgetExhausted: naming what is used up.
    """
    why = exhausted(budget, spent)
    if why is not None:
        raise BudgetExhausted(f"study {name}: {why}; raise its budget to go on")
    if budget.trials is not None and spent.trials + n > budget.trials:
        left = budget.trials - spent.trials
        raise BudgetExhausted(
            f"study {name}: {left} of {budget.trials} trials are left; ask for at most {left}, not {n}"
        )
