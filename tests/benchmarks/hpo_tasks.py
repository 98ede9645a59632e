"""Hyperparameter searches on data that scikit-learn ships: the half to choose and tune on.

The same interface as ``hpo_tasks_held_out``, which says how a space and its conditions are written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hpo_tasks_held_out import Task, _choice, _integer, _real, _rows
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

Built = tuple[Any, dict[str, tuple[Any, ...]], str, int, str, dict[str, tuple[str, tuple[Any, ...]]]]


def _svr_diabetes() -> Built:
    return (
        make_pipeline(StandardScaler(), SVR(max_iter=3000)),
        {
            "svr__C": _real(1e-2, 1e4, True),
            "svr__epsilon": _real(1e-2, 100.0, True),
            "svr__kernel": _choice("linear", "rbf", "poly", "sigmoid"),
            "svr__gamma": _real(1e-4, 10.0, True),
            "svr__degree": _integer(2, 5),
            "svr__coef0": _real(0.0, 2.0),
        },
        "diabetes", 200, "r2",
        {
            "svr__gamma": ("svr__kernel", ("rbf", "poly", "sigmoid")),
            "svr__degree": ("svr__kernel", ("poly",)),
            "svr__coef0": ("svr__kernel", ("poly", "sigmoid")),
        },
    )  # fmt: skip


def _tree_breast() -> Built:
    space = {
        "max_depth": _integer(1, 15),
        "min_samples_leaf": _integer(1, 50, True),
        "min_samples_split": _integer(2, 60),
        "criterion": _choice("gini", "entropy"),
        "max_features": _real(0.1, 1.0),
        "ccp_alpha": _real(1e-5, 0.1, True),
    }
    return DecisionTreeClassifier(random_state=0), space, "breast_cancer", 250, "accuracy", {}


def _logistic_wine() -> Built:
    space = {
        "selectkbest__k": _integer(1, 13),
        "logisticregression__C": _real(1e-4, 1e3, True),
        "logisticregression__class_weight": _choice(None, "balanced"),
        "logisticregression__fit_intercept": _choice(True, False),
    }
    model = make_pipeline(StandardScaler(), SelectKBest(), LogisticRegression(max_iter=60))
    return model, space, "wine", 120, "neg_log_loss", {}


def _svm_digits() -> Built:
    space = {
        "selectkbest__k": _integer(4, 64),
        "linearsvc__C": _real(1e-5, 10.0, True),
        "linearsvc__loss": _choice("hinge", "squared_hinge"),
        "linearsvc__intercept_scaling": _real(0.1, 10.0, True),
    }
    model = make_pipeline(StandardScaler(), SelectKBest(), LinearSVC(max_iter=80, random_state=0))
    return model, space, "digits", 200, "accuracy", {}


def _forest_wine() -> Built:
    space = {
        "n_estimators": _integer(2, 16),
        "max_depth": _integer(1, 10),
        "max_features": _real(0.05, 1.0),
        "min_samples_leaf": _integer(1, 30, True),
        "criterion": _choice("gini", "entropy", "log_loss"),
    }
    return RandomForestClassifier(random_state=0), space, "wine", 130, "accuracy", {}


def _elastic_diabetes() -> Built:
    space = {
        "polynomialfeatures__degree": _integer(1, 2),
        "polynomialfeatures__interaction_only": _choice(True, False),
        "elasticnet__alpha": _real(1e-3, 100.0, True),
        "elasticnet__l1_ratio": _real(0.0, 1.0),
        "elasticnet__positive": _choice(True, False),
    }
    model = make_pipeline(PolynomialFeatures(), StandardScaler(), ElasticNet(max_iter=200))
    conditions = {"polynomialfeatures__interaction_only": ("polynomialfeatures__degree", (2,))}
    return model, space, "diabetes", 200, "neg_root_mean_squared_error", conditions


def _boosting_iris() -> Built:
    space = {
        "n_estimators": _integer(2, 12),
        "learning_rate": _real(1e-2, 1.0, True),
        "max_depth": _integer(1, 4),
        "subsample": _real(0.3, 1.0),
        "min_samples_leaf": _integer(1, 30, True),
        "max_features": _choice("sqrt", "all"),
    }
    return _Boosting(random_state=0), space, "iris", 120, "neg_log_loss", {}


class _Boosting(GradientBoostingClassifier):
    """Takes the word "all" for ``max_features``, as a choice is a string for some searches."""

    def fit(self, X: Any, y: Any) -> Any:
        given = self.max_features
        try:
            self.max_features = None if given == "all" else given
            return super().fit(X, y)
        finally:
            self.max_features = given


def _network_friedman() -> Built:
    space = {
        "mlpregressor__hidden_layer_sizes": _integer(2, 40, True),
        "mlpregressor__alpha": _real(1e-6, 10.0, True),
        "mlpregressor__learning_rate_init": _real(1e-4, 0.5, True),
        "mlpregressor__activation": _choice("relu", "tanh", "logistic"),
        "mlpregressor__solver": _choice("adam", "sgd"),
        "mlpregressor__momentum": _real(0.0, 0.99),
    }
    model = make_pipeline(StandardScaler(), MLPRegressor(max_iter=15, batch_size=32, random_state=0))
    conditions = {"mlpregressor__momentum": ("mlpregressor__solver", ("sgd",))}
    return model, space, "friedman", 150, "r2", conditions


def _bayes_digits() -> Built:
    space = {"selectkbest__k": _integer(2, 64), "gaussiannb__var_smoothing": _real(1e-10, 10.0, True)}
    return make_pipeline(SelectKBest(), GaussianNB()), space, "digits", 250, "accuracy", {}


_BUILDERS: dict[str, Callable[[], Built]] = {
    "svr_diabetes": _svr_diabetes,
    "tree_breast": _tree_breast,
    "logistic_wine": _logistic_wine,
    "svm_digits": _svm_digits,
    "forest_wine": _forest_wine,
    "elastic_diabetes": _elastic_diabetes,
    "boosting_iris": _boosting_iris,
    "network_friedman": _network_friedman,
    "bayes_digits": _bayes_digits,
}
NAMES = tuple(_BUILDERS)


def make(name: str, seed: int) -> Task:
    """Return the instance of a named task that belongs to a seed."""
    estimator, space, data, count, scoring, conditions = _BUILDERS[name]()
    features, target = _rows(data, count, seed)
    is_classifier = data not in ("diabetes", "friedman")
    folds = (StratifiedKFold if is_classifier else KFold)(3, shuffle=True, random_state=seed)
    return Task(name, estimator, space, features, target, folds, scoring, conditions)
