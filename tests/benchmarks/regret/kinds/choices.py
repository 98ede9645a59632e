"""Choices with many levels, duplicates of levels, and branches of conditional spaces.

Each level or branch has an optimum of its own, drawn by the seed; the best value over all is 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable

Function = Callable[[Sequence[Any]], float]
Instance = tuple[tuple[Variable, ...], Function]


def _levels(n: int) -> tuple[str, ...]:
    return tuple(f"level{k}" for k in range(n))


def _choice(n: int, when: tuple[int, tuple[str, ...]] | None = None) -> Variable:
    return Variable("choice", choices=_levels(n), when=when)


def _reals(n: int) -> list[Variable]:
    return [Variable("real")] * n


def _at(point: Sequence[Any], index: int) -> int:
    return int(point[index].removeprefix("level"))


def _levels12_real4(rng: np.random.Generator) -> Instance:
    """Bowls around a centre of each level's own, over an offset of its own."""
    levels = tuple("abcdefghijkl")
    offset = rng.permutation(np.linspace(0.0, 2.0, len(levels)))
    centre = rng.uniform(0.1, 0.9, (len(levels), 4))
    scale = rng.uniform(1.0, 6.0, 4)

    def function(point: Sequence[Any]) -> float:
        level = levels.index(point[0])
        away = np.asarray(point[1:], dtype=float) - centre[level]
        return float(offset[level] + scale @ away**2)

    return (Variable("choice", choices=levels), *[Variable("real")] * 4), function


def _levels30_ordinal(rng: np.random.Generator) -> Instance:
    """30 shuffled levels of a hidden number t, of which the function is smooth."""
    hidden = rng.permutation(np.linspace(0.0, 1.0, 30))
    best_t, best_x = hidden[rng.integers(30)], rng.uniform(0.15, 0.85, 2)

    def function(point: Sequence[Any]) -> float:
        t, x = hidden[_at(point, 0)], np.asarray(point[1:], dtype=float)
        away = x - best_x - 0.3 * np.sin(3.0 * (t - best_t))
        return float(3.0 * (t - best_t) ** 2 + 4.0 * away @ away)

    return (_choice(30), *_reals(2)), function


def _two_choices8_real2(rng: np.random.Generator) -> Instance:
    """Two choices that interact, and a bowl whose centre the first one moves."""
    table = rng.uniform(0.0, 1.0, (8, 1)) + rng.uniform(0.0, 1.0, 8) + rng.uniform(0.0, 0.8, (8, 8))
    table -= table.min()
    centre = rng.uniform(0.1, 0.9, (8, 2))

    def function(point: Sequence[Any]) -> float:
        i, j = _at(point, 0), _at(point, 1)
        away = np.asarray(point[2:], dtype=float) - centre[i]
        return float(table[i, j] + 3.0 * away @ away)

    return (_choice(8), _choice(8), *_reals(2)), function


def _duplicates12_real3(rng: np.random.Generator) -> Instance:
    """Twelve levels that are names of four functions."""
    kinds = rng.permutation(np.repeat(np.arange(4), 3))
    offset = rng.permutation([0.0, 0.3, 0.8, 1.5])
    centre, scale = rng.uniform(0.1, 0.9, (4, 3)), rng.uniform(1.0, 5.0, (4, 3))

    def function(point: Sequence[Any]) -> float:
        kind = kinds[_at(point, 0)]
        away = np.asarray(point[1:], dtype=float) - centre[kind]
        return float(offset[kind] + scale[kind] @ away**2)

    return (_choice(12), *_reals(3)), function


def _additive5(rng: np.random.Generator) -> Instance:
    """Choices alone, whose effects add up: 2,400 points."""
    sizes = (4, 5, 6, 4, 5)
    effects = [rng.exponential(1.0, size) for size in sizes]
    effects = [effect - effect.min() for effect in effects]

    def function(point: Sequence[Any]) -> float:
        return float(sum(effect[_at(point, i)] for i, effect in enumerate(effects)))

    return tuple(_choice(size) for size in sizes), function


