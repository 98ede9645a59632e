"""One fit on one fold, and the loop that keeps the slots for fits busy."""

from __future__ import annotations

import copy
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _fit_and_score

from smbo.search_cv.candidates import Candidates
from smbo.search_cv.samples import classes
from smbo.search_cv.scores import Result

NAhead = Callable[[int], int]


@dataclass(frozen=True)
class Fit:
    """A candidate to be fitted and scored on one fold.

    Attributes:
        number: of the evaluation, in the order of proposals.
        fold: index of the fold.
        params: of the estimator.
        n_samples: how many of the fold's samples to train with; None for all.
    """

    number: int
    fold: int
    params: dict[str, Any]
    n_samples: int | None = None


class Slots(Protocol):
    """Where fits run; leaving the block gives up those that have not ended.

    ``len`` is the number of fits that were submitted and not yet taken.
    """

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __len__(self) -> int: ...

    def has_room(self, n_ahead: NAhead) -> bool:
        """Return whether another fit is to be submitted, so that no slot becomes idle.

        Args:
            n_ahead: returns how many fits are to wait for one of a number of slots.
        """
        ...

    def submit(self, fit: Fit) -> None:
        """Have a fit run as soon as a slot is free."""
        ...

    def take(self) -> list[tuple[Fit, Result]]:
        """Wait for a fit to end; return all fits that have ended with their results."""
        ...


def evaluate(slots: Slots, candidates: Candidates, n_folds: int) -> None:
    """Evaluate candidates without a barrier between them.

    A candidate is proposed when no fit of an earlier one is left to submit and there is room for
    another fit; it is told its score when its last fold is done, whatever else is running.
    """
    waiting: deque[Fit] = deque()
    done: defaultdict[int, dict[int, Result]] = defaultdict(dict)
    pace = _Pace()
    with slots:
        while True:
            while slots.has_room(pace.n_ahead):
                if not waiting:
                    start = time.perf_counter()
                    waiting.extend(_next_fits(candidates, n_folds))
                    pace.proposals.append(time.perf_counter() - start)
                if not waiting:
                    break
                slots.submit(waiting.popleft())
            if not len(slots):
                return
            for fit, result in slots.take():
                pace.fits.append(result["fit_time"] + result["score_time"])
                done[fit.number][fit.fold] = result
                if len(done[fit.number]) == n_folds:
                    folds = done.pop(fit.number)
                    candidates.tell(fit.number, [folds[fold] for fold in range(n_folds)])


def _next_fits(candidates: Candidates, n_folds: int) -> list[Fit]:
    """Return the fits of the next candidate; none at the end of the search."""
    return [
        Fit(number, fold, candidates.params[number], candidates.n_samples(number))
        for number in candidates.propose(1)
        for fold in range(n_folds)
    ]


class _Pace:
    """Seconds that the latest proposals and fits took: how many fits slots end during a proposal.

    The next candidate is proposed without the results of the fits that wait: no more than needed.
    """

    def __init__(self) -> None:
        self.proposals: deque[float] = deque(maxlen=4)
        self.fits: deque[float] = deque(maxlen=32)

    def n_ahead(self, n_slots: int) -> int:
        """Return how many fits are to wait for one of the slots, while the next candidate is proposed."""
        known = [seconds for seconds in self.fits if seconds > 0.0]  # NaN of a fit that was lost
        if not known or not self.proposals:
            return 1 + n_slots // 8
        share = max(self.proposals) / (sum(known) / len(known))
        return 1 + max(n_slots // 8, math.ceil(n_slots * min(1.0, share)))


@dataclass(frozen=True, eq=False)
class Work:
    """The data and settings of all fits, sent to each worker once.

    Attributes:
        estimator: unfitted.
        X, y: the data.
        folds: (train, test) indices, the same for every candidate.
        settings: of scikit-learn's _fit_and_score.
    """

    estimator: Any
    X: Any
    y: Any
    folds: list[tuple[Any, Any]]
    settings: dict[str, Any]

    def fit(self, params: dict[str, Any], fold: int, n_samples: int | None = None, **more: Any) -> Result:
        """Return the scores of one candidate on one fold, trained with ``n_samples`` of its samples."""
        train, test = self.folds[fold]
        if n_samples is not None:
            train = train[self._order(train, fold)[:n_samples]]
        return _fit_and_score(
            clone(self.estimator),
            self.X,
            self.y,
            train=train,
            test=test,
            parameters=params,
            split_progress=(fold, len(self.folds)),
            **self.settings,
            **more,
        )

    def _order(self, train: Any, fold: int) -> Any:
        """Return the order of a training set's samples, of which a fit takes the first ones.

        Always the same, so that a larger sample contains the smaller ones; a classifier's classes have
        their shares in every sample (of several labels each combination is a class).
        """
        order = np.random.default_rng(fold).permutation(len(train))
        if not is_classifier(self.estimator):
            return order
        labels = classes(self.y, train[order])
        place = np.empty(len(order))
        for label in range(labels.max() + 1):
            rows = np.flatnonzero(labels == label)
            place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
        return order[np.argsort(place, kind="stable")]

    def lost(self, fold: int, reason: str) -> Result:
        """Return the result of a fit that killed its workers: failed, as if it had raised."""
        error_score = self.settings["error_score"]
        scorer, scores = self.settings["scorer"], error_score
        if isinstance(scorer, _MultimetricScorer):
            scores = dict.fromkeys(scorer._scorers, error_score)
        result = {
            "fit_error": reason,
            "test_scores": scores,
            "n_test_samples": len(self.folds[fold][1]),
            "fit_time": math.nan,
            "score_time": math.nan,
        }
        if self.settings["return_train_score"]:
            result["train_scores"] = copy.copy(scores)
        return result
