"""BayesSearchCV in RandomizedSearchCV's place."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, KFold, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

import smbo
from smbo import BayesSearchCV, Real, Space

C = {"C": Real(1e-3, 1e2, log=True)}


@pytest.fixture(scope="module")
def data():
    return make_classification(120, n_features=6, n_informative=4, flip_y=0.2, random_state=0)


class Fragile(ClassifierMixin, BaseEstimator):
    """A classifier with its best at the edge of where it fails: fit raises for x above a half."""

    def __init__(self, x=0.0, fails=True):
        self.x = x
        self.fails = fails

    def fit(self, X, y, note=None):
        self.note_ = note
        if self.fails and self.x > 0.5:
            raise RuntimeError("too large")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y, sample_weight=None):
        return self.x


def search(estimator, spaces, **settings):
    return BayesSearchCV(estimator, spaces, **{"n_iter": 6, "cv": 3, "random_state": 0, **settings})


def test_the_attributes_and_results_have_the_names_and_kinds_of_a_randomized_search(data):
    ours = search(LogisticRegression(), C, return_train_score=True).fit(*data)
    theirs = RandomizedSearchCV(
        LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, n_iter=3, cv=3, return_train_score=True
    ).fit(*data)
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for key, values in theirs.cv_results_.items():
        assert type(ours.cv_results_[key]) is type(values), key
    fitted = {name for name in vars(theirs) if name.endswith("_")}
    assert fitted <= {name for name in vars(ours) if name.endswith("_")}


def test_the_best_is_the_candidate_with_the_highest_mean_score_refitted_on_everything(data):
    found = search(LogisticRegression(), C).fit(*data)
    scores = found.cv_results_["mean_test_score"]
    assert found.best_score_ == scores.max() == scores[found.best_index_]
    assert found.best_params_ == found.cv_results_["params"][found.best_index_]
    expected = LogisticRegression(**found.best_params_).fit(*data)
    np.testing.assert_array_equal(found.best_estimator_.coef_, expected.coef_)
    np.testing.assert_array_equal(found.predict_proba(data[0]), expected.predict_proba(data[0]))


def test_the_search_learns_from_the_scores(data):
    found = search(Fragile(fails=False), {"x": (0.0, 1.0)}, n_iter=16).fit(*data)
    assert found.best_score_ > 0.99


@pytest.mark.parametrize(
    "settings",
    [{}, {"n_jobs": 1, "n_iter": 8}, {"n_jobs": 2, "n_iter": 4}, {"n_jobs": 2, "recipe": "sobol"}],
    ids=["one job", "one job, said so", "two jobs, initial design", "two jobs, nothing learned"],
)
def test_the_same_random_state_gives_the_same_candidates(data, settings):
    first, again, other = (
        search(LogisticRegression(), C, random_state=seed, **settings).fit(*data) for seed in (4, 4, 5)
    )
    assert first.cv_results_["params"] == again.cv_results_["params"] != other.cv_results_["params"]


def test_a_failing_candidate_is_data_and_the_search_goes_on(data):
    with pytest.warns((FitFailedWarning, UserWarning)) as warned:
        found = search(Fragile(), {"x": (0.0, 1.0)}, n_iter=24).fit(*data)
    assert any("fits failed out of a total of 72" in str(w.message) for w in warned)
    x = np.array([params["x"] for params in found.cv_results_["params"]])
    scores = found.cv_results_["mean_test_score"]
    assert np.isnan(scores[x > 0.5]).all()
    assert np.isfinite(scores[x <= 0.5]).all()
    (optimizer,) = found.optimizers_
    assert [trial.state == "failed" for trial in optimizer.trials] == list(x > 0.5)
    assert 0.45 < found.best_params_["x"] <= 0.5


def test_only_a_search_that_fails_everywhere_raises(data):
    with pytest.raises(ValueError, match="All the 6 fits failed"):
        search(Fragile(), {"x": (0.6, 1.0)}, n_iter=2).fit(*data)


def test_error_score_raise_raises_the_first_error(data):
    with pytest.raises(RuntimeError, match="too large"):
        search(Fragile(), {"x": (0.6, 1.0)}, error_score="raise").fit(*data)


class Negative(Fragile):
    """Scores below zero, so that an error score of 0 is better than any of them."""

    def score(self, X, y, sample_weight=None):
        return self.x - 1.0


def test_crashing_is_not_learned_to_be_best_from_an_error_score_above_all_scores(data):
    with pytest.warns(FitFailedWarning, match="will be set to 0"):
        found = search(Negative(), {"x": (0.0, 1.0)}, error_score=0, n_iter=24).fit(*data)
    x = np.array([params["x"] for params in found.cv_results_["params"]])
    failed = x > 0.5
    assert failed[-9:].sum() <= 4  # at the edge, where the best is; all nine before
    assert (found.cv_results_["mean_test_score"][failed] == 0.0).all()
    assert [trial.state == "failed" for trial in found.optimizers_[0].trials] == list(failed)
    assert "RuntimeError: too large" in {trial.reason for trial in found.optimizers_[0].trials}
    assert found.best_params_["x"] == x[~failed].max()
    ranks = found.cv_results_["rank_test_score"]
    assert ranks[found.best_index_] == 1
    assert ranks[failed].min() > ranks[~failed].max()


def fragile_scorer(estimator, X, y):
    if estimator.x > 0.5:
        raise RuntimeError("no score")
    return estimator.x - 1.0


@pytest.mark.parametrize("scoring", [fragile_scorer, {"one": fragile_scorer}], ids=["one", "several"])
def test_a_scorer_that_fails_is_a_failure_whatever_the_error_score(data, scoring):
    refit = "one" if isinstance(scoring, dict) else True
    with pytest.warns(UserWarning, match="no score"):
        found = search(
            Fragile(fails=False), {"x": (0.0, 1.0)}, scoring=scoring, refit=refit, error_score=0
        ).fit(*data)
    assert found.best_params_["x"] <= 0.5
    failed = [params["x"] > 0.5 for params in found.cv_results_["params"]]
    assert [trial.state == "failed" for trial in found.optimizers_[0].trials] == failed


def test_a_fold_that_fails_makes_a_candidate_fail(data):
    X = np.arange(120.0)[:, None]

    class FailsOnce(Negative):
        def fit(self, X, y):
            if X[0, 0] > 0 and self.x > 0.5:
                raise RuntimeError("on the first fold")
            return self

    with pytest.warns(FitFailedWarning):
        found = search(FailsOnce(), {"x": (0.0, 1.0)}, error_score=0, cv=KFold(3)).fit(X, data[1])
    assert found.best_params_["x"] <= 0.5


def test_all_fits_failing_is_told_in_scikit_learns_words_whatever_the_error_score(data):
    with pytest.raises(ValueError, match=r"All the 6 fits failed"):
        search(Fragile(), {"x": (0.6, 1.0)}, n_iter=2, error_score=0).fit(*data)


class Interrupts(Fragile):
    """Is interrupted at its tenth fit."""

    def fit(self, X, y):
        COUNT.append(self.x)
        if len(COUNT) == 10:
            raise KeyboardInterrupt
        return super().fit(X, y)


COUNT = []


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_an_interrupted_search_leaves_the_results_of_what_was_evaluated(data, backend):
    COUNT.clear()
    blank = search(Interrupts(fails=False), {"x": (0.0, 1.0)}, n_jobs=2, scoring=fragile_scorer)
    blank.best_estimator_ = "of an earlier fit"
    with (
        pytest.raises(KeyboardInterrupt),
        parallel_config(backend=backend),
        warnings.catch_warnings(action="ignore"),
    ):
        blank.set_params(search_spaces={"x": (0.0, 0.5)}).fit(*data)
    n_done = len(blank.cv_results_["params"])
    # nine fits of three folds were done; the other thread may go on until joblib stops it
    assert 1 <= n_done <= (3 if backend == "sequential" else len(blank.optimizers_[0].trials) - 1)
    assert blank.best_score_ == max(blank.cv_results_["mean_test_score"]) == blank.best_params_["x"] - 1.0
    assert sum(trial.state == "complete" for trial in blank.optimizers_[0].trials) == n_done
    assert not hasattr(blank, "best_estimator_")


class InterruptsAtOnce(Fragile):
    """Is interrupted at its first fit; counts nothing, since a thread of another test may still fit."""

    def fit(self, X, y):
        raise KeyboardInterrupt


def test_an_interrupt_before_the_first_candidate_leaves_no_results_of_an_earlier_fit(data):
    blank = search(InterruptsAtOnce(fails=False), {"x": (0.0, 1.0)})
    blank.cv_results_ = blank.best_params_ = "of an earlier fit"
    with pytest.raises(KeyboardInterrupt):
        blank.fit(*data)
    assert not hasattr(blank, "cv_results_")
    assert not hasattr(blank, "best_params_")


METRICS = ["accuracy", "roc_auc", "neg_log_loss"]


def test_several_metrics_are_recorded_and_refit_names_the_one_that_chooses(data):
    found = search(LogisticRegression(), C, scoring=METRICS, refit="roc_auc").fit(*data)
    assert found.multimetric_
    assert set(found.scorer_) == set(METRICS)
    for name in METRICS:
        assert found.cv_results_[f"mean_test_{name}"].shape == (6,)
    assert found.best_index_ == found.cv_results_["mean_test_roc_auc"].argmax()
    told = [trial.value for trial in found.optimizers_[0].trials]
    assert told == pytest.approx(found.cv_results_["mean_test_roc_auc"])


def test_the_objective_is_searched_by_and_a_callable_refit_chooses(data):
    def simplest(results):
        return int(np.argmin(results["param_C"]))

    found = search(LogisticRegression(), C, scoring=METRICS, objective="neg_log_loss", refit=simplest).fit(
        *data
    )
    told = [trial.value for trial in found.optimizers_[0].trials]
    assert told == pytest.approx(found.cv_results_["mean_test_neg_log_loss"])
    assert found.best_params_["C"] == min(found.cv_results_["param_C"])
    assert not hasattr(found, "best_score_")


def test_without_refit_several_metrics_have_no_best(data):
    found = search(LogisticRegression(), C, scoring=METRICS, refit=False).fit(*data)
    assert not hasattr(found, "best_index_")
    assert not hasattr(found, "best_estimator_")


def test_a_scorer_that_returns_several_metrics_survives_failing_candidates(data):
    def scorer(estimator, X, y):
        return {"one": estimator.x, "two": -estimator.x}

    with pytest.warns((FitFailedWarning, UserWarning)):
        found = search(Fragile(), {"x": (0.0, 1.0)}, scoring=scorer, objective="two", refit="two").fit(*data)
    x = np.array([params["x"] for params in found.cv_results_["params"]])
    assert np.isnan(found.cv_results_["mean_test_one"][x > 0.5]).all()
    assert found.best_params_["x"] == x.min()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objective": "roc_auc"}, "picks one of several metrics"),
        ({"objective": "f1", "scoring": METRICS, "refit": False}, "objective='f1' is none of the metrics"),
        ({"scoring": METRICS}, "refit must be set to a scorer key"),
        ({"n_iter": 0}, "n_iter"),
        ({"search_spaces": []}, r"search_spaces=\[\]"),
        ({"search_spaces": {"C": Real(1, 2), "nope": Real(1, 2)}}, "Invalid parameter 'nope'"),
    ],
)
def test_a_wrong_setting_is_refused_in_fit_with_its_name(data, settings, words):
    wrong = search(LogisticRegression(), C).set_params(**settings)
    with pytest.raises(ValueError, match=words):
        wrong.fit(*data)


def test_steps_of_a_pipeline_and_estimators_themselves_are_searched(data):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    scaler, other = StandardScaler(), MinMaxScaler()
    space = Space({"standardscaler": [scaler, other, "passthrough"], "logisticregression__C": (0.1, 10.0)})
    found = search(pipeline, space).fit(*data)
    assert (
        found.best_params_["logisticregression__C"]
        == found.best_estimator_.named_steps["logisticregression"].C
    )
    with pytest.raises(NotFittedError):
        scaler.transform(data[0])


def test_a_search_is_cloned_pickled_and_searched_itself(data):
    blank = search(LogisticRegression(), C, recipe="random")
    twin = clone(blank)
    assert twin.get_params()["recipe"] == "random"
    assert repr(twin) == repr(blank)
    fitted = blank.fit(*data)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(data[0]), fitted.predict(data[0]))
    assert cross_val_score(search(LogisticRegression(), C, n_iter=2), *data, cv=2).shape == (2,)
    assert search(fitted, {"estimator__fit_intercept": [True, False]}, n_iter=2).fit(*data).best_params_


def test_methods_appear_only_if_the_estimator_has_them(data):
    assert hasattr(search(LogisticRegression(), C), "predict_proba")
    assert not hasattr(search(SVC(), C), "predict_proba")
    assert not hasattr(search(Ridge(), {"alpha": (0.1, 1.0)}), "decision_function")


def test_groups_go_to_the_splitter_and_fit_parameters_to_fit(data):
    groups = np.arange(120) % 4
    found = search(Fragile(fails=False), {"x": (0.0, 1.0)}, cv=GroupKFold(4), n_iter=2)
    found.fit(*data, groups=groups, note="hello")
    assert found.n_splits_ == 4
    assert found.best_estimator_.note_ == "hello"


def test_metadata_is_routed_to_the_estimator_and_the_scorer(data):
    X, y = data
    weights = np.where(y == 1, 1e-6, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        found = search(
            LogisticRegression().set_fit_request(sample_weight=True),
            C,
            n_iter=2,
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=True),
        ).fit(X, y, sample_weight=weights)
    # with hardly any weight on class 1, the answer is always 0, and that is always right
    assert (found.predict(X) == 0).all()
    assert found.best_score_ > 0.99


def test_a_callback_is_the_searchs_own_and_told_of_every_candidate(data):
    told = []
    found = search(Fragile(fails=False), {"x": (0.0, 1.0)}).fit(*data, callback=told.append, note="hello")
    assert [each.number for each in told] == list(range(6))
    assert [each.params for each in told] == found.cv_results_["params"]
    assert [each.score for each in told] == list(found.cv_results_["mean_test_score"])
    assert told[-1].best_params == found.best_params_
    assert told[-1].best_score == found.best_score_
    assert found.best_estimator_.note_ == "hello"


def test_a_callback_that_returns_true_ends_the_search(data):
    blank = search(Fragile(fails=False), {"x": (0.0, 1.0)})
    seen = []

    def stop(told):
        seen.append(blank.best_score_)
        return told.n_done == 2

    found = blank.fit(*data, callback=[stop, lambda told: len(told.params)])
    assert len(found.cv_results_["params"]) == len(seen) == 2
    assert found.best_estimator_.x == found.best_params_["x"]


def test_a_callback_that_is_none_is_refused(data):
    with pytest.raises(TypeError, match="callback=3: give a function"):
        search(LogisticRegression(), C).fit(*data, callback=3)


def test_a_callback_reaches_a_search_in_a_pipeline_by_routing(data):
    told = []
    with sklearn.config_context(enable_metadata_routing=True):
        inner = search(LogisticRegression(), C, n_iter=2).set_fit_request(callback=True)
        make_pipeline(StandardScaler(), inner).fit(*data, callback=told.append)
    assert len(told) == 2


def test_the_package_gives_the_name_on_first_use():
    assert smbo.BayesSearchCV is BayesSearchCV
    assert "BayesSearchCV" in dir(smbo)


def test_a_regressor_is_searched_by_its_own_score():
    X, y = make_regression(80, 5, noise=20.0, random_state=0)
    found = search(Ridge(), {"alpha": Real(1e-3, 1e3, log=True)}).fit(X, y)
    assert found.score(X, y) > 0.8
    assert "regressor" in repr(found.__sklearn_tags__())
