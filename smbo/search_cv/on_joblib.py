"""Run the fits of a search in this process, or in the slots of a joblib back end."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Self

from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import BatchedCalls
from sklearn import get_config
from sklearn.utils.parallel import Parallel, delayed

from smbo.search_cv.callbacks import Silence, fit_context
from smbo.search_cv.candidates import Candidates
from smbo.search_cv.fits import Fit, NAhead, Work, evaluate
from smbo.search_cv.on_dask import run_on_dask
from smbo.search_cv.scores import Result

Call = tuple[Any, tuple[Any, ...], dict[str, Any]]  # function, positional and named arguments


def run_on_joblib(
    n_jobs: int | None, pre_dispatch: Any, candidates: Candidates, work: Work, search: Any, context: Any
) -> None:
    """Evaluate candidates in the slots of the active joblib back end.

    A back end that calls back when a fit has ended gets another one at once.  With any other,
    candidates are evaluated in batches just large enough to occupy all slots.
    """
    n_folds = len(work.folds)
    calls = _Calls(candidates, work, search, context)
    with Parallel(n_jobs=n_jobs, pre_dispatch=pre_dispatch) as parallel:
        n_slots = parallel._effective_n_jobs()
        backend = parallel._backend
        if n_slots == 1:
            evaluate(_OneSlot(calls), candidates, n_folds)
        elif hasattr(backend, "client") and hasattr(backend, "submit_kwargs"):  # joblib's for Dask
            run_on_dask(backend.client, candidates, work, search, context)
        elif getattr(backend, "supports_retrieve_callback", False) and calls.are_known_beforehand(n_folds):
            most = _amount(pre_dispatch, n_slots)
            evaluate(_JoblibSlots(parallel, calls, work, n_slots, most), candidates, n_folds)
        else:
            _in_batches(parallel, math.ceil(n_slots / n_folds), candidates, calls, n_folds)


def _amount(pre_dispatch: Any, n_slots: int) -> float:
    """Return how many fits may be submitted at once, as joblib reads ``pre_dispatch``."""
    if pre_dispatch is None or pre_dispatch == "all":
        return math.inf
    if not isinstance(pre_dispatch, str):
        return max(1, int(pre_dispatch))
    from joblib._utils import eval_expr

    return max(1, int(eval_expr(pre_dispatch.replace("n_jobs", str(n_slots)))))


class _Calls:
    """Makes the call of each fit, with scikit-learn's callbacks where there are any.

    A callback's context must not be made while another one is on its way to a worker: making it
    changes ``search``, which is sent along.
    """

    def __init__(self, candidates: Candidates, work: Work, search: Any, context: Any) -> None:
        self._candidates = candidates
        self._work = work
        self._search = search
        self._context = context
        self._n_folds = len(work.folds)
        self._made: dict[int, Any] = {}

    def are_known_beforehand(self, n_folds: int) -> bool:
        """Make the contexts of all fits; return False where there are some and their number is not known."""
        if isinstance(self._context, Silence):
            return True
        if self._candidates.has_resource:
            return False
        for task in range(self._candidates.n_iter * n_folds):
            self._made[task] = fit_context(self._context, task)
        return True

    def __call__(self, fit: Fit) -> Call:
        more: dict[str, Any] = {
            "candidate_progress": (fit.number, self._candidates.n_iter),
            "n_samples": fit.n_samples,
        }
        if not isinstance(self._context, Silence):
            task = fit.number * self._n_folds + fit.fold
            if task not in self._made:  # a fit that runs again has the one that it had
                self._made[task] = fit_context(self._context, task)
            more.update(caller=self._search, callback_ctx=self._made[task])
        call: Call = delayed(self._work.fit)(fit.params, fit.fold, **more)
        return call


class _OneSlot:
    """Runs one fit after the other, in this process."""

    def __init__(self, calls: _Calls) -> None:
        self._calls = calls
        self._next: Fit | None = None

    def __len__(self) -> int:
        return int(self._next is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._next = None

    def has_room(self, n_ahead: NAhead) -> bool:
        """Return whether no fit is waiting."""
        del n_ahead
        return self._next is None

    def submit(self, fit: Fit) -> None:
        """Keep a fit for ``take``."""
        self._next = fit

    def take(self) -> list[tuple[Fit, Result]]:
        """Run the fit."""
        assert self._next is not None
        fit, self._next = self._next, None
        wrapped, args, kwargs = self._calls(fit)
        return [(fit, wrapped.function(*args, **kwargs))]


class _JoblibSlots:
    """The slots of a joblib back end that calls back when a fit has ended.

    ``joblib.Parallel`` itself reads as many tasks ahead as there are slots, and in a thread of the
    back end, which could not wait there for a result to propose from.  So fits are submitted to its
    back end, in the way that it does it.

    A process that dies takes all processes of loky along.  The fits that ran are suspects: each runs again
    alone, and one that kills its process again has failed.
    """

    def __init__(self, parallel: Any, calls: _Calls, work: Work, n_slots: int, most: float) -> None:
        self._parallel = parallel
        self._backend = parallel._backend
        self._calls = calls
        self._work = work
        self._suspects: deque[Fit] = deque()
        self._on_trial: Fit | None = None  # a suspect that runs alone
        self._is_broken = False
        self._n_slots = n_slots
        self._most = most
        self._n_running = 0
        self._ended: SimpleQueue[tuple[Fit, Any]] = SimpleQueue()
        self._with_settings = _settings_of_this_thread()
        self._pickled: dict[Any, Any] = {}  # joblib's cache of functions' pickles

    def __len__(self) -> int:
        return self._n_running + len(self._suspects)

    def __enter__(self) -> Self:
        self._backend.start_call()
        return self

    def __exit__(self, *_: object) -> None:
        if self._n_running:
            self._backend.abort_everything(ensure_ready=False)
        self._backend.stop_call()

    def has_room(self, n_ahead: NAhead) -> bool:
        """Return whether fewer fits are submitted than keep all slots busy, and than may be."""
        if self._suspects or self._on_trial is not None:
            return False
        return self._n_running < min(self._n_slots + n_ahead(self._n_slots), self._most)

    def submit(self, fit: Fit) -> None:
        """Hand a fit to the back end."""
        call = self._with_settings(self._calls(fit))
        batch = BatchedCalls([call], self._backend.get_nested_backend(), self._keep_arrays, self._pickled)
        hand_over = getattr(self._backend, "submit", None) or self._backend.apply_async
        self._n_running += 1
        hand_over(batch, callback=lambda out: self._ended.put((fit, out)))

    def take(self) -> list[tuple[Fit, Result]]:
        """Wait for a fit to end; return all that have ended, none if processes died under them."""
        if self._suspects and not self._n_running:
            self._on_trial = self._suspects.popleft()
            self.submit(self._on_trial)
        ended = [self._ended.get()]
        while not self._ended.empty():
            ended.append(self._ended.get())
        self._n_running -= len(ended)
        found = []
        for fit, out in ended:
            try:
                found.append((fit, self._result(out)))
            except TerminatedWorkerError as error:
                self._is_broken = True
                if fit is not self._on_trial:
                    self._suspects.append(fit)
                    continue
                if self._work.settings["error_score"] == "raise":
                    raise
                found.append((fit, self._work.lost(fit.fold, str(error))))
            if fit is self._on_trial:
                self._on_trial = None
        if self._is_broken and not self._n_running:
            self._backend.abort_everything(ensure_ready=True)
            self._is_broken = False
        return found

    def _result(self, out: Any) -> Result:
        """Return a fit's result; raise what it raised."""
        result = self._backend.retrieve_result_callback(out)
        if isinstance(result, BaseException):  # a pool hands over what it could not pickle
            raise result
        only: Result = result[0]
        return only

    def _keep_arrays(self) -> None:
        """Have loky share large arrays through files that live as long as this search."""
        folders = getattr(getattr(self._backend, "_workers", None), "_temp_folder_manager", None)
        if folders is not None:
            folders.set_current_context(self._parallel._id)


def _settings_of_this_thread() -> Callable[[Call], Call]:
    """Return what has a call run with the present scikit-learn configuration and warning filters."""
    config, filters = get_config(), warnings.filters

    def with_settings(call: Call) -> Call:
        wrapped, args, kwargs = call
        if hasattr(wrapped, "with_config_and_warning_filters"):
            return wrapped.with_config_and_warning_filters(config, filters), args, kwargs
        return wrapped.with_config(config), args, kwargs  # before scikit-learn 1.7

    return with_settings


def _in_batches(parallel: Any, width: int, candidates: Candidates, calls: _Calls, n_folds: int) -> None:
    """Evaluate candidates ``width`` at a time, with a barrier after each batch."""
    while numbers := candidates.propose(width):
        fits = deque(
            Fit(number, fold, candidates.params[number], candidates.n_samples(number))
            for number in numbers
            for fold in range(n_folds)
        )
        # all of them before the first is sent: see _Calls
        out = parallel([calls(fit) for fit in fits])
        for row, number in enumerate(numbers):
            candidates.tell(number, out[row * n_folds : (row + 1) * n_folds])
