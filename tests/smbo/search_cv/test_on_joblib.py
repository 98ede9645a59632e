"""Fits in the slots of joblib's back ends: no barrier between candidates, whichever back end it is."""

import os
import threading
import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from joblib.parallel import ParallelBackendBase, register_parallel_backend
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from smbo import BayesSearchCV, Real
from smbo.search_cv import on_joblib
from smbo.search_cv.on_joblib import _amount

SPACE = {"x": (0.0, 1.0)}
X = np.arange(24.0)[:, None]
PATIENCE = 30  # seconds until a wait is given up; none is waited for to its end


class Meeting:
    """Fits begun, in order; the first one waits until a number of them have begun."""

    def __init__(self, n):
        self.n = n
        self.begun = []
        self.met = threading.Event()
        self.lock = threading.Lock()

    def begin(self, x):
        with self.lock:
            self.begun.append(x)
            number = len(self.begun)
        if number >= self.n:
            self.met.set()
        if number == 1 and not self.met.wait(PATIENCE):
            raise RuntimeError(f"only {len(self.begun)} fits began while the first one ran")


MEETING = Meeting(0)


class Waits(BaseEstimator):
    def __init__(self, x=0.0):
        self.x = x

    def fit(self, X, y=None):
        MEETING.begin(self.x)
        return self

    def score(self, X, y=None):
        return -((self.x - 0.3) ** 2)


def search(**settings):
    return BayesSearchCV(
        Waits(), SPACE, **{"cv": 2, "random_state": 0, "refit": False, "error_score": "raise", **settings}
    )


@pytest.fixture
def meet():
    def expect(n):
        MEETING.__init__(n)

    yield expect
    expect(0)


@pytest.mark.parametrize(("n_jobs", "cv"), [(2, 2), (4, 3), (3, 5)])
def test_a_slow_fit_holds_up_no_other_candidate(meet, n_jobs, cv):
    meet(8 * cv - 2)  # all but two of the fits, beside a single slow one
    with parallel_config(backend="threading"):
        found = search(n_jobs=n_jobs, cv=cv, n_iter=8).fit(X)
    assert len(MEETING.begun) == 8 * cv
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


def test_the_initial_design_is_not_cut_into_batches(meet):
    meet(6)  # six slots are filled although a candidate has but one fold to fit
    with parallel_config(backend="threading"):
        search(n_jobs=6, cv=[(np.arange(12), np.arange(12, 24))], n_iter=6).fit(X)
    assert len(set(MEETING.begun)) == 6


def test_each_candidate_is_proposed_with_the_scores_known_by_then(meet):
    meet(0)
    with parallel_config(backend="threading"):
        found = search(n_jobs=2, n_iter=20).fit(X)
    late = [params["x"] for params in found.cv_results_["params"][10:]]
    assert np.median(np.abs(np.array(late) - 0.3)) < 0.1


@pytest.fixture(scope="module")
def data():
    return make_classification(60, n_features=4, random_state=0)


def fitted(data, **settings):
    C = {"C": Real(1e-2, 1e2, log=True)}
    blank = BayesSearchCV(LogisticRegression(), C, n_iter=4, cv=2, recipe="sobol", random_state=0, **settings)
    return blank.fit(*data)


@pytest.mark.parametrize("backend", ["threading", "multiprocessing", "loky"])
def test_every_back_end_gives_the_scores_of_one_job(data, backend):
    alone = fitted(data)
    with parallel_config(backend=backend):
        beside = fitted(data, n_jobs=2)
    for name in ("params", "split0_test_score", "rank_test_score"):
        np.testing.assert_array_equal(beside.cv_results_[name], alone.cv_results_[name])


class Plain(ParallelBackendBase):
    """A back end that does not tell of the end of a task, as third parties' may."""

    supports_retrieve_callback = False
    supports_timeout = True

    def effective_n_jobs(self, n_jobs):
        return n_jobs

    def submit(self, func, callback=None):
        result = func()
        if callback is not None:
            callback(result)
        return result

    def retrieve_result(self, out, timeout=None):
        return out


def test_a_back_end_that_does_not_tell_of_single_fits_gets_batches(data):
    register_parallel_backend("plain", Plain)
    with parallel_config(backend="plain"):
        found = fitted(data, n_jobs=4)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], fitted(data).cv_results_["mean_test_score"]
    )


def test_scikit_learns_configuration_reaches_the_fits_of_other_threads():
    import sklearn

    seen = []

    class Spy(Waits):
        def fit(self, X, y=None):
            seen.append(sklearn.get_config()["working_memory"])
            return self

    with parallel_config(backend="threading"), sklearn.config_context(working_memory=77):
        BayesSearchCV(Spy(), SPACE, n_iter=2, cv=2, n_jobs=2, refit=False).fit(X)
    assert seen == [77] * 4


def test_searches_nest_in_a_parallel_cross_validation(data):
    with parallel_config(backend="threading"):
        scores = cross_val_score(
            BayesSearchCV(LogisticRegression(), {"C": (0.1, 10.0)}, n_iter=2, cv=2, n_jobs=2),
            *data,
            cv=2,
            n_jobs=2,
        )
    assert np.isfinite(scores).all()


def test_after_an_error_the_back_end_serves_the_next_search(data):
    class Breaks(Waits):
        def fit(self, X, y=None):
            raise RuntimeError("broken")

    with parallel_config(backend="threading"):
        with pytest.raises(RuntimeError, match="broken"):
            BayesSearchCV(Breaks(), SPACE, n_iter=4, cv=2, n_jobs=2, error_score="raise").fit(X)
        assert Parallel(n_jobs=2)(delayed(abs)(x) for x in (-1, -2)) == [1, 2]
        assert len(fitted(data, n_jobs=2).cv_results_["params"]) == 4


@pytest.mark.parametrize(
    ("pre_dispatch", "most"),
    [("all", float("inf")), ("2*n_jobs", 8), ("n_jobs", 4), (3, 3), ("n_jobs//8", 1)],
)
def test_pre_dispatch_is_read_as_joblib_reads_it(pre_dispatch, most):
    assert _amount(pre_dispatch, 4) == most


def test_no_more_fits_are_submitted_than_pre_dispatch_says(data, monkeypatch):
    counts = []
    submit = on_joblib._JoblibSlots.submit
    monkeypatch.setattr(
        on_joblib._JoblibSlots, "submit", lambda slots, fit: (submit(slots, fit), counts.append(len(slots)))
    )
    with parallel_config(backend="threading"):
        fitted(data, n_jobs=4, pre_dispatch="n_jobs")
    assert max(counts) == 4


class Dies(BaseEstimator):
    """Ends its own process for x above .7."""

    def __init__(self, x=0.0):
        self.x = x

    def fit(self, X, y=None):
        if self.x > 0.7:
            os._exit(3)
        return self

    def score(self, X, y=None):
        return self.x


@pytest.mark.slow
def test_a_fit_that_ends_its_process_is_a_failed_one():
    blank = BayesSearchCV(
        Dies(), {"x": [0.1, 0.6, 0.9]}, n_iter=3, cv=2, n_jobs=2, recipe="random", random_state=0
    )
    with parallel_config(backend="loky"), warnings.catch_warnings(action="ignore"):
        found = blank.fit(X)
    states = {trial.params["x"]: str(trial.state) for trial in found.optimizers_[0].trials}
    assert states == {0.1: "complete", 0.6: "complete", 0.9: "failed"}
    assert found.best_params_ == {"x": 0.6}
