"""Scikit-learn's estimator checks: exactly the result that RandomizedSearchCV has."""

from collections import Counter

import pytest
from scipy.stats import loguniform
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RandomizedSearchCV
from sklearn.utils.estimator_checks import check_estimator

from smbo import BayesSearchCV, Real

SETTINGS = {"n_iter": 2, "cv": 2, "random_state": 0, "error_score": "raise"}


def outcome(search):
    checks = check_estimator(search, on_fail=None, on_skip=None)
    return [(check["check_name"], check["status"]) for check in checks]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings of every kind
@pytest.mark.parametrize(
    ("estimator", "name", "counts"),
    [
        (LogisticRegression(), "C", {"passed": 53, "skipped": 21}),
        # scikit-learn itself does not meet check_supervised_y_2d here
        (Ridge(), "alpha", {"passed": 49, "failed": 1, "skipped": 21}),
    ],
    ids=["classifier", "regressor"],
)
def test_the_estimator_checks_end_as_they_do_for_randomized_search(estimator, name, counts):
    theirs = outcome(RandomizedSearchCV(estimator, {name: loguniform(1e-2, 1e2)}, **SETTINGS))
    ours = outcome(BayesSearchCV(estimator, {name: Real(1e-2, 1e2, log=True)}, **SETTINGS))
    assert ours == theirs
    assert Counter(status for _, status in ours) == counts
