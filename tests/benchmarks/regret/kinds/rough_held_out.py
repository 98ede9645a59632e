"""Plateaus, trees' responses, tables of real experiments, cut scans: the half to report on.

The tables come with packages, which only have to lie on the path (``pip install --no-deps olymp summit``):

- olymp (Häse et al. 2021, "Olympus: a benchmarking framework for noisy optimization and experiment
  planning"): response of a chromatograph, yields of a Suzuki reaction and of fullerene adducts on grids,
  mixed colours, polymer blends under light, waste of a substitution in flow.
- summit (Felton et al. 2021): Suzuki couplings with eight catalysts (Reizman et al. 2016), amination with
  choices of catalyst and base (Baumgartner et al. 2019).

The seed leaves a fifth of the rows out, mirrors axes and renames choices; a point has the value of the
nearest row that is left, or that of a forest grown on them.
"""

from __future__ import annotations

import csv
import functools
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable

from kinds._held_out_shapes import bowl, peaks, valley

_Made = tuple[list[Variable], Callable[[Sequence[Any]], float], float | None]


def _unit(d: int) -> list[Variable]:
    return [Variable("real")] * d


# ---- plateaus ------------------------------------------------------------------------------------


def _stairs(rng: np.random.Generator) -> _Made:
    """A bowl over axes that are cut into unlike numbers of steps."""
    steps = np.array([5, 9, 14, 20])
    centre, weight = rng.uniform(0.1, 0.9, 4), rng.permutation([1.0, 2.0, 4.0, 8.0])
    tread = np.minimum(np.floor(centre * steps), steps - 1)

    def function(u: Sequence[Any]) -> float:
        at = np.minimum(np.floor(np.asarray(u, dtype=float) * steps), steps - 1)
        return float((weight * np.abs((at - tread) / steps)).sum())

    return _unit(4), function, 0.0


def _flat_outside(rng: np.random.Generator) -> _Made:
    """The same value over most of the cube, a curved basin in the rest."""
    shape = bowl(rng, 3, 4.0)
    return _unit(3), lambda u: min(shape(u), 0.25), 0.0


def _coarse_values(rng: np.random.Generator) -> _Made:
    """A valley whose values are told in thirty coarse steps of a logarithm, as of a count."""
    shape = valley(rng, 5)
    return _unit(5), lambda u: float(np.floor(6.0 * np.log10(1e-2 + shape(u)))), -12.0


def _ties_of_a_score(rng: np.random.Generator) -> _Made:
    """The share of 80 test cases that fail, each for a half-space or a ball of its own: ties and cliffs."""
    normal, shift = rng.standard_normal((50, 5)), 0.5 * rng.standard_normal(50)
    best = rng.uniform(0.2, 0.8, 5)
    sign = np.sign(normal @ best + shift - normal.sum(axis=1) / 2)
    centres, radii = rng.uniform(0, 1, (30, 5)), rng.uniform(0.4, 0.9, 30)

    def function(u: Sequence[Any]) -> float:
        x = np.asarray(u, dtype=float)
        wrong = np.sign(normal @ x + shift - normal.sum(axis=1) / 2) != sign
        outside = ((x - centres) ** 2).sum(axis=1) > radii**2
        return float((wrong.sum() + outside.sum()) / 80)

    return _unit(5), function, None


# ---- trees' responses ----------------------------------------------------------------------------


class _Forest:
    """Trees grown on rows of [0, 1]^d; read without sklearn's checks, which cost more than the trees."""

    def __init__(self, rows: np.ndarray, values: np.ndarray, count: int, seed: int, leaf: int = 1) -> None:
        from sklearn.ensemble import ExtraTreesRegressor

        grown = ExtraTreesRegressor(count, min_samples_leaf=leaf, random_state=seed).fit(rows, values)
        self.trees = [tree.tree_ for tree in grown.estimators_]

    def __call__(self, u: Sequence[float]) -> float:
        row = np.asarray([u], dtype=np.float32)
        return float(np.mean([tree.predict(row).item() for tree in self.trees]))


def _one_tree(rng: np.random.Generator) -> _Made:
    """One full tree of 250 leaves over a function with several dips."""
    rows, shape = rng.random((250, 4)), peaks(rng, 4, 6, 0.35)
    forest = _Forest(rows, np.array([shape(row) for row in rows]), 1, int(rng.integers(1000)))
    return _unit(4), forest, None


