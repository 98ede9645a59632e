"""Candidates of a search: proposed in turn, promoted to more of a resource, and told their scores."""

import math

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from smbo import BayesSearchCV, Integer, Real
from smbo.search_cv.candidates import Candidates

X, Y = make_classification(n_samples=120, n_features=6, random_state=1)
TREES = {"max_depth": (1, 6), "max_features": (1, 6)}


@pytest.fixture(scope="module")
def data():
    return make_classification(120, n_features=6, n_informative=4, flip_y=0.2, random_state=0)


def search(estimator, spaces, **settings):
    return BayesSearchCV(estimator, spaces, **{"n_iter": 6, "cv": 3, "random_state": 0, **settings})


def test_a_list_of_spaces_gives_each_its_turn_and_masks_what_does_not_apply(data):
    spaces = [{"kernel": ["rbf"], "C": Real(0.1, 10, log=True)}, {"kernel": ["poly"], "degree": (2, 4)}]
    found = search(SVC(), spaces, n_iter=6).fit(*data)
    assert [p["kernel"] for p in found.cv_results_["params"]] == ["rbf", "poly"] * 3
    assert list(found.cv_results_["param_degree"].mask) == [True, False] * 3
    assert len(found.optimizers_) == 2


def test_a_conditional_space_leaves_inactive_parameters_at_their_defaults(data):
    space = {"kernel": ["rbf", "poly"], "degree": Integer(2, 4, active_when="kernel == 'poly'")}
    found = search(SVC(), space, n_iter=4).fit(*data)
    for params in found.cv_results_["params"]:
        assert ("degree" in params) == (params["kernel"] == "poly")


def test_a_space_smaller_than_the_search_is_tried_out_with_a_warning(data):
    with pytest.warns(UserWarning, match="hold 3 candidates, fewer than n_iter=6"):
        found = search(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, None]}).fit(*data)
    assert len(found.cv_results_["params"]) == 3


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


def test_the_rows_of_a_candidate_climb():
    results = forest_search().fit(X, Y).cv_results_
    for candidate in set(results["candidate"]):
        levels = results["n_resources"][results["candidate"] == candidate]
        assert (np.diff(levels) > 0).all()


def fold(score):
    return {"test_scores": score}


def test_a_candidate_is_told_the_mean_of_its_folds_and_one_without_a_finite_mean_has_failed():
    candidates = Candidates({"x": (0.0, 1.0)}, "random", 0, 3, "b", 0)
    assert candidates.propose(2) == [0, 1]
    assert candidates.propose(2) == [2]
    assert candidates.propose(2) == []
    candidates.tell(1, [fold({"a": 9.0, "b": 1.0}), fold({"a": 9.0, "b": 2.0})])
    candidates.tell(0, [fold({"a": 9.0, "b": 1.0}), fold(math.nan)])
    candidates.tell(2, [fold({"a": 9.0, "b": 4.0}), fold({"a": 9.0, "b": 4.0})])
    (optimizer,) = candidates.optimizers
    assert [(trial.state.value, trial.value) for trial in optimizer.trials] == [
        ("failed", None),
        ("complete", 1.5),
        ("complete", 4.0),
    ]
    assert optimizer.best.number == 2  # a score: higher is better
    assert candidates.all_results()[2] == fold({"a": 9.0, "b": 1.0})


def test_a_metric_that_no_scorer_returns_is_named():
    candidates = Candidates({"x": (0.0, 1.0)}, "random", 0, 3, "f1", 0)
    candidates.propose(1)
    with pytest.raises(ValueError, match=r"objective='f1' is none of the metrics \['a'\]"):
        candidates.tell(0, [fold({"a": 9.0})])