def _interacting3(rng: np.random.Generator) -> Instance:
    """Three choices alone, each two of which interact: 1,000 points."""
    tables = [rng.normal(0.0, 1.0, (10, 10)) for _ in range(3)]
    mains = rng.normal(0.0, 1.0, (3, 10))

    def raw(i: int, j: int, k: int) -> float:
        pairs = tables[0][i, j] + tables[1][j, k] + tables[2][i, k]
        return float(0.6 * pairs + mains[0, i] + mains[1, j] + mains[2, k])

    lowest = min(raw(*levels) for levels in itertools.product(range(10), repeat=3))
    return (_choice(10),) * 3, lambda point: raw(*(_at(point, i) for i in range(3))) - lowest


def _levels8_integers(rng: np.random.Generator) -> Instance:
    """A choice, two integers and a real."""
    offset = rng.permutation(np.linspace(0.0, 1.5, 8))
    centre = np.column_stack([rng.integers(0, 31, (8, 2)) / 30.0, rng.uniform(0.1, 0.9, 8)])
    scale = rng.uniform(1.0, 6.0, 3)

    def function(point: Sequence[Any]) -> float:
        level = _at(point, 0)
        away = np.array([point[1] / 30.0, point[2] / 30.0, point[3]]) - centre[level]
        return float(offset[level] + scale @ away**2)

    integer = Variable("integer", 0, 30)
    return (_choice(8), integer, integer, *_reals(1)), function


def _branches3(rng: np.random.Generator) -> Instance:
    """Three branches with two, three and five reals of their own."""
    sizes, offset = (2, 3, 5), rng.permutation([0.0, 0.15, 0.5])
    centres = [rng.uniform(0.1, 0.9, size) for size in sizes]
    scales = [rng.uniform(1.0, 4.0, size) for size in sizes]
    starts = np.concatenate([[1], 1 + np.cumsum(sizes)])

    def function(point: Sequence[Any]) -> float:
        branch = _at(point, 0)
        x = np.asarray(point[starts[branch] : starts[branch + 1]], dtype=float)
        return float(offset[branch] + scales[branch] @ (x - centres[branch]) ** 2)

    own = [Variable("real", when=(0, (f"level{k}",))) for k, size in enumerate(sizes) for _ in range(size)]
    return (_choice(3), *own), function


def _branches4_shared(rng: np.random.Generator) -> Instance:
    """Four branches with one or two reals of their own, and two that all share, with one shape in all."""
    sizes, offset = (1, 2, 1, 2), rng.permutation([0.0, 0.2, 0.5, 1.0])
    shared = rng.uniform(0.2, 0.8, 2)
    centres = [rng.uniform(0.1, 0.9, size) for size in sizes]
    starts = np.concatenate([[3], 3 + np.cumsum(sizes)])

    def function(point: Sequence[Any]) -> float:
        branch = _at(point, 0)
        common = np.asarray(point[1:3], dtype=float) - shared
        own = np.asarray(point[starts[branch] : starts[branch + 1]], dtype=float) - centres[branch]
        bend = 0.5 * common[0] * own[0]
        return float(offset[branch] + 3.0 * common @ common + 2.0 * own @ own + bend)

    own = [Variable("real", when=(0, (f"level{k}",))) for k, size in enumerate(sizes) for _ in range(size)]
    return (_choice(4), *_reals(2), *own), function


def _bad_looking_branch(rng: np.random.Generator) -> Instance:
    """Three branches of two reals; the one that is worst on average has the optimum, in a valley."""
    centre = rng.uniform(0.2, 0.8, (3, 2))
    best = int(rng.integers(3))

    def function(point: Sequence[Any]) -> float:
        branch = _at(point, 0)
        x = np.asarray(point[1 + 2 * branch : 3 + 2 * branch], dtype=float)
        squared = float(((x - centre[branch]) ** 2).sum())
        return 2.5 * (1.0 - np.exp(-squared / 0.08)) if branch == best else 0.4 + 2.0 * squared

    own = [Variable("real", when=(0, (f"level{k}",))) for k in range(3) for _ in range(2)]
    return (_choice(3), *own), function


