"""Candidates of a search: propose them, promote them to more resources, and record their scores."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from smbo.errors import SpaceExhausted
from smbo.fidelity import EarlyStopping, Fidelity
from smbo.frozen import thawed_point
from smbo.optimizer import Optimizer
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.search_cv.callbacks import Evaluated
from smbo.search_cv.scores import Result, failure_reason, has_failed
from smbo.space import Space
from smbo.trial import Trial

N_SAMPLES = "n_samples"  # the resource that is no parameter of the estimator


@dataclass(frozen=True)
class Resource:
    """The resource that a promoted candidate gets more of.

    Attributes:
        fidelity: its name is a parameter of the estimator, or "n_samples".
        early_stopping: which candidates get more.
    """

    fidelity: Fidelity
    early_stopping: EarlyStopping | str


class Candidates:
    """Proposes candidates, and tells the optimizers their scores.

    With a resource a candidate may be evaluated again, with more of it: each evaluation has a number.

    Args:
        search_spaces: what Space takes, or a list of that; with several, each has its turn.
        recipe: how to propose.
        random_state: of scikit-learn's kinds.
        n_iter: candidates in total.
        metric: name of the metric to search by, None for the first.
        verbose: print a line for each candidate from 1 up.
        resource: that promoted candidates get more of; None evaluates each once.
        on_told: is called with the number of each evaluation once it is told.

    Attributes:
        is_stopped: set to propose no more.
        optimizers: one for each search space.
        params: of each evaluation, in the order of their proposal.
        results: by evaluation, of its folds in order.
        best: number and score of the best evaluation; None before there is one.
        n_iter, has_resource: as given.
    """

    def __init__(
        self,
        search_spaces: Any,
        recipe: str | Recipe,
        random_state: Any,
        n_iter: int,
        metric: str | None,
        verbose: int,
        resource: Resource | None = None,
        on_told: Callable[[int], None] | None = None,
    ) -> None:
        spaces = [*search_spaces] if isinstance(search_spaces, list) else [search_spaces]
        if not spaces:
            raise ValueError("search_spaces=[]: give at least one space")
        random = check_random_state(random_state)
        fidelity = None if resource is None else resource.fidelity
        early_stopping = None if resource is None else resource.early_stopping
        self.optimizers = [
            Optimizer(
                Problem(
                    space if isinstance(space, Space) else Space(space),
                    maximize=True,
                    fidelity=fidelity,
                    early_stopping=early_stopping,
                ),
                recipe,
                seed=int(random.randint(2**31 - 1)),
            )
            for space in spaces
        ]
        self.params: list[dict[str, Any]] = []
        self.results: dict[int, list[Result]] = {}
        self.n_iter = n_iter
        self.has_resource = resource is not None
        self._on_told = on_told
        self.is_stopped = False
        self.best: tuple[int, float] | None = None
        self._n_candidates = 0
        self._resource = resource
        self._metric = metric
        self._verbose = verbose
        self._best_rank = (-math.inf, -math.inf)
        self._asked: list[tuple[Optimizer, Trial]] = []
        self._turns = deque(self.optimizers)

    def propose(self, n: int) -> list[int]:
        """Return the numbers of the next n evaluations; fewer at the end of the search."""
        first = len(self.params)
        while len(self.params) < first + n:
            found = self._next()
            if found is None:
                break
            self._asked.append(found)
            self.params.append(self._params(found[1]))
        return list(range(first, len(self.params)))

    def _next(self) -> tuple[Optimizer, Trial] | None:
        """Return the optimizer and the trial to evaluate next, None if there is none for now."""
        if self.is_stopped:
            return None
        while self._n_candidates < self.n_iter and self._turns:
            optimizer = self._turns[0]
            n_known = len(optimizer.trials)
            try:
                trial = optimizer.ask()
            except SpaceExhausted:
                self._turns.popleft()
                if not self._turns:
                    self._warn_of_the_end()
                continue
            self._turns.rotate(-1)
            self._n_candidates += trial.number >= n_known
            return optimizer, trial
        for optimizer in self.optimizers:
            if self._resource is not None and (promoted := optimizer.promote()) is not None:
                return optimizer, promoted
        return None

    def _params(self, trial: Trial) -> dict[str, Any]:
        """Return the parameters to set for an evaluation, the resource among them if it is a parameter."""
        if self._resource is None or self._resource.fidelity.name == N_SAMPLES:
            return thawed_point(trial.params)
        return {**thawed_point(trial.params), self._resource.fidelity.name: trial.fidelity}

    def n_samples(self, number: int) -> int | None:
        """Return how many samples of a fold an evaluation trains with, None for all of them."""
        if self._resource is None or self._resource.fidelity.name != N_SAMPLES:
            return None
        return int(self._asked[number][1].fidelity or 0)

    def columns(self) -> dict[str, list[Any]]:
        """Return the columns of cv_results_ besides parameters and scores."""
        if self._resource is None:
            return {}
        trials = [self._asked[number][1] for number in self.numbers()]
        return {
            "candidate": [trial.number for trial in trials],
            "n_resources": [trial.fidelity for trial in trials],
        }

    def tell(self, number: int, results: list[Result]) -> None:
        """Record an evaluation's folds; with a failed fold, or without a finite mean score, it has failed.

        The spread between folds is not recorded as the score's error: the folds are the same for all
        candidates, so that most of it is common to them and does not blur their order.
        """
        self.results[number] = results
        score = float(np.mean([self._score(result["test_scores"]) for result in results]))
        optimizer, trial = self._asked[number]
        is_measured = math.isfinite(score) and not any(has_failed(each, self._metric) for each in results)
        if is_measured:
            optimizer.tell(trial, score)
            self._note_best(number, score)
        else:
            optimizer.tell(trial, status="failed", reason=failure_reason(results))
        if self._verbose > 0:
            of = f" of {self.n_iter}" if self._resource is None else ""
            text = f"score {score:.6g}" if is_measured else "failed"
            print(f"candidate {number + 1}{of}: {text}, {self.params[number]}")
        if self._on_told is not None:
            self._on_told(number)

    def _note_best(self, number: int, score: float) -> None:
        """Keep the best of the evaluations: with a resource, of those with the most of it so far."""
        rank = (self._asked[number][1].fidelity or 0.0, score)
        if self.best is None or rank > self._best_rank:
            self.best, self._best_rank = (number, score), rank

    def evaluated(self, number: int) -> Evaluated:
        """Return what callbacks are told of an evaluation that is done."""
        _, trial = self._asked[number]
        score = float(np.mean([self._score(result["test_scores"]) for result in self.results[number]]))
        is_measured = not any(has_failed(each, self._metric) for each in self.results[number])
        best, best_score = (None, None) if self.best is None else (self.params[self.best[0]], self.best[1])
        return Evaluated(
            number,
            dict(self.params[number]),
            score if is_measured and math.isfinite(score) else None,
            len(self.results),
            best,
            best_score,
            trial.fidelity,
        )

    def numbers(self) -> list[int]:
        """Return the numbers of the evaluations whose folds are all done, in order."""
        return sorted(self.results)

    def all_results(self) -> list[Result]:
        """Return the results of all folds of all candidates that are done, by candidate."""
        return [result for number in self.numbers() for result in self.results[number]]

    def _score(self, scores: Any) -> float:
        """Return the score to search by, from a scorer's result for one fold."""
        # a number in place of several metrics is the error score of a fit that failed
        if not isinstance(scores, dict):
            return float(scores)
        name = next(iter(scores)) if self._metric is None else self._metric
        if name not in scores:
            raise ValueError(f"objective={name!r} is none of the metrics {sorted(scores)}")
        return float(scores[name])

    def _warn_of_the_end(self) -> None:
        warnings.warn(
            f"The search spaces hold {self._n_candidates} candidates, fewer than n_iter={self.n_iter}; "
            "all of them were tried.",
            UserWarning,
            stacklevel=2,
        )
