"""The functions of the regret benchmark; every instance moves with its seed.

A problem's name says what it is: ``hartmann6``, ``bbob_f15_d5``, ``mixint_f8_d10``, ``svr_diabetes``;
``+noise5`` adds Gaussian noise with a standard deviation of 5 % of the range (the span between the
5 % and 95 % quantiles of the function over its box), ``@q4`` keeps four evaluations outstanding.

No optimum sits in the centre or in a corner for every seed: classical functions have their
coordinates permuted and mirrored and their box moved; COCO's take the instance seed + 1.
Runs without smbo, so that every peer's environment can use it.

Sources: Surjanovic and Bingham, "Virtual Library of Simulation Experiments" (formulas of the
classical functions); Hansen et al., "COCO" (bbob, bbob-mixint; package coco-experiment).
"""

from __future__ import annotations

import functools
import importlib
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# "large" is for 300 evaluations; the other groups are for 100
TUNING = {
    "smooth": (
        "branin2", "hartmann3", "ackley5", "rosenbrock4", "griewank6", "bbob_f2_d5", "bbob_f15_d5",
        "bbob_f21_d3", "bbob_f6_d10", "bbob_f10_d20", "bbob_f17_d2", "bbob_f8_d20",
        "michalewicz5", "dixon4", "zakharov5", "beale2", "powell8", "cosine6",
        "bbob_f4_d3", "bbob_f5_d5", "bbob_f7_d5", "bbob_f9_d3", "bbob_f11_d5", "bbob_f12_d3", "bbob_f14_d5",
        "bbob_f14_d10", "bbob_f16_d2", "bbob_f18_d5", "bbob_f19_d3", "bbob_f23_d2", "bbob_f24_d5",
        "bbob_f2_d20",
    ),
    "noisy": (
        "branin2+noise5", "hartmann3+noise10", "ackley5+noise5", "bbob_f15_d5+noise10",
        "beale2+noise10", "michalewicz5+noise5", "bbob_f14_d5+noise5", "bbob_f6_d10+noise5",
    ),
    "mixed": (
        "mixint_f3_d5", "mixint_f15_d10", "gbt_diabetes", "mlp_digits",
        "mixint_f7_d5", "mixint_f14_d5", "mixint_f21_d5", "mixint_f6_d10", "svc_wine", "knn_digits",
    ),
    "batch": (
        "hartmann3@q4", "ackley5@q8", "bbob_f15_d5@q4",
        "beale2@q4", "dixon4@q8", "michalewicz5@q4", "bbob_f14_d10@q8",
    ),
    "large": ("bbob_f8_d20", "bbob_f10_d20", "bbob_f2_d20", "bbob_f15_d20"),
}  # fmt: skip
HELD_OUT = {
    "smooth": (
        "camel2", "hartmann6", "levy6", "shekel4", "styblinski5", "goldstein2", "bbob_f8_d5", "bbob_f13_d3",
        "bbob_f17_d5", "bbob_f22_d2", "bbob_f20_d10", "bbob_f1_d20", "bbob_f13_d20", "bbob_f3_d3",
    ),
    "noisy": (
        "hartmann6+noise5", "camel2+noise10", "levy6+noise5", "bbob_f8_d5+noise5",
        "rosenbrock4+noise10",
        "shekel4+noise5", "styblinski5+noise10", "goldstein2+noise5", "bbob_f13_d3+noise10",
        "bbob_f17_d5+noise5", "bbob_f20_d10+noise5",
    ),
    "mixed": (
        "mixint_f8_d5", "mixint_f1_d10", "svr_diabetes", "rf_breast",
        "mixint_f2_d5", "mixint_f8_d10", "mixint_f13_d5", "mixint_f17_d5", "mixint_f20_d5", "mixint_f10_d10",
    ),
    "batch": (
        "hartmann6@q4", "hartmann6@q8", "rosenbrock4@q8", "levy6@q4",
        "styblinski5@q4", "shekel4@q8", "camel2@q4", "bbob_f8_d5@q4", "bbob_f20_d10@q8", "bbob_f13_d3@q8",
    ),
    "large": ("bbob_f1_d20", "bbob_f13_d20", "bbob_f17_d20", "bbob_f20_d20", "bbob_f22_d20"),
}  # fmt: skip


