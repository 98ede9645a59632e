"""Train every setting of six grids once, and keep the learning curves: ``tables.npz``.

    python tests/benchmarks/curves/make_tables.py [--tasks digits-mlp ...]      about 10 CPU minutes

Of each task an array ``curves`` of shape (n_1, ..., n_k, 81): the validation score after 1 to 81 epochs
(boosting: rounds) of the setting at that place of the grid (see ``GRIDS``), trained with a seed of its
own.  A diverged training has 1e4 from there on.  Kept as float16: differences below 0.05 % are not seen.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

N_EPOCHS = 81
DIVERGED = 1e4
TABLES = Path(__file__).parent / "tables.npz"

_LEARNING_RATES = tuple(np.logspace(-4, -1, 9))
_MLP = {
    "learning_rate_init": _LEARNING_RATES,
    "alpha": tuple(np.logspace(-6, 1, 6)),
    "batch_size": (16, 48, 144),
    "width": (8, 32, 128),
}
_FEWER = {**_MLP, "batch_size": (48, 144), "width": (16, 128)}
_SGD = {
    "eta0": tuple(np.logspace(-4, 0, 9)),
    "alpha": tuple(np.logspace(-6, 0, 7)),
    "l1_ratio": (0.0, 0.5),
    "power_t": (0.05, 0.25, 0.5),
}
_BOOSTING = {
    "learning_rate": tuple(np.logspace(-2, 0, 9)),
    "max_depth": (1, 2, 3, 5, 8),
    "min_samples_leaf": (1, 4, 16),
    "subsample": (0.3, 0.6, 1.0),
}
# Settings in the order of the axes; the first two are those that methods are chosen by.
GRIDS = {
    "digits-mlp": _MLP,
    "made-up-mlp": _MLP,
    "cancer-mlp": _FEWER,
    "diabetes-mlp": _FEWER,
    "friedman-boosting": _BOOSTING,
    "wine-sgd": _SGD,
}
CHOSEN_BY = ("digits-mlp", "made-up-mlp")
IS_MAXIMISED = {"diabetes-mlp"}  # its score is R², the others' log loss or squared error


def _classes(name: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets

    if name == "made-up":
        return datasets.make_classification(
            900, 20, n_informative=8, n_classes=5, flip_y=0.1, class_sep=1.5, random_state=0
        )
    load = {"digits": "load_digits", "cancer": "load_breast_cancer", "wine": "load_wine"}[name]
    return getattr(datasets, load)(return_X_y=True)


def _halves(X: np.ndarray, y: np.ndarray, n_train: int, *, by_class: bool) -> list[np.ndarray]:
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    kept = min(len(X), 2 * n_train)
    X, y = X[:kept], y[:kept]
    stratify = y if by_class else None
    parts = train_test_split(X, y, train_size=n_train, random_state=1, stratify=stratify)
    scaler = StandardScaler().fit(parts[0])
    return [scaler.transform(parts[0]), scaler.transform(parts[1]), parts[2], parts[3]]


def _of_classifier(model, data: list[np.ndarray]) -> Iterator[float]:
    from sklearn.metrics import log_loss

    X, X_test, y, y_test = data
    labels = np.unique(y)
    for _ in range(N_EPOCHS):
        try:
            model.partial_fit(X, y, classes=labels)
        except ValueError:  # weights overflow
            return
        shares = np.clip(np.nan_to_num(model.predict_proba(X_test)), 1e-9, 1.0)
        yield float(log_loss(y_test, shares / shares.sum(axis=1, keepdims=True), labels=labels))


def _of_regressor(model, data: list[np.ndarray]) -> Iterator[float]:
    X, X_test, y, y_test = data
    for _ in range(N_EPOCHS):
        model.partial_fit(X, y)
        yield float(model.score(X_test, y_test))


def _curve(task: str, setting: dict, seed: int) -> Iterator[float]:
    """Yield the score after each epoch; fewer than 81 of a diverged training."""
    from sklearn import datasets, ensemble, linear_model, neural_network

    name, learner = task.rsplit("-", 1)
    if learner == "sgd":
        data = _halves(*_classes(name), 89, by_class=True)
        yield from _of_classifier(
            linear_model.SGDClassifier(
                loss="log_loss",
                penalty="elasticnet",
                learning_rate="invscaling",
                random_state=seed,
                **setting,
            ),
            data,
        )
    elif learner == "boosting":
        X, y = datasets.make_friedman1(500, noise=1.5, random_state=0)
        X, X_test, y, y_test = _halves(X, y, 250, by_class=False)
        model = ensemble.GradientBoostingRegressor(n_estimators=N_EPOCHS, random_state=seed, **setting)
        for told in model.fit(X, y).staged_predict(X_test):
            yield float(np.mean((told - y_test) ** 2))
    else:
        setting = dict(setting)
        width = setting.pop("width")
        if name == "diabetes":
            X, y = datasets.load_diabetes(return_X_y=True)
            model = neural_network.MLPRegressor(
                hidden_layer_sizes=(width,), solver="sgd", random_state=seed, **setting
            )
            yield from _of_regressor(model, _halves(X, (y - y.mean()) / y.std(), 221, by_class=False))
        else:
            layers = (width, width) if name == "cancer" else (width,)
            model = neural_network.MLPClassifier(layers, random_state=seed, **setting)
            n_train = 200 if name == "cancer" else 450
            yield from _of_classifier(model, _halves(*_classes(name), n_train, by_class=True))


def table(task: str) -> np.ndarray:
    """Return the curves of a task's grid, shape (n_1, ..., n_k, 81)."""
    grid = GRIDS[task]
    shape = tuple(len(levels) for levels in grid.values())
    curves = np.empty((*shape, N_EPOCHS), dtype=np.float16)
    worst = -DIVERGED if task in IS_MAXIMISED else DIVERGED
    for seed, place in enumerate(itertools.product(*map(range, shape))):
        setting = {name: levels[i] for (name, levels), i in zip(grid.items(), place)}
        row = np.full(N_EPOCHS, worst)
        for epoch, value in enumerate(_curve(task, setting, seed)):
            row[epoch] = value if np.isfinite(value) else worst
        curves[place] = np.clip(row, -DIVERGED, DIVERGED)
    return curves


def main() -> None:
    """Make the tables of the command line's tasks, and keep the others."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", nargs="+", default=list(GRIDS))
    given = parser.parse_args()
    kept = dict(np.load(TABLES)) if TABLES.exists() else {}
    warnings.filterwarnings("ignore")
    for task in given.tasks:
        began = time.process_time()
        kept[task] = table(task)
        best = kept[task][..., -1].astype(float)
        print(f"{task}: {best.size} curves, {time.process_time() - began:.0f} CPU s", flush=True)
        np.savez_compressed(TABLES, **kept)


if __name__ == "__main__":
    main()
