"""Plateaus, responses of fitted trees, tables of measured values and cut scans: nowhere a slope to follow.

    terraces_…  a smooth function whose values are rounded to a few
    steps_…     coordinates rounded to steps of unequal widths
    basin_…     flat but for a basin in a few per cent of the box
    forest_…, boosting_…, tree_…   predictions of trees fitted to data
    table_…     cross-validated scores on a grid of integers and choices
    nearest_…   the measured value of the nearest row of a data set
    grid_…      the same on a grid of integers
    trials_…    a response of few levels along each axis, measured once in each cell: with a fixed error
    cuts_…      significance of the events that pass thresholds, counted on a sample

The seed draws rows, steps and places, and permutes and mirrors the axes.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable, make as make_smooth

Function = Callable[[Sequence[Any]], float]


def _turned(function: Callable[[np.ndarray], float], d: int, rng: np.random.Generator) -> Function:
    """Return a function of the unit cube with its axes permuted and mirrored."""
    order, mirrored = rng.permutation(d), rng.random(d) < 0.5

    def turned(point: Sequence[Any]) -> float:
        u = np.asarray(point, dtype=float)[order]
        return float(function(np.where(mirrored, 1.0 - u, u)))

    return turned


def _reals(d: int) -> tuple[Variable, ...]:
    return (Variable("real"),) * d


# ---- plateaus -----------------------------------------------------------------------------------


def _terraces(base: str, n_levels: int, log: bool, seed: int) -> tuple[tuple[Variable, ...], Function, float]:
    """Return a function whose values are rounded down to levels, equally many random points on each."""
    smooth = make_smooth(base, seed)
    rng = np.random.default_rng([seed, n_levels])
    values = np.sort([smooth.function(smooth.random_point(rng)) for _ in range(4000)])
    assert smooth.optimum is not None
    # quantiles down to the lowest thousandth, then the optimum's own terrace
    shares = np.geomspace(5e-4, 1.0, n_levels) if log else np.linspace(0.0, 1.0, n_levels + 1)[1:]
    tops = np.quantile(values, shares)
    floors = np.concatenate([[smooth.optimum], tops])

    def function(point: Sequence[Any]) -> float:
        return float(floors[np.searchsorted(tops, smooth.function(point), side="right")])

    return smooth.variables, function, float(smooth.optimum)


def _steps(seed: int, d: int, n_steps: int) -> tuple[tuple[Variable, ...], Function, float]:
    """Return a tilted bowl whose coordinates are rounded to steps of unequal widths."""
    rng = np.random.default_rng([seed, d, n_steps])
    edges = np.sort(rng.random((d, n_steps - 1)), axis=1)
    heights = np.sort(rng.random((d, n_steps)), axis=1)
    best = rng.integers(n_steps, size=d)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0] * np.geomspace(1.0, 5.0, d)
    at_best = heights[np.arange(d), best]

    def function(point: Sequence[Any]) -> float:
        row = [np.searchsorted(edge, u) for edge, u in zip(edges, np.asarray(point, dtype=float))]
        away = turn @ (heights[np.arange(d), row] - at_best)
        return float(away @ away)

    return _reals(d), function, 0.0


def _basin(seed: int, d: int, share: float) -> tuple[tuple[Variable, ...], Function, float]:
    """Return a function that is flat but for a steep basin in a share of the box, and ripples in it."""
    rng = np.random.default_rng([seed, d])
    centre, widths = rng.uniform(0.2, 0.8, d), rng.uniform(0.5, 2.0, d)
    draws = np.random.default_rng(0).random((20000, d))
    radius = float(np.quantile(np.sqrt((((draws - centre) / widths) ** 2).sum(axis=1)), share))

    def function(point: Sequence[Any]) -> float:
        r = float(np.sqrt((((np.asarray(point, dtype=float) - centre) / widths) ** 2).sum())) / radius
        return min(1.0, r + 0.1 * (1.0 - np.cos(6.0 * np.pi * r)))

    return _reals(d), function, 0.0


# ---- responses of trees ---------------------------------------------------------------------------


@functools.cache
def _loaded(name: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets

    features, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    return features, target.astype(float)


def _ranks(columns: np.ndarray) -> np.ndarray:
    """Return the columns' values by rank, over (0, 1)."""
    order = columns.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return (order + 0.5) / len(columns)


