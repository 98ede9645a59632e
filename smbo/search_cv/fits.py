"""Fit and score one candidate on one fold, by joblib or on a Dask cluster."""

from __future__ import annotations

import copy
import math
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn import config_context, get_config
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _fit_and_score
from sklearn.utils.parallel import Parallel, delayed

from smbo.search_cv.callbacks import Silence, fit_context
from smbo.search_cv.candidates import Candidates, Result


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
            train = np.asarray(train)[self._order(train, fold)[:n_samples]]
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
        their shares in every sample.
        """
        order = np.random.default_rng(fold).permutation(len(train))
        if not is_classifier(self.estimator):
            return order
        _, labels = np.unique(np.asarray(self.y)[np.asarray(train)[order]], return_inverse=True)
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


def run_on_joblib(
    n_jobs: int | None, pre_dispatch: Any, candidates: Candidates, work: Work, search: Any, context: Any
) -> None:
    """Evaluate candidates in batches just large enough to occupy all jobs."""
    n_folds = len(work.folds)
    width = math.ceil(effective_n_jobs(n_jobs) / n_folds)
    with Parallel(n_jobs=n_jobs, pre_dispatch=pre_dispatch) as parallel:
        while numbers := candidates.propose(width):
            tasks = [(number, fold) for number in numbers for fold in range(n_folds)]
            extras: list[dict[str, Any]] = [
                {
                    "candidate_progress": (number, candidates.n_iter),
                    "n_samples": candidates.n_samples(number),
                }
                for number, _ in tasks
            ]
            if not isinstance(context, Silence):
                # made before the parallel loop: making one changes ``search``, which the loop is sending
                for extra, (number, fold) in zip(extras, tasks, strict=True):
                    extra.update(caller=search, callback_ctx=fit_context(context, number * n_folds + fold))
            out = parallel(
                delayed(work.fit)(candidates.params[number], fold, **extra)
                for (number, fold), extra in zip(tasks, extras, strict=True)
            )
            for row, number in enumerate(numbers):
                candidates.tell(number, out[row * n_folds : (row + 1) * n_folds])


def run_on_dask(client: Any, candidates: Candidates, work: Work, search: Any, context: Any) -> None:
    """Keep every slot of a cluster busy, without a barrier between candidates.

    A few fits more than there are slots are submitted, so that no slot idles while the driver fits
    its model; a candidate is proposed when no fold of an earlier one is left to submit.
    """
    n_folds = len(work.folds)
    waiting: deque[tuple[int, int]] = deque()
    done: defaultdict[int, dict[int, Result]] = defaultdict(dict)
    with _Handed(client, work) as handed:
        while True:
            while not handed.is_settling_blame and len(handed) < _most_at_once(client):
                if not waiting:
                    waiting.extend((n, fold) for n in candidates.propose(1) for fold in range(n_folds))
                if not waiting:
                    break
                number, fold = waiting.popleft()
                handed.submit(number, fold, candidates.params[number], candidates.n_samples(number))
            if not handed:
                return
            number, fold, result = handed.take()
            done[number][fold] = result
            _note(search, fit_context(context, number * n_folds + fold), work)
            if len(done[number]) == n_folds:
                folds = done.pop(number)
                candidates.tell(number, [folds[fold] for fold in range(n_folds)])


def _most_at_once(client: Any) -> int:
    """Return how many fits to submit: one for each slot, and a few that wait on the workers."""
    n_slots = max(1, sum(client.nthreads().values()))
    # the next candidate is proposed without the waiting fits' results: no more of them than needed
    return n_slots + 1 + n_slots // 8


@dataclass(frozen=True)
class _Fit:
    """A fit submitted to the cluster; it runs alone once suspected of killing a worker."""

    number: int
    fold: int
    params: dict[str, Any]
    n_samples: int | None = None
    is_suspect: bool = False


class _Handed:
    """The fits submitted to a cluster; leaving the block cancels them.

    A fit that was on a worker when it died may have been beside or behind the one that killed it.
    Such suspects are run again, each alone on the cluster: one that kills a worker again has failed.
    """

    def __init__(self, client: Any, work: Work) -> None:
        from distributed import as_completed

        self._client = client
        self._work = work
        self._name = f"bayes-search-{uuid.uuid4().hex}"
        self._config = get_config()
        self._running: dict[Any, _Fit] = {}
        self._suspects: deque[_Fit] = deque()
        self._finished = as_completed(loop=client.loop)
        self._shared = client.scatter(work, broadcast=True, hash=False)
        self._is_kept = False

    def __len__(self) -> int:
        return len(self._running) + len(self._suspects)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.cancel([*self._running, self._shared])
        self._running.clear()

    @property
    def is_settling_blame(self) -> bool:
        """Whether suspects are to be run, each with the cluster to itself."""
        return bool(self._suspects) or any(fit.is_suspect for fit in self._running.values())

    def submit(self, number: int, fold: int, params: dict[str, Any], n_samples: int | None) -> None:
        """Submit a fit."""
        self._submit(_Fit(number, fold, params, n_samples))

    def take(self) -> tuple[int, int, Result]:
        """Wait for a fit and return the candidate's number, the fold and the result."""
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        while True:
            if self._suspects and not self._running:
                self._submit(replace(self._suspects.popleft(), is_suspect=True))
            future = next(self._finished)
            fit = self._running.pop(future)
            try:
                return fit.number, fit.fold, future.result()
            except KilledWorker as error:
                if not fit.is_suspect:
                    self._suspects.append(fit)
                elif self._work.settings["error_score"] == "raise":
                    raise
                else:
                    return fit.number, fit.fold, self._work.lost(fit.fold, str(error))
            except CancelledError:
                self._keep()
                self._submit(fit)
            finally:
                # at once: an exception's traceback would keep the future, and the cluster its task
                future.release()

    def _keep(self) -> None:
        """Have the scheduler keep the data: all workers that held them died.

        Scattered data are on the workers only, and gone with the last of them.  A task's result is
        computed again, at the price of a copy in the scheduler's memory.
        """
        if self._is_kept and self._shared.status not in ("cancelled", "lost"):
            return  # another fit that needed the old copy came first
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            self._shared = self._client.submit(_same, self._work, key=f"{self._name}-data-{uuid.uuid4().hex}")
        self._is_kept = True

    def _submit(self, fit: _Fit) -> None:
        future = self._client.submit(
            _fit_on_worker,
            self._shared,
            fit.params,
            fit.fold,
            fit.n_samples,
            self._config,
            key=f"{self._name}-{fit.number}-{fit.fold}-{uuid.uuid4().hex[:8]}",
            pure=False,
        )
        self._running[future] = fit
        self._finished.add(future)


def _same(work: Work) -> Work:
    return work


def _fit_on_worker(
    work: Work, params: dict[str, Any], fold: int, n_samples: int | None, config: dict[str, Any]
) -> Result:
    """Run one fit with the driver's scikit-learn configuration."""
    with config_context(**config):
        return work.fit(params, fold, n_samples)


def _note(search: Any, context: Any, work: Work) -> None:
    """Tell callbacks of a fit that was done on a cluster, where they cannot be called."""
    told = {"estimator": search, "X": work.X, "y": work.y, "metadata": None}
    context.call_on_fit_task_begin(**told)
    context.call_on_fit_task_end(**told)


@contextmanager
def opened(client: Any) -> Iterator[Any]:
    """Yield a client: the one given, or one of our own to the address given."""
    if not isinstance(client, str):
        yield client
        return
    from distributed import Client

    with Client(client, set_as_default=False) as own:
        yield own
