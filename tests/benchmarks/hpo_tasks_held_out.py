"""Hyperparameter searches on data that scikit-learn ships: the half to report on.

``make(name, seed)`` returns a task; the seed draws rows and folds.  A space names its parameters as

    ("real", low, high, log), ("integer", low, high, log) or ("choice", values)

and ``conditions`` says which are read only under some values of another one; a search that knows no
conditions may set the others all the same, the estimator does not look at them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC


@dataclass(frozen=True)
class Task:
    """An estimator, its space, the rows to learn on, and how a candidate is scored (higher is better)."""

    name: str
    estimator: Any
    space: Mapping[str, tuple[Any, ...]]
    features: np.ndarray
    target: np.ndarray
    folds: Any
    scoring: str
    # parameter -> (parameter that decides, values under which it is read)
    conditions: Mapping[str, tuple[str, tuple[Any, ...]]] = field(default_factory=dict)


def _real(low: float, high: float, log: bool = False) -> tuple[Any, ...]:
    return "real", low, high, log


def _integer(low: int, high: int, log: bool = False) -> tuple[Any, ...]:
    return "integer", low, high, log


def _choice(*values: Any) -> tuple[Any, ...]:
    return "choice", values


@functools.cache
def _rows(data: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if data == "friedman":
        features, target = datasets.make_friedman1(count, 8, noise=1.0, random_state=seed)
        return features, target
    features, target = getattr(datasets, f"load_{data}")(return_X_y=True)
    chosen = np.random.default_rng([seed, *data.encode()]).permutation(len(target))[:count]
    return features[chosen], target[chosen]


def _svc_digits() -> tuple[Any, ...]:
    space = {
        "svc__C": _real(1e-3, 1e3, True),
        "svc__kernel": _choice("rbf", "poly", "sigmoid", "linear"),
        "svc__gamma": _real(1e-5, 1e-1, True),
        "svc__degree": _integer(2, 6),
        "svc__coef0": _real(-1.0, 2.0),
        "pca__n_components": _integer(2, 40, True),
        "pca__whiten": _choice(True, False),
    }
    conditions = {
        "svc__gamma": ("svc__kernel", ("rbf", "poly", "sigmoid")),
        "svc__degree": ("svc__kernel", ("poly",)),
        "svc__coef0": ("svc__kernel", ("poly", "sigmoid")),
    }
    return (
        make_pipeline(PCA(random_state=0), SVC(max_iter=3000)),
        space,
        "digits",
        300,
        "accuracy",
        conditions,
    )


def _forest_breast() -> tuple[Any, ...]:
    space = {
        "n_estimators": _integer(2, 40, True),
        "max_depth": _choice(1, 2, 3, 5, 8, 12, None),
        "max_features": _real(0.03, 1.0, True),
        "min_samples_leaf": _integer(1, 40, True),
        "criterion": _choice("gini", "entropy", "log_loss"),
        "bootstrap": _choice(True, False),
        "max_samples": _real(0.1, 1.0),
    }
    conditions = {"max_samples": ("bootstrap", (True,))}
    estimator = _Bagging(random_state=0)
    return estimator, space, "breast_cancer", 300, "balanced_accuracy", conditions


class _Bagging(RandomForestClassifier):
    """A forest that ignores ``max_samples`` where it draws no rows; scikit-learn's would complain."""

    def fit(self, X: Any, y: Any) -> Any:
        asked = self.max_samples
        self.max_samples = asked if self.bootstrap else None
        try:
            return super().fit(X, y)
        finally:
            self.max_samples = asked


def _boosting_diabetes() -> tuple[Any, ...]:
    space = {
        "learning_rate": _real(3e-3, 1.0, True),
        "n_estimators": _integer(5, 80, True),
        "max_depth": _integer(1, 6),
        "subsample": _real(0.2, 1.0),
        "max_features": _choice("sqrt", "log2", None),
        "loss": _choice("squared_error", "absolute_error", "huber"),
        "alpha": _real(0.5, 0.99),
        "min_samples_leaf": _integer(1, 60, True),
    }
    conditions = {"alpha": ("loss", ("huber",))}
    return GradientBoostingRegressor(random_state=0), space, "diabetes", 250, "r2", conditions


def _sgd_digits() -> tuple[Any, ...]:
    space = {
        "sgdclassifier__loss": _choice("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"),
        "sgdclassifier__penalty": _choice("l2", "l1", "elasticnet"),
        "sgdclassifier__alpha": _real(1e-7, 1e1, True),
        "sgdclassifier__l1_ratio": _real(0.0, 1.0),
        "sgdclassifier__learning_rate": _choice("optimal", "invscaling", "constant", "adaptive"),
        "sgdclassifier__eta0": _real(1e-5, 1.0, True),
        "sgdclassifier__power_t": _real(0.1, 1.0),
        "sgdclassifier__average": _choice(True, False),
    }
    conditions = {
        "sgdclassifier__l1_ratio": ("sgdclassifier__penalty", ("elasticnet",)),
        "sgdclassifier__eta0": ("sgdclassifier__learning_rate", ("invscaling", "constant", "adaptive")),
        "sgdclassifier__power_t": ("sgdclassifier__learning_rate", ("invscaling",)),
    }
    estimator = make_pipeline(MinMaxScaler(), SGDClassifier(max_iter=10, tol=None, random_state=0))
    return estimator, space, "digits", 300, "accuracy", conditions


