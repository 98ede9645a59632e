"""Scores of fits: measured ones, those given to fits that failed, and the ranks of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

Result = dict[str, Any]  # of one fit, as scikit-learn's _fit_and_score returns it


class ErrorScore(float):
    """The score given to a fit that failed: told apart from the same number as a measured score.

    >>> has_failed({"fit_error": None, "test_scores": ErrorScore(0.0)})
    True
    >>> has_failed({"fit_error": None, "test_scores": 0.0})
    False
    """


def has_failed(result: Result, metric: str | None = None) -> bool:
    """Return whether a fit failed, or its scoring by a metric (None: by the only or the first one)."""
    scores = result["test_scores"]
    if result.get("fit_error") is not None:
        return True
    if isinstance(scores, dict):
        scores = scores.get(next(iter(scores)) if metric is None else metric)
    return isinstance(scores, ErrorScore)


def failure_reason(results: list[Result]) -> str:
    """Return the last line of what the first failed fit raised."""
    for result in results:
        lines = (result.get("fit_error") or "").strip().splitlines()
        if lines:
            return str(lines[-1])
    return "no finite score"


def with_names(results: list[Result], key: str) -> None:
    """Give failed fits a score for each metric where the other fits have several, in place."""
    names = next((list(each[key]) for each in results if isinstance(each.get(key), dict)), None)
    for result in results:
        if names is not None and key in result and not isinstance(result[key], dict):
            result[key] = dict.fromkeys(names, result[key])


def rank_failed_last(results: dict[str, Any], failed: Mapping[str, Sequence[bool]]) -> None:
    """Rank failed candidates behind all others in ``cv_results_``, in place.

    Args:
        results: as scikit-learn makes it, which ranks them by the error score.
        failed: by metric, of each fit, by candidate: whether it failed.
    """
    n_candidates = len(results["params"])
    for name, fits in failed.items():
        is_failed = np.reshape(fits, (n_candidates, -1)).any(axis=1)
        means = results[f"mean_test_{name}"]
        measured = means[~is_failed & np.isfinite(means)]
        if is_failed.any() and len(measured):
            last = np.where(is_failed | np.isnan(means), measured.min() - 1, means)
            results[f"rank_test_{name}"] = rankdata(-last, method="min").astype(np.int32)