def _of_trees(
    model: Any, features: np.ndarray, target: np.ndarray, seed: int
) -> tuple[tuple[Variable, ...], Function, None]:
    """Return the prediction of an ensemble fitted to half of the rows, by the features' ranks."""
    rng = np.random.default_rng([seed, len(target)])
    rows = rng.permutation(len(target))[: max(len(target) // 2, 80)]
    model.set_params(random_state=seed).fit(features[rows], target[rows])
    members = np.ravel(getattr(model, "estimators_", [model]))
    trees = [member.tree_ for member in members]
    rate = model.learning_rate if hasattr(model, "learning_rate") else 1.0 / len(trees)

    def function(u: np.ndarray) -> float:
        row = u.astype(np.float32)[None]
        return float(rate * sum(tree.predict(row)[0, 0] for tree in trees))

    d = features.shape[1]
    return _reals(d), _turned(function, d, rng), None


def _friedman(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng([seed, 6])
    x = rng.random((400, 6))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return _of_trees(RandomForestRegressor(20), x, y + rng.standard_normal(400), seed)


def _diabetes(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    from sklearn.ensemble import GradientBoostingRegressor

    features, target = _loaded("diabetes")
    model = GradientBoostingRegressor(learning_rate=0.1, n_estimators=60, max_depth=4, subsample=0.7)
    return _of_trees(model, _ranks(features[:, [2, 3, 8, 9, 6, 4, 7, 0]]), target, seed)


def _wine(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    from sklearn.tree import DecisionTreeRegressor

    features, _ = _loaded("wine")
    return _of_trees(
        DecisionTreeRegressor(min_samples_leaf=2), _ranks(features[:, [1, 3, 9]]), features[:, 0], seed
    )


def _breast(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    from sklearn.ensemble import ExtraTreesRegressor

    features, _ = _loaded("breast_cancer")
    rows = features[:, [1, 4, 5, 8, 9]]
    return _of_trees(ExtraTreesRegressor(30, min_samples_leaf=3), _ranks(rows), features[:, 13] ** 0.25, seed)


# ---- tables ---------------------------------------------------------------------------------------


def _scored(model: Callable[[], Any], features: np.ndarray, target: np.ndarray, seed: int, n: int) -> float:
    """Return minus the three-fold accuracy or R² on n rows, rounded as reports round it."""
    rows = np.random.default_rng(seed).permutation(len(target))[:n]
    x, y, fold = features[rows], target[rows], np.arange(n) % 3
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = [model().fit(x[fold != k], y[fold != k]).score(x[fold == k], y[fold == k]) for k in range(3)]
    return -round(float(np.mean(scores)), 3)


def _table_svm(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    from sklearn.svm import SVC

    features, target = _loaded("wine")

    @functools.cache
    def cell(c: int, gamma: int, kernel: str, degree: int) -> float:
        return _scored(
            lambda: SVC(C=10.0 ** (c / 3 - 3), gamma=10.0 ** (gamma / 3 - 4), kernel=kernel, degree=degree),
            features[:, :5], target, seed, 110,
        )  # fmt: skip

    kernels = Variable("choice", choices=("rbf", "poly", "sigmoid", "linear"))
    variables = (Variable("integer", 0, 18), Variable("integer", 0, 15), kernels, Variable("integer", 1, 4))
    return variables, lambda point: cell(*point), None


def _table_tree(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    from sklearn.tree import DecisionTreeRegressor

    features, target = _loaded("diabetes")

    @functools.cache
    def cell(depth: int, leaf: int, split: int, criterion: str, features_: str) -> float:
        return _scored(
            lambda: DecisionTreeRegressor(
                max_depth=depth, min_samples_leaf=leaf, min_samples_split=split, criterion=criterion,
                max_features=None if features_ == "all" else features_, random_state=seed,
            ),
            features, target, seed, 220,
        )  # fmt: skip

    variables = (
        Variable("integer", 1, 15), Variable("integer", 1, 40), Variable("integer", 2, 60),
        Variable("choice", choices=("squared_error", "friedman_mse", "poisson")),
        Variable("choice", choices=("sqrt", "log2", "all")),
    )  # fmt: skip
    return variables, lambda point: cell(*point), None


def _nearest(
    data: str, columns: Sequence[int], value: int, seed: int
) -> tuple[tuple[Variable, ...], Function, float]:
    """Return minus the value of the nearest row, the features by rank: as measured, scatter included."""
    rng = np.random.default_rng([seed, value])
    features, _ = _loaded(data)
    rows = features[rng.permutation(len(features))[: len(features) * 3 // 4]]
    places, values = _ranks(rows[:, columns]), rows[:, value]

    def function(u: np.ndarray) -> float:
        return -float(values[((places - u) ** 2).sum(axis=1).argmin()])

    return _reals(len(columns)), _turned(function, len(columns), rng), -float(values.max())


def _grid(columns: Sequence[int], n_levels: int, seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    """Return the nearest row's value on a grid of so many levels along each axis."""
    _, function, _ = _nearest("diabetes", columns, 9, seed)
    variables = (Variable("integer", 0, n_levels - 1),) * len(columns)
    return variables, lambda point: function([x / (n_levels - 1) for x in point]), None


def _trials(
    seed: int, integers: Sequence[int], choices: Sequence[int], error: float
) -> tuple[tuple[Variable, ...], Function, None]:
    """Return minus a yield: a hill over the factors of integer levels, an effect for each level of a choice,
    products of both; the error of a cell is a share of all cells' deviation and never drawn again."""
    rng = np.random.default_rng([seed, *integers, 0, *choices])
    sizes = (*integers, *choices)
    axes = [
        np.linspace(-1.0, 1.0, k) if i < len(integers) else rng.standard_normal(k)
        for i, k in enumerate(sizes)
    ]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    inner = mesh @ rng.standard_normal((len(sizes), len(sizes))) / np.sqrt(len(sizes))
    values = (
        mesh @ rng.standard_normal(len(sizes))
        - (inner**2).sum(axis=-1)
        + 0.5 * np.prod(inner[..., :2], axis=-1)
    )
    values = 1.0 / (1.0 + np.exp(-(values - values.mean()) / values.std()))
    values += error * values.std() * rng.standard_normal(values.shape)
    levels = tuple(Variable("integer", 1, k) for k in integers) + tuple(
        Variable("choice", choices=tuple(f"level {j}" for j in range(k))) for k in choices
    )

    def function(point: Sequence[Any]) -> float:
        cell = [axis.choices.index(x) if axis.kind == "choice" else x - 1 for axis, x in zip(levels, point)]
        return -float(values[tuple(cell)])

    return levels, function, None


def _table_neighbours(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    from sklearn.neighbors import KNeighborsRegressor

    features, target = _loaded("diabetes")

    @functools.cache
    def cell(k: int, p: int, weights: str, n_columns: int) -> float:
        return _scored(
            lambda: KNeighborsRegressor(k, p=p, weights=weights, algorithm="brute"),
            features[:, :n_columns], target, seed, 200,
        )  # fmt: skip

    weights = Variable("choice", choices=("uniform", "distance"))
    return (
        (
            Variable("integer", 1, 40, log=True),
            Variable("integer", 1, 4),
            weights,
            Variable("integer", 2, 10),
        ),
        lambda point: cell(*point),
        None,
    )


# ---- cut scans ------------------------------------------------------------------------------------


def _cuts(
    signal: np.ndarray, background: np.ndarray, weights: tuple[float, float], rng: np.random.Generator
) -> tuple[tuple[Variable, ...], Function, None]:
    """Return minus s / √(b + 4) of the events above (or below, by axis) a threshold along each axis."""
    both = np.concatenate([signal, background])
    low, high = np.quantile(both, [0.005, 0.995], axis=0)
    side = np.where(signal.mean(axis=0) > background.mean(axis=0), 1.0, -1.0)
    low, high = np.where(side > 0, low, -high), np.where(side > 0, high, -low)

    def function(u: np.ndarray) -> float:
        thresholds = low + u * (high - low)
        s = weights[0] * (side * signal >= thresholds).all(axis=1).sum()
        b = weights[1] * (side * background >= thresholds).all(axis=1).sum()
        return -float(s / np.sqrt(b + 4.0))

    d = signal.shape[1]
    return _reals(d), _turned(function, d, rng), None


def _cuts_of_breast(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    rng = np.random.default_rng([seed, 4])
    features, target = _loaded("breast_cancer")
    rows = rng.permutation(len(target))[:400]
    chosen, kind = features[rows][:, [0, 1, 4, 8, 18]], target[rows]
    return _cuts(chosen[kind == 0], chosen[kind == 1], (0.3, 1.0), rng)


def _cuts_of_events(seed: int) -> tuple[tuple[Variable, ...], Function, None]:
    """A resonance: six correlated variables with tails, 1,500 events of signal, 4,000 of background."""
    rng = np.random.default_rng([seed, 5])
    mix = np.eye(6) + 0.4 * rng.standard_normal((6, 6))
    background = rng.standard_exponential((4000, 6)) @ mix
    signal = (rng.standard_exponential((1500, 6)) * 0.6 + rng.uniform(0.0, 1.5, 6)) @ mix
    return _cuts(signal, background, (0.05, 0.5), rng)


_BUILDERS: dict[str, Callable[[int], tuple[tuple[Variable, ...], Function, float | None]]] = {
    "terraces_branin2": lambda seed: _terraces("branin2", 10, True, seed),
    "terraces_ackley5": lambda seed: _terraces("ackley5", 12, True, seed),
    "steps_bowl5": lambda seed: _steps(seed, 5, 7),
    "steps_bowl2": lambda seed: _steps(seed, 2, 20),
    "basin_ripples3": lambda seed: _basin(seed, 3, 0.15),
    "forest_friedman6": _friedman,
    "boosting_diabetes8": _diabetes,
    "tree_wine3": _wine,
    "trees_breast5": _breast,
    "table_svm_wine": _table_svm,
    "table_tree_diabetes": _table_tree,
    "nearest_wine4": lambda seed: _nearest("wine", (1, 5, 9, 10), 12, seed),
    "nearest_diabetes2": lambda seed: _nearest("diabetes", (2, 8), 9, seed),
    "grid_diabetes3": lambda seed: _grid((2, 8, 3), 9, seed),
    "grid_diabetes4": lambda seed: _grid((2, 8, 3, 6), 6, seed),
    "table_neighbours": _table_neighbours,
    "trials_levels4": lambda seed: _trials(seed, (8, 6, 5, 5), (), 0.15),
    "trials_mixed4": lambda seed: _trials(seed, (6, 5), (7, 4), 0.1),
    "trials_choices4": lambda seed: _trials(seed, (4,), (8, 6, 5), 0.2),
    "trials_levels6": lambda seed: _trials(seed, (4, 4, 4, 4, 3, 3), (), 0.1),
    "steps_bowl4": lambda seed: _steps(seed, 4, 6),
    "steps_bowl3": lambda seed: _steps(seed, 3, 9),
    "cuts_breast5": _cuts_of_breast,
    "cuts_events6": _cuts_of_events,
}
NAMES = tuple(_BUILDERS)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    variables, function, optimum = _BUILDERS[name](seed)
    return BenchmarkProblem(name, "rough", variables, function, optimum)
