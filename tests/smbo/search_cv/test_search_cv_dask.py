"""BayesSearchCV on a Dask cluster: folds of all candidates side by side, no barrier, failures as data."""

import importlib
import os
import pickle
import time
from pathlib import Path

import dask
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from smbo import BayesSearchCV, Real

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.dask

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
C = {"C": Real(1e-3, 1e2, log=True)}


@pytest.fixture(scope="module")
def client():
    """Two workers of one slot each, as processes, and a fit is blamed for the first that dies with it."""
    with pytest.MonkeyPatch.context() as patch:
        # worker processes start with this path, and import the benchmark's estimator
        patch.syspath_prepend(BENCHMARKS)
        yield from _cluster()


def _cluster():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def data():
    return make_classification(120, n_features=6, n_informative=4, flip_y=0.2, random_state=0)


class Thing(BaseEstimator):
    """Scores x; does what it is told when x is above a half."""

    def __init__(self, x=0.0, above="nothing"):
        self.x = x
        self.above = above

    def fit(self, X, y=None, sample_weight=None):
        if self.x > 0.5 and self.above == "raise":
            raise RuntimeError("too large")
        if self.x > 0.5 and self.above == "die":
            os._exit(1)
        if sample_weight is None and self.above == "weights":
            raise RuntimeError("no weights")
        return self

    def score(self, X, y=None):
        return self.x


def search(estimator, spaces, client, **settings):
    return BayesSearchCV(
        estimator, spaces, client=client, **{"n_iter": 6, "cv": 3, "random_state": 0, **settings}
    )


def test_scores_are_those_of_a_search_without_a_cluster(client, data):
    found = search(LogisticRegression(), C, client, recipe="random").fit(*data)
    local = search(LogisticRegression(), C, None, recipe="random").fit(*data)
    assert found.cv_results_["params"] == local.cv_results_["params"]
    for key in ("split0_test_score", "split2_test_score", "mean_test_score", "rank_test_score"):
        np.testing.assert_allclose(found.cv_results_[key], local.cv_results_[key], rtol=1e-12)
    np.testing.assert_allclose(found.predict_proba(data[0]), local.predict_proba(data[0]), rtol=1e-10)


def test_no_slot_waits_for_a_slow_fold(client):
    bench = importlib.import_module("bench_search_cv_timeline")
    fits = bench.timeline(client, 6)
    assert len(fits) == 6 * len(bench.FOLDS)
    # folds of different candidates ran at the same time
    assert any(a[3] != b[3] and b[1] < a[2] for a in fits for b in fits if a[1] < b[1])
    busy = bench.busy_fraction(fits, n_slots=2)
    # 0.95 and more where the machine has nothing else to do, 0.71 with a barrier after each candidate
    assert busy >= 0.8, bench.draw(fits)


def test_the_search_learns_on_a_cluster_too(client):
    found = search(Thing(), {"x": (0.0, 1.0)}, client, n_iter=16).fit(np.zeros((9, 1)))
    assert found.best_score_ > 0.95


@pytest.mark.parametrize("above", ["raise", pytest.param("die", marks=pytest.mark.slow)])
def test_a_candidate_that_raises_or_kills_its_worker_is_a_failed_one(client, above):
    with pytest.warns((FitFailedWarning, UserWarning)) as warned:
        found = search(Thing(above=above), {"x": [0.1, 0.9, 0.3]}, client, n_iter=3, cv=KFold(2)).fit(
            np.zeros((8, 1))
        )
    assert any("2 fits failed out of a total of 6" in str(w.message) for w in warned)
    x = np.array([params["x"] for params in found.cv_results_["params"]])
    assert list(np.isnan(found.cv_results_["mean_test_score"])) == list(x > 0.5)
    assert [trial.state == "failed" for trial in found.optimizers_[0].trials] == list(x > 0.5)
    assert found.best_params_ == {"x": 0.3}
    client.wait_for_workers(2, timeout=300)


def test_error_score_raise_raises_the_error_of_the_worker_and_leaves_nothing_behind(client):
    with pytest.raises(RuntimeError, match="too large"):
        search(Thing(above="raise"), {"x": (0.6, 1.0)}, client, error_score="raise").fit(np.zeros((9, 1)))
    deadline = time.monotonic() + 300
    while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_metadata_and_configuration_reach_the_workers(client):
    with sklearn.config_context(enable_metadata_routing=True):
        thing = Thing(above="weights").set_fit_request(sample_weight=True)
        found = search(thing, {"x": (0.0, 1.0)}, client, n_iter=2).fit(
            np.zeros((9, 1)), sample_weight=np.ones(9)
        )
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


def test_an_address_will_do_for_a_client(client):
    found = search(Thing(), {"x": (0.0, 1.0)}, client.scheduler.address, n_iter=2).fit(np.zeros((9, 1)))
    assert found.best_params_


def test_clones_share_the_client_and_a_pickle_remembers_where_it_led(client):
    blank = search(Thing(), {"x": (0.0, 1.0)}, client)
    assert clone(blank).client is client
    assert blank.client is client
    assert pickle.loads(pickle.dumps(blank)).client == client.scheduler.address
