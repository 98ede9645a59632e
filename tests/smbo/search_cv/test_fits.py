"""One candidate on one fold: the scores of a cross-validation, with all samples or fewer."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedKFold, cross_val_score

from smbo import BayesSearchCV, Real
from smbo.search_cv.fits import Work

X, Y = make_classification(n_samples=120, n_features=6, random_state=1)
C = {"C": Real(1e-3, 1e2, log=True)}


@pytest.fixture(scope="module")
def data():
    return make_classification(120, n_features=6, n_informative=4, flip_y=0.2, random_state=0)


def search(estimator, spaces, **settings):
    return BayesSearchCV(estimator, spaces, **{"n_iter": 6, "cv": 3, "random_state": 0, **settings})


def test_each_candidates_scores_are_those_of_a_cross_validation(data):
    folds = StratifiedKFold(4, shuffle=True, random_state=3)
    found = search(LogisticRegression(), C, cv=folds, n_iter=2).fit(*data)
    for row, params in enumerate(found.cv_results_["params"]):
        expected = cross_val_score(LogisticRegression(**params), *data, cv=folds)
        got = [found.cv_results_[f"split{i}_test_score"][row] for i in range(4)]
        np.testing.assert_array_equal(got, expected)


def test_folds_drawn_at_random_are_the_same_for_every_candidate(data):
    found = search(
        LogisticRegression(), {"C": Real(1.0, 1.0 + 1e-9)}, cv=StratifiedKFold(3, shuffle=True), n_iter=3
    ).fit(*data)
    assert np.ptp(found.cv_results_["split0_test_score"]) == 0.0


def test_fewer_samples_are_part_of_more():
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen.append({row.tobytes() for row in X})
            return super().fit(X, y)

    folds = [(np.arange(80), np.arange(80, 120))]
    settings = {
        "scorer": lambda estimator, X, y: 0.0,
        "fit_params": {},
        "score_params": {},
        "error_score": "raise",
        "verbose": 0,
    }
    work = Work(Spy(), X, Y, folds, settings)
    for n_samples in (10, 30, None):
        work.fit({}, 0, n_samples)
    assert [len(each) for each in seen] == [10, 30, 80]
    assert seen[0] < seen[1] < seen[2]


def test_every_class_has_its_share_of_few_samples():
    labels = np.repeat([0, 1, 2], [50, 20, 10])
    work = Work(LogisticRegression(), None, labels, [], {})
    order = work._order(np.arange(80), 0)
    assert np.bincount(labels[order[:8]]).tolist() == [5, 2, 1]
    assert sorted(order) == list(range(80))


class Raises(LogisticRegression):
    def fit(self, X, y):
        raise RuntimeError("too large")


@pytest.mark.parametrize("metrics", [None, ["accuracy", "roc_auc"]], ids=["one metric", "several"])
def test_a_fit_that_was_lost_has_the_result_of_one_that_raised(metrics):
    settings = {
        "scorer": check_scoring(Raises(), metrics),
        "fit_params": {},
        "score_params": {},
        "return_train_score": True,
        "return_n_test_samples": True,
        "return_times": True,
        "return_parameters": False,
        "error_score": -1.0,
        "verbose": 0,
    }
    work = Work(Raises(), X, Y, [(np.arange(80), np.arange(80, 120))], settings)
    raised, lost = work.fit({}, 0), work.lost(0, "KilledWorker")
    assert set(lost) == set(raised)
    assert lost["fit_error"] == "KilledWorker"
    for key in ("test_scores", "train_scores", "n_test_samples"):
        assert lost[key] == raised[key]
