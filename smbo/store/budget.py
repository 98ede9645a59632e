"""A study's budget: limits on trials, time, failures, cost and fidelity, and the check of them.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from smbo.errors import BudgetExhausted, StoreError, StudyMismatch
from smbo.plain_values import as_whole_number, finite_number, make_fields_plain, shown


@dataclass(frozen=True)
class Budget:
    """What a study may spend in all; None means no limit.

    Attributes:
        trials: evaluations.  Finished, running and waiting ones count, failed ones too; those that
            were lost or cancelled, and recorded points of one's own, do not.
        time_seconds: wall time of all runs together.
        failures: the study stops when so many evaluations have failed, lost ones among them.
        cost: of all results together, in the user's unit, as given to ``tell``.
        fidelity: in units of the problem's fidelity; a trial counts with the highest that it has reached,
            since it is continued from there.  Evaluations that run when this limit or that of the cost
            is reached go beyond it.

    Raises:
        StoreError: a limit that is not positive, or a number of trials that is not whole.

    >>> Budget(trials=50, time_seconds=3600)
    Budget(trials=50, time_seconds=3600, failures=None, cost=None, fidelity=None)
    """

    trials: int | None = None
    time_seconds: float | None = None
    failures: int | None = None
    cost: float | None = None
    fidelity: float | None = None

    def __post_init__(self) -> None:
        make_fields_plain(self, *(each.name for each in fields(self)))
        for name in ("trials", "failures"):
            limit = getattr(self, name)
            if limit is not None and (as_whole_number(limit) or 0) < 1:
                raise StoreError(f"budget: {name}={shown(limit)}; give a whole number of 1 or more, or None")
        for name in ("time_seconds", "cost", "fidelity"):
            limit = getattr(self, name)
            if limit is not None and (finite_number(limit) or 0.0) <= 0.0:
                raise StoreError(f"budget: {name}={shown(limit)}; give a positive number, or None")

    @property
    def needs_sums(self) -> bool:
        """Whether the budget limits cost or fidelity, which are sums over the trials."""
        return self.cost is not None or self.fidelity is not None

    def to_json(self) -> dict[str, Any]:
        """Return the budget as plain JSON values."""
        # absent where there is no such limit, as in studies stored before these limits existed
        late = ("cost", "fidelity")
        return {name: limit for name, limit in asdict(self).items() if name not in late or limit is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Budget:
        """Return the budget that ``to_json`` wrote."""
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
        trials: finished, running and waiting; not lost, cancelled, or recorded without an ask.
        failures: evaluations that failed, lost ones among them.
        seconds: wall time of all runs.
        cost, fidelity: of all trials together; 0 where the budget does not limit them: they are not
            summed then.
    """

    trials: int
    failures: int
    seconds: float
    cost: float = 0.0
    fidelity: float = 0.0


def exhausted(budget: Budget, spent: Spent) -> str | None:
    """Return which limit is reached, in words, or None."""
    if budget.trials is not None and spent.trials >= budget.trials:
        return f"all {budget.trials} trials are used up"
    if budget.failures is not None and spent.failures >= budget.failures:
        return f"{spent.failures} evaluations failed, and the limit is {budget.failures}"
    if budget.time_seconds is not None and spent.seconds >= budget.time_seconds:
        return f"all {budget.time_seconds:g} s are used up"
    if budget.cost is not None and spent.cost >= budget.cost:
        return f"the cost is {spent.cost:g}, and the limit is {budget.cost:g}"
    if budget.fidelity is not None and spent.fidelity >= budget.fidelity:
        return f"{spent.fidelity:g} of {budget.fidelity:g} units of the fidelity are used up"
    return None


def check_budget(name: str, budget: Budget, spent: Spent, n: int) -> None:
    """Refuse n more trials of a study where its budget does not allow them.

    Raises:
        BudgetExhausted: naming the limit.
    """
    why = exhausted(budget, spent)
    if why is not None:
        raise BudgetExhausted(f"study {name}: {why}; raise its budget to go on")
    if budget.trials is not None and spent.trials + n > budget.trials:
        left = budget.trials - spent.trials
        raise BudgetExhausted(
            f"study {name}: {left} of {budget.trials} trials are left; ask for at most {left}, not {n}"
        )
