"""Run the fits of a search on a Dask cluster."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from sklearn import config_context, get_config

from smbo.search_cv.callbacks import fit_context
from smbo.search_cv.candidates import Candidates
from smbo.search_cv.fits import Fit, NAhead, Work, evaluate
from smbo.search_cv.scores import Result


def run_on_dask(client: Any, candidates: Candidates, work: Work, search: Any, context: Any) -> None:
    """Keep every slot of a cluster busy, without a barrier between candidates."""
    n_folds = len(work.folds)

    def note(fit: Fit) -> None:
        _note(search, fit_context(context, fit.number * n_folds + fit.fold), work)

    evaluate(_DaskSlots(client, work, note), candidates, n_folds)


class _DaskSlots:
    """The fits submitted to a cluster; leaving the block cancels them.

    A fit that was on a worker when it died may have been beside or behind the one that killed it.
    Such suspects are run again, each alone on the cluster: one that kills a worker again has failed.
    """

    def __init__(self, client: Any, work: Work, note: Callable[[Fit], None]) -> None:
        from distributed import as_completed

        self._client = client
        self._work = work
        self._note = note
        self._name = f"bayes-search-{uuid.uuid4().hex}"
        self._config = get_config()
        self._running: dict[Any, Fit] = {}
        self._suspects: deque[Fit] = deque()
        self._on_trial: Fit | None = None  # a suspect that runs alone
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

    def has_room(self, n_ahead: NAhead) -> bool:
        """Return whether another fit is to be submitted: not while a suspect has the cluster to itself."""
        if self._suspects or self._on_trial is not None:
            return False
        n_slots = max(1, sum(self._client.nthreads().values()))
        return len(self._running) < n_slots + n_ahead(n_slots)

    def submit(self, fit: Fit) -> None:
        """Submit a fit."""
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

    def take(self) -> list[tuple[Fit, Result]]:
        """Wait for a fit to end, and return it with its result."""
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        while True:
            if self._suspects and not self._running:
                self._on_trial = self._suspects.popleft()
                self.submit(self._on_trial)
            future = next(self._finished)
            fit = self._running.pop(future)
            try:
                result = future.result()
            except KilledWorker as error:
                if fit is not self._on_trial:
                    self._suspects.append(fit)
                    continue
                if self._work.settings["error_score"] == "raise":
                    raise
                result = self._work.lost(fit.fold, str(error))
            except CancelledError:
                self._keep()
                self.submit(fit)
                continue
            finally:
                # at once: an exception's traceback would keep the future, and the cluster its task
                future.release()
            if fit is self._on_trial:
                self._on_trial = None
            self._note(fit)
            return [(fit, result)]

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
