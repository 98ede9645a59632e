"""Scikit-learn's callbacks are told of a search's fits as of a randomized search's."""

import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV

from smbo import BayesSearchCV, Real
from smbo.search_cv.callbacks import Silence, fit_context, root_context, search_context

C = {"C": Real(1e-3, 1e2, log=True)}


@pytest.fixture(scope="module")
def data():
    return make_classification(120, n_features=6, n_informative=4, flip_y=0.2, random_state=0)


def search(estimator, spaces, **settings):
    return BayesSearchCV(estimator, spaces, **{"n_iter": 6, "cv": 3, "random_state": 0, **settings})


class Recorder:
    """A callback that notes which tasks began and ended."""

    def __init__(self):
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **told):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, **told):
        self.ended.append(context.task_name)


def test_callbacks_of_scikit_learn_are_told_of_every_fit(data):
    recorders = []
    for blank in (
        search(LogisticRegression(), C, n_iter=2),
        RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=2, cv=3),
    ):
        recorders.append(Recorder())
        blank.set_callbacks(recorders[-1]).fit(*data)
    ours, theirs = recorders
    assert ours.begun == theirs.begun
    assert ours.ended == theirs.ended
    assert ours.begun.count("candidate-split-evaluation") == 6


def test_where_scikit_learn_has_no_callbacks_nothing_is_told_and_nothing_fails():
    class Search:
        refit = True

    context = root_context(Search(), {"X": None, "y": None, "metadata": None})
    assert isinstance(context, Silence)
    fit = fit_context(search_context(context, Search(), 6), 0)
    with fit.call_on_fit_task_begin(estimator=None).propagate_callback_context(None):
        assert fit.call_on_fit_task_end(estimator=None) is None
