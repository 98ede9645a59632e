"""The search estimator with a resource: candidates that do well get more of it."""

import numpy as np
import pytest
from distributed import Client
from scipy.sparse import csr_matrix
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from smbo import BayesSearchCV
from smbo.fidelity import Hyperband

X, Y = make_classification(n_samples=120, n_features=6, random_state=1)
TREES = {"max_depth": (1, 6), "max_features": (1, 6)}


def forest_search(**more):
    settings = {"resource": "n_estimators", "min_resources": 1, "max_resources": 9, **more}
    return BayesSearchCV(
        RandomForestClassifier(random_state=0),
        TREES,
        n_iter=9,
        recipe="random",
        cv=2,
        random_state=1,
        **settings,
    )


@pytest.fixture(scope="module")
def client():
    with Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0"
    ) as client:
        yield client


def check(search, n_candidates=9):
    """What holds of every search with a resource that was fitted."""
    results = search.cv_results_
    per_level = {level: set(results["candidate"][results["n_resources"] == level]) for level in (1, 3, 9)}
    assert len(per_level[1] | per_level[3] | per_level[9]) == n_candidates
    assert 1 <= len(per_level[9]) < n_candidates
    whole = results["n_resources"] == 9
    assert search.best_score_ == np.max(results["mean_test_score"][whole])
    assert whole[search.best_index_]
    return per_level


def test_a_parameter_of_the_estimator_can_be_the_resource():
    search = forest_search().fit(X, Y)
    levels = check(search)
    assert len(levels[1]) == 9 > len(levels[3]) >= 3
    assert search.best_params_["n_estimators"] == 9
    assert len(search.best_estimator_.estimators_) == 9


def test_samples_can_be_the_resource():
    search = BayesSearchCV(
        LogisticRegression(),
        {"C": (0.001, 100.0)},
        n_iter=6,
        recipe="random",
        cv=3,
        random_state=0,
        resource="n_samples",
    ).fit(X, Y)
    levels = sorted(set(search.cv_results_["n_resources"]))
    assert levels[0] == 4  # two of each class
    assert levels[-1] == 80
    assert set(search.best_params_) == {"C"}


@pytest.mark.parametrize("stopping", ["asha", Hyperband(3)], ids=str)
def test_a_search_with_a_resource_runs_on_a_dask_client(client, stopping):
    search = forest_search(client=client, early_stopping=stopping).fit(X, Y)
    check(search)
    assert search.predict(X).shape == Y.shape


def test_a_resource_that_is_none_is_refused():
    with pytest.raises(ValueError, match="neither 'n_samples' nor a parameter"):
        forest_search(resource="n_trees").fit(X, Y)
    with pytest.raises(ValueError, match="give min_resources and max_resources"):
        forest_search(min_resources=None).fit(X, Y)
    with pytest.raises(ValueError, match="stopping"):
        forest_search(early_stopping="halving").fit(X, Y)


def sampled(estimator, y, **settings):
    """Return a search with samples as the resource, fitted to some kind of data."""
    fit_params = settings.pop("fit_params", {})
    X = settings.pop("X", np.random.default_rng(0).normal(size=(90, 4)))
    blank = BayesSearchCV(
        estimator,
        {"max_depth": (1, 6)},
        **{"n_iter": 4, "recipe": "random", "cv": 3, "random_state": 0, "resource": "n_samples", **settings},
    )
    found = blank.fit(X, y, **fit_params)
    levels = sorted(set(found.cv_results_["n_resources"]))
    assert len(levels) > 1
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    return levels


LABELS = (np.random.default_rng(1).random((90, 3)) < 0.4).astype(int)


@pytest.mark.parametrize(
    "y", [LABELS, LABELS[:, :1], [*map(str, LABELS[:, 0])]], ids=["several labels", "column", "list"]
)
def test_samples_of_several_labels_can_be_the_resource(y):
    assert sampled(DecisionTreeClassifier(), y)[-1] == 60


def test_samples_of_folds_given_as_masks_can_be_the_resource():
    rows = np.arange(90)
    folds = [(rows % 3 != k, rows % 3 == k) for k in range(3)]
    as_masks = sampled(DecisionTreeClassifier(random_state=0), LABELS[:, 0], cv=folds)
    indices = [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in folds]
    assert as_masks == sampled(DecisionTreeClassifier(random_state=0), LABELS[:, 0], cv=indices)
    assert as_masks[-1] == 60


def test_samples_of_groups_frames_and_sparse_data_can_be_the_resource():
    pandas = pytest.importorskip("pandas")
    X = np.random.default_rng(0).normal(size=(90, 4))
    groups = np.arange(90) % 6
    y = pandas.Series(LABELS[:, 0], index=np.arange(90)[::-1])
    frame = pandas.DataFrame(X, index=y.index)
    assert sampled(DecisionTreeClassifier(), y, X=frame, cv=GroupKFold(3), fit_params={"groups": groups})
    assert sampled(DecisionTreeClassifier(), y, X=csr_matrix(X))
    assert sampled(DecisionTreeRegressor(), X[:, 0], X=X)


def test_weights_go_with_the_samples_that_a_fit_is_trained_with():
    seen = []

    class Spy(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.append((len(X), np.array_equal(sample_weight, X[:, 0])))
            return super().fit(X, y, sample_weight=sample_weight)

    X = np.random.default_rng(0).random((90, 4))
    sampled(Spy(), LABELS[:, 0], X=X, fit_params={"sample_weight": X[:, 0].copy()})
    assert {is_same for _, is_same in seen} == {True}
    assert len({n for n, _ in seen}) > 2