@dataclass(frozen=True)
class Variable:
    """One parameter: ``kind`` is "real", "integer" or "choice"."""

    kind: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[str, ...] = ()
    # index of a choice before this one, and the values under which this one is active; None: always.  Peers
    # without conditions are given every variable, and the function does not read the inactive ones.
    when: tuple[int, tuple[str, ...]] | None = None

    def from_unit(self, u: float) -> Any:
        """Return the value at u in [0, 1], uniform over the variable's own scale."""
        u = min(max(u, 0.0), 1.0)
        if self.kind == "choice":
            return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]
        if self.log:
            value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
            return min(max(round(value), int(self.low)), int(self.high)) if self.kind == "integer" else value
        if self.kind == "integer":
            return min(int(self.low) + int(u * (self.high - self.low + 1)), int(self.high))
        return self.low + u * (self.high - self.low)


@dataclass(frozen=True)
class BenchmarkProblem:
    """A function to minimise.

    Attributes:
        optimum: None where nobody knows it.
        noise: standard deviation of Gaussian noise.
        workers: evaluations outstanding at any time.
        observe: noise of another kind: (point, true value, generator) -> what is told, and the standard error
            that is told with it or None.
    """

    name: str
    group: str
    variables: tuple[Variable, ...]
    function: Callable[[Sequence[Any]], float]
    optimum: float | None
    noise: float = 0.0
    workers: int = 1
    observe: Callable[[Sequence[Any], float, np.random.Generator], tuple[float, float | None]] | None = None

    @property
    def is_noisy(self) -> bool:
        """Whether the score is the true value of the recommended point."""
        return bool(self.noise) or self.observe is not None

    def seen(
        self, point: Sequence[Any], value: float, rng: np.random.Generator
    ) -> tuple[float, float | None]:
        """Return what is told of a true value, and its standard error if that is told."""
        if self.observe is not None:
            return self.observe(point, value, rng)
        return value + self.noise * rng.standard_normal(), None

    def random_point(self, rng: np.random.Generator) -> list[Any]:
        return [variable.from_unit(u) for variable, u in zip(self.variables, rng.random(len(self.variables)))]


# ---- classical functions: (bounds, function of an array, optimum, how far the box may move) ----

_HARTMANN_C = np.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN3_A = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
_HARTMANN3_P = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)
_HARTMANN6_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN6_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_SHEKEL_C = np.array([[4, 1, 8, 6, 3, 2, 5, 8, 6, 7], [4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6]] * 2, dtype=float)
_SHEKEL_B = 0.1 * np.array([1, 2, 2, 4, 4, 6, 3, 7, 5, 5])


def _branin(x: np.ndarray) -> float:
    a, b = x
    return (
        (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a)
        + 10
    )


def _camel(x: np.ndarray) -> float:
    a, b = x
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (-4 + 4 * b**2) * b**2


def _goldstein(x: np.ndarray) -> float:
    a, b = x
    left = 1 + (a + b + 1) ** 2 * (19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2)
    right = 30 + (2 * a - 3 * b) ** 2 * (18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2)
    return left * right


