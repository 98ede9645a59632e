"""BayesSearchCV, the scikit-learn search estimator: parameters, attributes, refit."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures
from sklearn.utils import indexable
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_method_params

from smbo.fidelity import Asha, ByModel, EarlyStopping, Fidelity, Hyperband
from smbo.proposal.recipe import Recipe
from smbo.search_cv.callbacks import Callback, as_callbacks, ends_search, root_context, search_context
from smbo.search_cv.candidates import N_SAMPLES, Candidates, Resource
from smbo.search_cv.fits import Work
from smbo.search_cv.on_dask import opened, run_on_dask
from smbo.search_cv.on_joblib import run_on_joblib
from smbo.search_cv.samples import as_indices, least_samples
from smbo.search_cv.scores import ErrorScore, has_failed, rank_failed_last, with_names
from smbo.space import Space


class BayesSearchCV(BaseSearchCV):
    """Search for the parameters with the best cross-validated score, learning from each candidate.

    Used like RandomizedSearchCV, with the same attributes after ``fit``.

    Args:
        estimator: to tune.
        search_spaces: {parameter name: dimension or shorthand} as ``Space`` takes it, a Space, or
            a list of them.  With several, candidates come from each in turn.
        n_iter: number of candidates in total.
        recipe: how to propose: "auto", "gp", "forest", "random", "sobol", ..., or a Recipe.
        objective: with several metrics, the name of the one to search by; None takes the one that
            ``refit`` names, or the first.
        n_jobs: slots for fits: processes, or what joblib's active back end has.  Each fit of a candidate on
            a fold is a task, and the next candidate is proposed as soon as no fold of an earlier one is left
            to start, so that no slot waits for a slow fit.  (Back ends that tell of no single fit's end, as
            third parties' may, get candidates in batches.)
        client: a Dask client, or a scheduler's address: the same on a cluster.
        random_state: seed of the proposals.  With one job the same seed gives the same candidates.  With
            several the candidates of the initial design are the same; which scores are known when a
            later one is proposed, and so what it is, depends on which fits end first.
        resource: what promoted candidates get more of: the name of a parameter of the
            estimator, such as "n_estimators" or "mlp__max_iter", or "n_samples" of each training
            set.  None evaluates every candidate once, in full.
        min_resources, max_resources: lowest useful amount of it, and all; for "n_samples"
            by default a 27th part of the smallest training set (two for each class at
            least), and the whole of it.
        early_stopping: which candidates get more of it: "asha", "hyperband", "model", or an Asha(...),
            Hyperband(...), ByModel(...).
        pre_dispatch: as for RandomizedSearchCV, at most as many fits as keep all slots busy.
        error_score: as for RandomizedSearchCV.  Whatever it is, a candidate of which a fit failed is a
            failed one: the search avoids its region, and it is ranked last.
        scoring, refit, cv, verbose, return_train_score: as for RandomizedSearchCV.  A candidate
            without a finite mean score has failed too.

    Attributes:
        optimizers_: one for each search space, with every trial.
        cv_results_, best_params_ and the others: as for RandomizedSearchCV.  With a resource a row
            is one evaluation of a candidate, ``candidate`` and ``n_resources`` say which, and the
            best is the best of those with all of it.  After an interrupt (Ctrl-C) or an exception they are
            of the candidates that were evaluated, and nothing is refitted.

    >>> from sklearn.linear_model import Ridge
    >>> search = BayesSearchCV(Ridge(), {"alpha": Real(1e-3, 1e3, log=True)}, n_iter=3, cv=2, random_state=1)
    >>> bool(search.fit(np.arange(20.0).reshape(10, 2), np.arange(10.0)).best_score_ > 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "search_spaces": [Mapping, list, Space],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "recipe": [str, Recipe],
        "objective": [str, None],
        "client": "no_validation",
        "random_state": ["random_state"],
        "resource": [str, None],
        "min_resources": [Interval(Real, 0, None, closed="neither"), None],
        "max_resources": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": [str, Asha, ByModel, Hyperband],
    }

    def __init__(
        self,
        estimator: Any,
        search_spaces: Any,
        *,
        n_iter: int = 50,
        recipe: str | Recipe = "auto",
        objective: str | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        client: Any = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        resource: str | None = None,
        min_resources: float | None = None,
        max_resources: float | None = None,
        early_stopping: str | EarlyStopping = "asha",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        self.search_spaces = search_spaces
        self.n_iter = n_iter
        self.recipe = recipe
        self.objective = objective
        self.client = client
        self.random_state = random_state
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.early_stopping = early_stopping
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    # estimators that are not validated before fit may be anything
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: Any = None, *, callback: Callback | Sequence[Callback] | None = None, **params: Any
    ) -> Self:
        """Search, and refit the best candidate on all of the data.

        Args:
            X, y: what the estimator's ``fit`` takes.
            callback: a function, or a list of them, called with an ``Evaluated`` after each candidate, in
                this process.  One that returns True ends the search: fits of candidates under way
                are finished, the best is refitted.
            **params: for the estimator's fit, the scorer and the splitter, routed as
                RandomizedSearchCV routes them.
        """
        callbacks = as_callbacks(callback)
        scorers, refit_metric = self._get_scorers()
        self._check_objective(scorers)
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        weights = params.get("sample_weight")
        told = {"X": X, "y": y, "metadata": None if weights is None else {"sample_weight": weights}}
        context = root_context(self, told)
        work = Work(
            estimator=clone(self.estimator),
            X=X,
            y=y,
            folds=self._folds(X, y, routed),
            settings={
                "scorer": scorers,
                "fit_params": routed.estimator.fit,
                "score_params": routed.scorer.score,
                "return_train_score": self.return_train_score,
                "return_n_test_samples": True,
                "return_times": True,
                "return_parameters": False,
                "error_score": "raise" if self.error_score == "raise" else ErrorScore(self.error_score),
                "verbose": self.verbose,
            },
        )
        candidates = self._candidates(work, callbacks)
        try:
            self._search(candidates, work, context)
        except BaseException:
            self._keep_results(candidates, refit_metric)
            raise
        self._conclude(candidates, refit_metric)
        if self.refit:
            self._refit(work, context, told)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        context.call_on_fit_task_end(estimator=self, **told)
        return self

    def _candidates(self, work: Work, callbacks: list[Callback]) -> Candidates:
        """Return the candidates, none of them proposed yet."""

        def on_told(number: int) -> None:
            told = candidates.evaluated(number)
            if told.best_params is not None:  # for callbacks that look at the search
                self.best_params_, self.best_score_ = told.best_params, told.best_score
            candidates.is_stopped |= ends_search(callbacks, told)

        metric = self.objective
        if metric is None and isinstance(self.refit, str):
            metric = self.refit
        candidates = Candidates(
            self.search_spaces,
            self.recipe,
            self.random_state,
            self.n_iter,
            metric,
            self.verbose,
            self._resource(work),
            on_told if callbacks else None,
        )
        self.optimizers_ = candidates.optimizers
        return candidates

    def _search(self, candidates: Candidates, work: Work, context: Any) -> None:
        """Evaluate the candidates."""
        # which candidates are promoted to more of a resource is not known beforehand
        n_fits = None if self.resource else self.n_iter * len(work.folds)
        inner = search_context(context, self, n_fits)
        if self.client is None:
            run_on_joblib(self.n_jobs, self.pre_dispatch, candidates, work, self, inner)
        else:
            with opened(self.client) as client:
                run_on_dask(client, candidates, work, self, inner)
        inner.call_on_fit_task_end(estimator=self)

    def _conclude(self, candidates: Candidates, refit_metric: Any) -> None:
        """Set cv_results_ and the best candidate."""
        results, first_scores = self._collect(candidates)
        self.multimetric_ = isinstance(first_scores, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first_scores)
            refit_metric = self.refit
        self.cv_results_ = results
        self._choose(results, refit_metric)

    def _keep_results(self, candidates: Candidates, refit_metric: Any) -> None:
        """Set what is known of a search that was interrupted; whatever was refitted before goes."""
        for name in (
            "cv_results_",
            "best_index_",
            "best_params_",
            "best_score_",
            "best_estimator_",
            "scorer_",
        ):
            if hasattr(self, name):
                delattr(self, name)
        if candidates.numbers():
            # what interrupted the search is told to the user, rather than that all fits failed, too
            with suppress(Exception):
                self._conclude(candidates, refit_metric)

    def _resource(self, work: Work) -> Resource | None:
        """Return the resource that promoted candidates get more of, None if there is none."""
        if self.resource is None:
            return None
        least, most = self.min_resources, self.max_resources
        if self.resource == N_SAMPLES:
            whole = min(len(train) for train, _ in work.folds)
            most = whole if most is None else min(most, whole)
            n_needed = least_samples(work.y) if is_classifier(self.estimator) else 2
            least = min(max(n_needed, most // 27), most) if least is None else least
        elif self.resource not in self.estimator.get_params():
            raise ValueError(
                f"resource={self.resource!r} is neither 'n_samples' nor a parameter of {self.estimator!r}"
            )
        if least is None or most is None:
            raise ValueError(f"resource={self.resource!r}: give min_resources and max_resources too")
        is_whole = float(least).is_integer() and float(most).is_integer()
        # an estimator is fitted anew with more resources
        fidelity = Fidelity(float(least), float(most), is_whole, self.resource, resumes=False)
        return Resource(fidelity, self.early_stopping)

    def _check_objective(self, scorers: Any) -> None:
        """Refuse an objective that no scorer measures, where that can be known before a fit."""
        if self.objective is None or callable(self.scoring):
            return
        if not isinstance(scorers, _MultimetricScorer):
            raise ValueError(
                f"objective={self.objective!r} picks one of several metrics, but scoring={self.scoring!r} "
                "is a single one; leave it out"
            )
        if self.objective not in scorers._scorers:
            raise ValueError(
                f"objective={self.objective!r} is none of the metrics {sorted(scorers._scorers)}"
            )

    def _folds(self, X: Any, y: Any, routed: Any) -> list[tuple[Any, Any]]:
        """Return the (train, test) indices, the same for every candidate."""
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = cv.get_n_splits(X, y, **routed.splitter.split)
        folds = list(cv.split(X, y, **routed.splitter.split))
        if not folds:
            raise ValueError("No fits were performed: the cross-validation has no folds.")
        if len(folds) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results: "
                f"expected {self.n_splits_} splits, got {len(folds)}"
            )
        return [(as_indices(train), as_indices(test)) for train, test in folds]

    def _collect(self, candidates: Candidates) -> tuple[dict[str, Any], Any]:
        """Return cv_results_ and the scores of the first fit.

        Raises:
            ValueError: every fit of every candidate failed.
        """
        out = candidates.all_results()
        _warn_or_raise_about_fit_failures(out, self.error_score)
        with_names(out, "test_scores")
        with_names(out, "train_scores")
        params = [candidates.params[number] for number in candidates.numbers()]
        more = {name: np.asarray(column) for name, column in candidates.columns().items()}
        results = self._format_results(params, self.n_splits_, out, more)
        first = out[0]["test_scores"]
        names = list(first) if isinstance(first, dict) else ["score"]
        rank_failed_last(results, {name: [has_failed(each, name) for each in out] for name in names})
        return results, first

    def _choose(self, results: dict[str, Any], refit_metric: str) -> None:
        """Set best_index_, best_params_ and best_score_, where they are defined."""
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._best_index(results, refit_metric)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
        self.best_params_ = dict(results["params"][self.best_index_])

    def _best_index(self, results: dict[str, Any], refit_metric: str) -> int:
        """Return the row of the best candidate: with a resource, of those that had all of it."""
        if self.resource is None or callable(self.refit):
            return int(self._select_best_index(self.refit, refit_metric, results))
        whole = np.flatnonzero(results["n_resources"] == results["n_resources"].max())
        return int(whole[results[f"rank_test_{refit_metric}"][whole].argmin()])

    def _refit(self, work: Work, context: Any, told: dict[str, Any]) -> None:
        """Fit the best candidate on all of the data."""
        # parameters that are estimators themselves must not be fitted in place
        self.best_estimator_ = clone(work.estimator).set_params(**clone(self.best_params_, safe=False))
        refit_context = context.subcontext(task_name="refit-with-best-params")
        labels = () if work.y is None else (work.y,)
        with refit_context.propagate_callback_context(self.best_estimator_):
            refit_context.call_on_fit_task_begin(estimator=self, **told)
            start = time.time()
            self.best_estimator_.fit(work.X, *labels, **work.settings["fit_params"])
            self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        refit_context.call_on_fit_task_end(estimator=self, **told)

    def get_metadata_routing(self) -> Any:
        """Return the routing of metadata: ``callback`` is the search's own."""
        return super().get_metadata_routing().add_self_request(self)

    def __sklearn_clone__(self) -> Self:
        # a client is a connection: clones share it
        bare = copy.copy(self)
        bare.client = None
        twin: Self = super(BayesSearchCV, bare).__sklearn_clone__()
        twin.client = self.client
        return twin

    def __getstate__(self) -> dict[str, Any]:
        # a connection does not pickle; its address does
        state = dict(super().__getstate__())
        if hasattr(self.client, "scheduler_info"):
            state["client"] = self.client.scheduler.address
        return state
