"""Callbacks: those given to ``fit``, and those that scikit-learn has since 1.9 (progress bars, for one)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class Evaluated:
    """A candidate that was evaluated, for the callbacks given to ``fit``.

    Attributes:
        number: of the evaluation, in the order of proposals: its row of ``cv_results_`` at the end.
        params: the candidate.
        score: mean over the folds of the metric searched by; None if a fit failed.
        n_done: how many evaluations are done, this one included.
        best_params, best_score: of the best so far; None before there is one.
        n_resources: amount of the resource, None without one.
    """

    number: int
    params: dict[str, Any]
    score: float | None
    n_done: int
    best_params: dict[str, Any] | None
    best_score: float | None
    n_resources: float | None = None


Callback = Callable[[Evaluated], Any]


def as_callbacks(given: Callback | Sequence[Callback] | None) -> list[Callback]:
    """Return the callbacks given to ``fit``.

    Raises:
        TypeError: one cannot be called.
    """
    callbacks = [] if given is None else [given] if callable(given) else given
    if not isinstance(callbacks, list | tuple) or not all(callable(each) for each in callbacks):
        raise TypeError(f"callback={given!r}: give a function of one argument, or a list of such functions")
    return list(callbacks)


def ends_search(callbacks: Sequence[Callback], told: Evaluated) -> bool:
    """Call each of the callbacks; return whether one returned True."""
    answers = [callback(told) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and bool(answer) for answer in answers)


class Silence:
    """Stands in for a callback context where scikit-learn has none."""

    def subcontext(self, **_: Any) -> Self:
        return self

    def call_on_fit_task_begin(self, **_: Any) -> Self:
        return self

    def call_on_fit_task_end(self, **_: Any) -> None:
        """Do nothing."""

    def propagate_callback_context(self, _estimator: Any) -> Any:
        return nullcontext()


def root_context(search: Any, told: dict[str, Any]) -> Any:
    """Return the context of a search's fit: one task for the search, one for the refit."""
    # without a callback a context tells nobody anything, and would be sent along with every fit
    if not hasattr(search, "_init_callback_context") or not getattr(search, "_skl_callbacks", None):
        return Silence()
    context = search._init_callback_context(max_subtasks=1 + (search.refit is not False))
    return context.call_on_fit_task_begin(estimator=search, **told)


def search_context(context: Any, search: Any, n_fits: int | None) -> Any:
    """Return the context of the search itself: one task for each fit, in no order; None if unknown."""
    inner = context.subcontext(task_name="search", max_subtasks=n_fits, sequential_subtasks=False)
    return inner.call_on_fit_task_begin(estimator=search)


def fit_context(context: Any, task_id: int) -> Any:
    """Return the context of one fit on one fold."""
    return context.subcontext(task_name="candidate-split-evaluation", task_id=task_id)