def _friedman_forest(rng: np.random.Generator) -> _Made:
    """Forty trees on 300 noisy rows of Friedman's first function, with two axes that do not matter."""
    order, rows = rng.permutation(7), rng.random((300, 7))
    x = rows[:, order]
    values = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    forest = _Forest(rows, values + rng.standard_normal(300), 40, int(rng.integers(1000)), leaf=2)
    return _unit(7), forest, None


# ---- tables of experiments -------------------------------------------------------------------------


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"the package with the folder {package!r} is missing: pip install --no-deps olymp summit"
        )
    return Path(spec.submodule_search_locations[0])


@functools.cache
def _olympus(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a table's distinct points, shape (n, d), and the means of their values, in the table's units."""
    table = np.loadtxt(_folder("olympus") / "datasets" / f"dataset_{name}" / "data.csv", delimiter=",")
    points, of = np.unique(table[:, :-1], axis=0, return_inverse=True)
    return points, np.bincount(of.ravel(), table[:, -1]) / np.bincount(of.ravel())


@functools.cache
def _summit(file: str, choices: tuple[str, ...], numbers: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """Return columns of choices, of numbers, and the yields of a table of summit."""
    with (_folder("summit") / "benchmarks" / "data" / file).open(encoding="utf-8-sig") as stream:
        rows = [row for row in csv.DictReader(stream) if row["yld"] != "DATA"]
    words = np.array([[row[name] for name in choices] for row in rows])
    values = np.array([[float(row[name]) for name in numbers] for row in rows])
    return words, values, np.array([float(row["yld"]) for row in rows])


def _scaled(points: np.ndarray) -> np.ndarray:
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - low) / (high - low)


def _kept(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.sort(rng.permutation(n)[: round(0.8 * n)])


def _nearest(rng: np.random.Generator, units: np.ndarray, values: np.ndarray) -> _Made:
    """A continuous space, each point with the value of the nearest row."""
    keep = _kept(rng, len(units))
    mirrored = rng.random(units.shape[1]) < 0.5
    units, values = np.where(mirrored, 1 - units, units)[keep], values[keep]

    def function(u: Sequence[Any]) -> float:
        return float(values[((units - np.asarray(u, dtype=float)) ** 2).sum(axis=1).argmin()])

    return _unit(units.shape[1]), function, float(values.min())


def _hplc(rng: np.random.Generator) -> _Made:
    points, values = _olympus("hplc")
    return _nearest(rng, _scaled(points), -values)


def _colours(rng: np.random.Generator) -> _Made:
    points, values = _olympus("colors_bob")
    return _nearest(rng, _scaled(points), values)


def _blends(rng: np.random.Generator) -> _Made:
    """Four parts of a blend by three numbers: each the share of what the ones before it have left."""
    points, values = _olympus("photo_pce10")
    parts = points[:, rng.permutation(4)]
    left = 1.0 - np.concatenate([np.zeros((len(parts), 1)), np.cumsum(parts, axis=1)[:, :2]], axis=1)
    return _nearest(rng, np.clip(parts[:, :3] / np.maximum(left, 1e-9), 0, 1), values)


def _grid(rng: np.random.Generator, name: str) -> _Made:
    """A full grid of experiments as integers; a point that nobody measured has the value of its neighbour."""
    points, values = _olympus(name)
    codes = np.stack([np.unique(column, return_inverse=True)[1].ravel() for column in points.T], axis=1)
    top = codes.max(axis=0)
    codes = np.where(rng.random(codes.shape[1]) < 0.5, top - codes, codes)
    keep = _kept(rng, len(codes))
    codes, values = codes[keep], -values[keep]

    def function(x: Sequence[Any]) -> float:
        return float(values[(((codes - np.asarray(x, dtype=float)) / top) ** 2).sum(axis=1).argmin()])

    return [Variable("integer", 0, int(high)) for high in top], function, float(values.min())


def _snar(rng: np.random.Generator) -> _Made:
    points, values = _olympus("snar")
    keep = _kept(rng, len(points))
    forest = _Forest(_scaled(points)[keep], values[keep], 30, int(rng.integers(1000)))
    return _unit(4), forest, None


def _coupling(rng: np.random.Generator, table: tuple[np.ndarray, ...]) -> _Made:
    """A forest on experiments with choices; their names are dealt anew by the seed."""
    words, numbers, yields = table
    levels = [np.unique(column) for column in words.T]
    one_hot = np.concatenate([column[:, None] == names for column, names in zip(words.T, levels)], axis=1)
    keep = _kept(rng, len(yields))
    forest = _Forest(
        np.concatenate([one_hot, _scaled(numbers)], axis=1)[keep], -yields[keep], 30, int(rng.integers(1000))
    )
    deals = [rng.permutation(len(names)) for names in levels]

    def function(x: Sequence[Any]) -> float:
        hot = [np.eye(len(deal))[deal[int(word[1:])]] for word, deal in zip(x, deals)]
        return forest(np.concatenate([*hot, np.asarray(x[len(deals) :], dtype=float)]))

    choices = [Variable("choice", choices=tuple(f"c{i}" for i in range(len(deal)))) for deal in deals]
    return [*choices, *_unit(numbers.shape[1])], function, None


def _reizman(rng: np.random.Generator) -> _Made:
    case = int(rng.integers(1, 5))
    numbers = ("t_res", "temperature", "catalyst_loading")
    return _coupling(rng, _summit(f"reizman_suzuki_case_{case}.csv", ("catalyst",), numbers))


def _baumgartner(rng: np.random.Generator) -> _Made:
    numbers = ("base_equivalents", "temperature", "t_res")
    return _coupling(rng, _summit("baumgartner_aniline_cn_crosscoupling.csv", ("catalyst", "base"), numbers))


# ---- cut scans -----------------------------------------------------------------------------------


def _cells(rng: np.random.Generator) -> _Made:
    """One-sided cuts on five features of breast cells: rare events among many, counted in weighted events."""
    from sklearn.datasets import load_breast_cancer

    features, benign = load_breast_cancer(return_X_y=True)
    signal, chosen = benign == 0, rng.permutation(30)[:5]
    rank = features[:, chosen].argsort(axis=0).argsort(axis=0) / len(features)
    rank = np.where(rank[signal].mean(axis=0) > rank[~signal].mean(axis=0), rank, 1 - rank)
    drawn = rng.random(len(features)) < 0.8
    rank, signal = rank[drawn], signal[drawn]

    def function(u: Sequence[Any]) -> float:
        passed = (rank > 0.9 * np.asarray(u, dtype=float)).all(axis=1)
        s, b = 0.3 * (passed & signal).sum(), 1.2 * (passed & ~signal).sum()
        return -float(s / np.sqrt(s + b + (0.1 * b) ** 2 + 1.0))

    return _unit(5), function, None


def _windows(rng: np.random.Generator) -> _Made:
    """A window on a mass, cuts on three correlated features of 6,000 drawn events: Asimov's significance."""
    n = 6000
    signal = rng.random(n) < 0.2
    mix = np.eye(3) + 0.5 * rng.standard_normal((3, 3))
    peak = rng.uniform(0.3, 0.7)
    mass = np.where(signal, rng.normal(peak, 0.05, n), rng.beta(1.2, 2.0, n))
    other = (rng.standard_normal((n, 3)) + np.where(signal[:, None], rng.uniform(0.4, 1.0, 3), 0.0)) @ mix
    rank = other.argsort(axis=0).argsort(axis=0) / n
    rank = np.where(rank[signal].mean(axis=0) > 0.5, rank, 1 - rank)
    weight = np.where(signal, 0.01, 0.1)

    def function(u: Sequence[Any]) -> float:
        low, width = u[0], 0.02 + 0.5 * u[1]
        passed = (
            (mass > low) & (mass < low + width) & (rank > 0.95 * np.asarray(u[2:], dtype=float)).all(axis=1)
        )
        s, b = weight[passed & signal].sum(), weight[passed & ~signal].sum() + 0.5
        return -float(np.sqrt(2 * ((s + b) * np.log1p(s / b) - s)))

    return _unit(5), function, None


_BUILDERS: dict[str, Callable[[np.random.Generator], _Made]] = {
    "held_stairs4": _stairs,
    "held_flat_outside3": _flat_outside,
    "held_coarse_values5": _coarse_values,
    "held_ties5": _ties_of_a_score,
    "held_tree4": _one_tree,
    "held_friedman_forest7": _friedman_forest,
    "held_hplc6": _hplc,
    "held_colours5": _colours,
    "held_blends3": _blends,
    "held_suzuki_grid4": lambda rng: _grid(rng, "suzuki"),
    "held_fullerenes_grid3": lambda rng: _grid(rng, "fullerenes"),
    "held_snar4": _snar,
    "held_reizman": _reizman,
    "held_baumgartner": _baumgartner,
    "held_cells5": _cells,
    "held_windows5": _windows,
}
NAMES = tuple(_BUILDERS)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    variables, function, optimum = _BUILDERS[name](np.random.default_rng([seed, *name.encode()]))
    return BenchmarkProblem(name, "rough", tuple(variables), function, optimum)