def _hartmann(a: np.ndarray, p: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda x: -float(_HARTMANN_C @ np.exp(-(a * (x - p) ** 2).sum(axis=1)))


def _ackley(x: np.ndarray) -> float:
    return -20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e


def _rosenbrock(x: np.ndarray) -> float:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _griewank(x: np.ndarray) -> float:
    return 1 + (x**2).sum() / 4000 - np.prod(np.cos(x / np.sqrt(np.arange(1, len(x) + 1))))


def _levy(x: np.ndarray) -> float:
    w = 1 + (x - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    return np.sin(np.pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)


def _styblinski(x: np.ndarray) -> float:
    return 0.5 * (x**4 - 16 * x**2 + 5 * x).sum()


def _shekel(x: np.ndarray) -> float:
    return -float((1 / (((x[:, None] - _SHEKEL_C) ** 2).sum(axis=0) + _SHEKEL_B)).sum())


def _michalewicz(x: np.ndarray) -> float:
    return -float((np.sin(x) * np.sin(np.arange(1, len(x) + 1) * x**2 / np.pi) ** 20).sum())


def _dixon(x: np.ndarray) -> float:
    rest = np.arange(2, len(x) + 1) @ (2 * x[1:] ** 2 - x[:-1]) ** 2
    return (x[0] - 1) ** 2 + float(rest)


def _zakharov(x: np.ndarray) -> float:
    line = 0.5 * np.arange(1, len(x) + 1) @ x
    return x @ x + line**2 + line**4


def _beale(x: np.ndarray) -> float:
    a, b = x
    return (1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2


def _powell(x: np.ndarray) -> float:
    a, b, c, d = x.reshape(-1, 4).T
    return float(((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4).sum())


def _cosine(x: np.ndarray) -> float:
    return x @ x - 0.1 * float(np.cos(5 * np.pi * x).sum())


_CLASSICAL: dict[str, tuple[list[tuple[float, float]], Callable[[np.ndarray], float], float, float]] = {
    "branin2": ([(-5, 10), (0, 15)], _branin, 0.397887357729738, 0.0),
    "camel2": ([(-2, 2), (-1, 1)], _camel, -1.031628453489877, 0.1),
    "goldstein2": ([(-2, 2), (-2, 2)], _goldstein, 3.0, 0.1),
    "hartmann3": ([(0, 1)] * 3, _hartmann(_HARTMANN3_A, _HARTMANN3_P), -3.862782147820756, 0.1),
    "hartmann6": ([(0, 1)] * 6, _hartmann(_HARTMANN6_A, _HARTMANN6_P), -3.322368011415515, 0.1),
    "ackley5": ([(-8, 8)] * 5, _ackley, 0.0, 0.3),
    "rosenbrock4": ([(-5, 10)] * 4, _rosenbrock, 0.0, 0.2),
    "griewank6": ([(-50, 50)] * 6, _griewank, 0.0, 0.3),
    "levy6": ([(-10, 10)] * 6, _levy, 0.0, 0.3),
    "styblinski5": ([(-5, 5)] * 5, _styblinski, -39.16616570377142 * 5, 0.1),
    "shekel4": ([(0, 10)] * 4, _shekel, -10.536443153483534, 0.1),
    "michalewicz5": ([(0, np.pi)] * 5, _michalewicz, -4.687658179088148, 0.0),
    "dixon4": ([(-10, 10)] * 4, _dixon, 0.0, 0.2),
    "zakharov5": ([(-5, 10)] * 5, _zakharov, 0.0, 0.1),
    "beale2": ([(-4.5, 4.5)] * 2, _beale, 0.0, 0.1),
    "powell8": ([(-4, 5)] * 8, _powell, 0.0, 0.2),
    "cosine6": ([(-1, 1)] * 6, _cosine, -0.6, 0.3),
}


def _classical(name: str, seed: int) -> tuple[list[Variable], Callable[[Sequence[Any]], float], float]:
    """Return an instance: box moved, coordinates permuted and mirrored, all by the seed."""
    bounds, function, optimum, reach = _CLASSICAL[name]
    rng = np.random.default_rng([seed, *name.encode()])
    low, high = np.array(bounds, dtype=float).T
    move = rng.uniform(-reach, reach, len(low)) * (high - low)
    low, high = low + move, high + move
    order = rng.permutation(len(low))
    mirrored = rng.random(len(low)) < 0.5

    def moved(u: Sequence[Any]) -> float:
        v = np.where(mirrored, 1.0 - np.asarray(u, dtype=float), np.asarray(u, dtype=float))
        x = np.empty_like(v)
        x[order] = v
        return float(function(low + x * (high - low)))

    return [Variable("real")] * len(low), moved, optimum


# ---- COCO -------------------------------------------------------------------------------------


def _bbob(name: str, seed: int) -> tuple[list[Variable], Callable[[Sequence[Any]], float], float]:
    import cocoex

    _, function, dimension = name.split("_")
    problem = cocoex.BareProblem("bbob", int(function[1:]), int(dimension[1:]), seed + 1)
    variables = [Variable("real", -5.0, 5.0)] * int(dimension[1:])
    return variables, lambda x: float(problem(np.asarray(x, dtype=float))), float(problem.best_value())


@functools.cache
def _mixint_suite(selection: str) -> Any:
    import cocoex

    return cocoex.Suite("bbob-mixint", "", selection)


def _mixint(name: str, seed: int) -> tuple[list[Variable], Callable[[Sequence[Any]], float], None]:
    _, function, dimension = name.split("_")
    selection = f"dimensions:{dimension[1:]} function_indices:{function[1:]} instance_indices:{seed % 15 + 1}"
    problem = _mixint_suite(selection)[0]
    n_integers = problem.number_of_integer_variables
    variables = [
        Variable("integer", round(low), round(high)) if i < n_integers else Variable("real", low, high)
        for i, (low, high) in enumerate(zip(problem.lower_bounds, problem.upper_bounds))
    ]
    return variables, lambda x: float(problem(np.asarray(x, dtype=float))), None


# ---- scikit-learn tuning tasks on bundled data: the seed draws the rows and the folds -----------


@functools.cache
def _data(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    features, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    if name == "diabetes":
        target = (target - target.mean()) / target.std()
    rows = np.random.default_rng(seed).permutation(len(target))[:400]
    return features[rows], target[rows], np.arange(len(rows)) % 3


def _loss(model: Any, data: str, seed: int) -> float:
    """Return the three-fold mean squared error, or log-loss for a classifier, capped at 5."""
    features, target, fold = _data(data, seed)
    total = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unconverged fits are part of the task
        for k in range(3):
            train, test = fold != k, fold == k
            fitted = model().fit(features[train], target[train])
            if hasattr(fitted, "predict_proba"):
                chances = fitted.predict_proba(features[test])
                chosen = chances[np.arange(test.sum()), np.searchsorted(fitted.classes_, target[test])]
                total -= np.log(np.clip(chosen, 1e-6, 1)).mean()
            else:
                total += np.mean((np.clip(fitted.predict(features[test]), -1e3, 1e3) - target[test]) ** 2)
    return float(min(total / 3, 5.0))


def _svr(x: Sequence[Any], seed: int) -> float:
    from sklearn.svm import SVR

    c, gamma, epsilon, kernel, degree = x
    return _loss(
        lambda: SVR(C=c, gamma=gamma, epsilon=epsilon, kernel=kernel, degree=degree, max_iter=3000),
        "diabetes",
        seed,
    )


def _forest(x: Sequence[Any], seed: int) -> float:
    from sklearn.ensemble import RandomForestClassifier

    trees, depth, features, criterion, leaf, bootstrap = x
    return _loss(
        lambda: RandomForestClassifier(
            trees, max_depth=depth, max_features=features, criterion=criterion,
            min_samples_leaf=leaf, bootstrap=bootstrap == "yes", random_state=0,
        ),
        "breast_cancer",
        seed,
    )  # fmt: skip


def _boosting(x: Sequence[Any], seed: int) -> float:
    from sklearn.ensemble import GradientBoostingRegressor

    rate, trees, depth, subsample, features, leaf = x
    return _loss(
        lambda: GradientBoostingRegressor(
            learning_rate=rate, n_estimators=trees, max_depth=depth, subsample=subsample,
            min_samples_leaf=leaf, max_features=None if features == "all" else features, random_state=0,
        ),
        "diabetes",
        seed,
    )  # fmt: skip


def _support_vectors(x: Sequence[Any], seed: int) -> float:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    c, gamma, kernel, degree, shift = x
    return _loss(
        lambda: CalibratedClassifierCV(
            SVC(C=c, gamma=gamma, kernel=kernel, degree=degree, coef0=shift, max_iter=3000), cv=2
        ),
        "wine",
        seed,
    )


def _neighbours(x: Sequence[Any], seed: int) -> float:
    from sklearn.neighbors import KNeighborsClassifier

    count, weights, power, leaf = x
    return _loss(
        lambda: KNeighborsClassifier(count, weights=weights, p=power, leaf_size=leaf), "digits", seed
    )


def _perceptron(x: Sequence[Any], seed: int) -> float:
    from sklearn.neural_network import MLPClassifier

    width, alpha, rate, activation, batch, solver = x
    return _loss(
        lambda: MLPClassifier(
            (width,), alpha=alpha, learning_rate_init=rate, activation=activation, batch_size=batch,
            solver=solver, max_iter=6, random_state=0,
        ),
        "digits",
        seed,
    )  # fmt: skip


def _r(low: float, high: float, log: bool = False) -> Variable:
    return Variable("real", low, high, log)


def _i(low: int, high: int, log: bool = False) -> Variable:
    return Variable("integer", low, high, log)


def _c(*choices: str) -> Variable:
    return Variable("choice", choices=choices)


_TASKS: dict[str, tuple[Callable[[Sequence[Any], int], float], list[Variable]]] = {
    "svr_diabetes": (
        _svr,
        [_r(1e-2, 1e3, True), _r(1e-4, 10, True), _r(1e-3, 1, True), _c("rbf", "poly", "sigmoid"), _i(2, 5)],
    ),
    "rf_breast": (
        _forest,
        [_i(3, 20, True), _i(1, 15), _r(0.05, 1), _c("gini", "entropy"), _i(1, 30, True), _c("yes", "no")],
    ),
    "gbt_diabetes": (
        _boosting,
        [
            _r(5e-3, 1, True), _i(5, 60, True), _i(1, 5), _r(0.3, 1), _c("sqrt", "log2", "all"),
            _i(1, 50, True),
        ],
    ),
    "svc_wine": (
        _support_vectors,
        [_r(1e-3, 1e3, True), _r(1e-4, 10, True), _c("rbf", "poly", "sigmoid"), _i(2, 5), _r(0, 1)],
    ),
    "knn_digits": (
        _neighbours,
        [_i(1, 60), _c("uniform", "distance"), _r(1, 5), _i(10, 50)],
    ),
    "mlp_digits": (
        _perceptron,
        [
            _i(4, 64, True), _r(1e-6, 10, True), _r(1e-4, 0.3, True), _c("relu", "tanh", "logistic"),
            _i(16, 128, True), _c("adam", "sgd"),
        ],
    ),
}  # fmt: skip


# ---- problems unlike smooth functions: a file a kind, one half each, in kinds/ ---------------------

_KINDS = sorted(path.stem for path in (Path(__file__).parent / "kinds").glob("[a-z]*.py"))


def load_kinds() -> None:
    """Fill the groups of the problems in kinds/ into TUNING and HELD_OUT."""
    _kinds()


@functools.cache
def _kinds() -> dict[str, Callable[[str, int], BenchmarkProblem]]:
    """Return the builders of the problems in kinds/, by name; fill their groups in."""
    builders = {}
    for stem in _KINDS:
        module = importlib.import_module(f"kinds.{stem}")
        group = stem.removesuffix("_held_out")
        (HELD_OUT if stem.endswith("_held_out") else TUNING)[group] = module.NAMES
        builders.update(dict.fromkeys(module.NAMES, module.make))
        # the same instances one at a time, of which random search's values are drawn
        alone = [name.partition("@q")[0] for name in module.NAMES if name.startswith("async_")]
        builders.update(dict.fromkeys(alone, module.make))
    return builders


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    if name in _kinds():
        return _kinds()[name](name, seed)
    rest, _, workers = name.partition("@q")
    base, _, percent = rest.partition("+noise")
    optimum: float | None
    if base in _CLASSICAL:
        variables, function, optimum = _classical(base, seed)
    elif base.startswith("bbob_"):
        variables, function, optimum = _bbob(base, seed)
    elif base.startswith("mixint_"):
        variables, function, optimum = _mixint(base, seed)
    elif base in _TASKS:
        task, variables = _TASKS[base]
        function, optimum = (lambda x: task(x, seed)), None
    else:
        raise ValueError(f"no problem is called {name!r}")
    group = "batch" if workers else "noisy" if percent else "mixed" if optimum is None else "smooth"
    noise = 0.0
    if percent:
        draws = np.random.default_rng(seed).random((1000, len(variables)))
        values = [function([v.from_unit(u) for v, u in zip(variables, row)]) for row in draws]
        low, high = np.quantile(values, [0.05, 0.95])
        noise = float(percent) / 100 * float(high - low)
    return BenchmarkProblem(name, group, tuple(variables), function, optimum, noise, int(workers or 1))
