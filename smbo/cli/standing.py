"""Where a study stands, as values: what `status`, `show` and the end of `run` have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from smbo.errors import SmboError
from smbo.store.budget import exhausted
from smbo.study import Study
from smbo.trials import Recommendation, Trial, TrialState


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    Attributes:
        counts: trials by state, the states that occur.
        best: the trial with the best told value.
        recommendation: by the posterior.
        used_up: which limit of the budget is reached, in words; None while there is something left.
        too_many_failures: whether that limit is the one on failures.
        is_stopped: somebody asked for an end.
        n_open: trials that run or wait to be run again.
    """

    counts: dict[str, int]
    best: Trial | None
    recommendation: Recommendation | None
    used_up: str | None
    too_many_failures: bool
    is_stopped: bool
    n_open: int

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do: the budget is used up and nothing is open."""
        return self.used_up is not None and self.n_open == 0

    @property
    def word(self) -> str:
        """The state of the whole, in a word or two."""
        if self.is_finished:
            return "given up" if self.too_many_failures else "finished"
        return "stopped" if self.is_stopped else "unfinished"


def standing(study: Study, *, recommend: bool = True) -> Standing:
    """Return where a study stands; ``recommend=False`` saves fitting the surrogate."""
    trials = study.trials
    budget, spent = study.budget, study.spent
    failures_left = budget.failures is None or spent.failures < budget.failures
    used_up = exhausted(budget, spent)
    return Standing(
        counts=dict(Counter(str(trial.state) for trial in trials)),
        best=study.best,
        recommendation=recommendation_of(study) if recommend else None,
        used_up=used_up,
        too_many_failures=used_up is not None and not failures_left,
        is_stopped=study.is_stopped,
        n_open=sum(trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in trials),
    )


def recommendation_of(study: Study) -> Recommendation | None:
    """Return the study's recommendation, None while nothing can be recommended."""
    try:
        return study.recommend()
    except SmboError:  # nothing complete and feasible yet, or a recipe that is code
        return None


def point_text(params: Any) -> str:
    """Return a point on one line."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in params.items())


def value_text(value: object) -> str:
    """Return a value for a table: floats in six digits, text without control characters."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    text = text if len(text) <= 60 else text[:59] + "…"
    return text if text.isprintable() else repr(text)