def _nested_branches(rng: np.random.Generator) -> Instance:
    """A branch that has a choice of its own, and reals on log scales: as of a pipeline of estimators."""
    offset, table = rng.permutation([0.0, 0.2, 0.4]), rng.uniform(0.0, 0.5, 6)
    table -= table.min()
    centre = rng.uniform(-3.0, 1.0, 4)

    def function(point: Sequence[Any]) -> float:
        branch = _at(point, 0)
        value = offset[branch] + 0.15 * (np.log10(point[1]) - centre[0]) ** 2
        if branch == 0:
            value += table[_at(point, 2)] + 0.2 * (np.log10(point[3]) - centre[1]) ** 2
        elif branch == 1:
            value += 0.1 * (np.log10(point[4]) - centre[2]) ** 2
            value += 0.1 * (np.log10(point[5]) - centre[3]) ** 2
        return float(value)

    log = [Variable("real", 1e-4, 1e2, True, when=(0, (f"level{k}",))) for k in (0, 1, 1)]
    return (_choice(3), Variable("real", 1e-4, 1e2, True), _choice(6, (0, ("level0",))), *log), function


def _levels6_log3(rng: np.random.Generator) -> Instance:
    """Levels with a rate on a log scale of their own, as optimizers of networks have, and two more reals."""
    offset, rate = rng.permutation(np.linspace(0.0, 0.5, 6)), rng.uniform(-4.0, 0.0, 6)
    others = rng.uniform(-3.0, 1.0, 2)

    def function(point: Sequence[Any]) -> float:
        level = _at(point, 0)
        away = np.log10(point[1]) - rate[level]
        rest = np.log10(point[2:]) - others
        return float(offset[level] + 1.5 * np.tanh(0.25 * away**2) + 0.08 * rest @ rest)

    return (_choice(6), Variable("real", 1e-5, 1e1, True), *[Variable("real", 1e-4, 1e2, True)] * 2), function


def _levels10_one_shape(rng: np.random.Generator) -> Instance:
    """Levels that only add an offset to one function of five reals."""
    offset = rng.permutation(np.linspace(0.0, 3.0, 10))
    centre, scale = rng.uniform(0.1, 0.9, 5), rng.uniform(0.5, 5.0, 5)

    def function(point: Sequence[Any]) -> float:
        away = np.asarray(point[1:], dtype=float) - centre
        return float(offset[_at(point, 0)] + scale @ away**2 + 2.0 * (away[0] + away[1]) ** 2)

    return (_choice(10), *_reals(5)), function


def _levels20_rugged1(rng: np.random.Generator) -> Instance:
    """Twenty levels of a wavy function of one real."""
    offset, centre = rng.permutation(np.linspace(0.0, 2.0, 20)), rng.uniform(0.05, 0.95, 20)
    phase = rng.uniform(4.0, 9.0, 20)

    def function(point: Sequence[Any]) -> float:
        level = _at(point, 0)
        away = point[1] - centre[level]
        return float(offset[level] + 3.0 * away**2 + 0.4 * np.sin(phase[level] * away) ** 2)

    return (_choice(20), *_reals(1)), function


_BUILDERS: dict[str, Callable[[np.random.Generator], Instance]] = {
    "levels12_real4": _levels12_real4,
    "levels30_ordinal": _levels30_ordinal,
    "two_choices8_real2": _two_choices8_real2,
    "duplicates12_real3": _duplicates12_real3,
    "additive5": _additive5,
    "interacting3": _interacting3,
    "levels8_integers": _levels8_integers,
    "branches3": _branches3,
    "branches4_shared": _branches4_shared,
    "bad_looking_branch": _bad_looking_branch,
    "nested_branches": _nested_branches,
    "levels6_log3": _levels6_log3,
    "levels10_one_shape": _levels10_one_shape,
    "levels20_rugged1": _levels20_rugged1,
}
NAMES = tuple(_BUILDERS)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    variables, function = _BUILDERS[name](np.random.default_rng([seed, *name.encode()]))
    return BenchmarkProblem(name, "choices", variables, function, 0.0)