def _neighbours_wine() -> tuple[Any, ...]:
    space = {
        "selectkbest__k": _integer(1, 13),
        "standardscaler__with_std": _choice(True, False),
        "kneighborsclassifier__n_neighbors": _integer(1, 50, True),
        "kneighborsclassifier__weights": _choice("uniform", "distance"),
        "kneighborsclassifier__metric": _choice(
            "euclidean", "manhattan", "chebyshev", "cosine", "canberra", "braycurtis", "correlation"
        ),
    }
    estimator = make_pipeline(StandardScaler(), SelectKBest(), KNeighborsClassifier(algorithm="brute"))
    return estimator, space, "wine", 120, "accuracy", {}


def _network_iris() -> tuple[Any, ...]:
    space = {
        "mlpclassifier__hidden_layer_sizes": _choice((2,), (4,), (8,), (16,), (32,), (4, 4), (8, 8), (16, 4)),
        "mlpclassifier__activation": _choice("relu", "tanh", "logistic", "identity"),
        "mlpclassifier__solver": _choice("adam", "sgd", "lbfgs"),
        "mlpclassifier__alpha": _real(1e-6, 1e1, True),
        "mlpclassifier__learning_rate_init": _real(1e-4, 0.5, True),
        "mlpclassifier__momentum": _real(0.0, 0.99),
        "mlpclassifier__batch_size": _integer(4, 64, True),
    }
    conditions = {
        "mlpclassifier__learning_rate_init": ("mlpclassifier__solver", ("adam", "sgd")),
        "mlpclassifier__momentum": ("mlpclassifier__solver", ("sgd",)),
        "mlpclassifier__batch_size": ("mlpclassifier__solver", ("adam", "sgd")),
    }
    estimator = make_pipeline(StandardScaler(), MLPClassifier(max_iter=15, random_state=0))
    return estimator, space, "iris", 100, "neg_log_loss", conditions


def _trees_friedman() -> tuple[Any, ...]:
    space = {
        "n_estimators": _integer(2, 40, True),
        "max_depth": _integer(1, 20),
        "max_features": _real(0.1, 1.0),
        "min_samples_split": _integer(2, 60, True),
        "min_impurity_decrease": _real(1e-6, 1.0, True),
        "criterion": _choice("squared_error", "absolute_error"),
        "max_leaf_nodes": _integer(4, 200, True),
    }
    return (
        ExtraTreesRegressor(random_state=0),
        space,
        "friedman",
        150,
        "neg_mean_absolute_error",
        {},
    )


def _kernel_diabetes() -> tuple[Any, ...]:
    space = {
        "kernelridge__alpha": _real(1e-5, 1e3, True),
        "kernelridge__kernel": _choice("rbf", "laplacian", "polynomial", "sigmoid", "linear", "cosine"),
        "kernelridge__gamma": _real(1e-5, 1e1, True),
        "kernelridge__degree": _integer(2, 5),
        "kernelridge__coef0": _real(0.0, 3.0),
    }
    conditions = {
        "kernelridge__gamma": ("kernelridge__kernel", ("rbf", "laplacian", "polynomial", "sigmoid")),
        "kernelridge__degree": ("kernelridge__kernel", ("polynomial",)),
        "kernelridge__coef0": ("kernelridge__kernel", ("polynomial", "sigmoid")),
    }
    estimator = make_pipeline(StandardScaler(), KernelRidge())
    return estimator, space, "diabetes", 250, "neg_root_mean_squared_error", conditions


_BUILDERS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "svc_digits": _svc_digits,
    "forest_breast": _forest_breast,
    "boosting_diabetes": _boosting_diabetes,
    "sgd_digits": _sgd_digits,
    "neighbours_wine": _neighbours_wine,
    "network_iris": _network_iris,
    "trees_friedman": _trees_friedman,
    "kernel_diabetes": _kernel_diabetes,
}
NAMES = tuple(_BUILDERS)


def make(name: str, seed: int) -> Task:
    """Return the instance of a named task that belongs to a seed."""
    estimator, space, data, count, scoring, conditions = _BUILDERS[name]()
    features, target = _rows(data, count, seed)
    is_classifier = data not in ("diabetes", "friedman")
    folds = (StratifiedKFold if is_classifier else KFold)(3, shuffle=True, random_state=seed)
    return Task(name, estimator, space, features, target, folds, scoring, conditions)
