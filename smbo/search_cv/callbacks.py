"""Scikit-learn's callbacks (progress bars and the like), which it has since 1.9."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Self


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
    if not hasattr(search, "_init_callback_context"):
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
