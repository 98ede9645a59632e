"""Choices with many levels, duplicates of levels, branches of conditional spaces: the half to report on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable

from kinds._held_out_shapes import bowl, peaks, valley, waves

_Made = tuple[list[Variable], Callable[[Sequence[Any]], float], float | None]


def _levels(n: int, name: str = "v") -> tuple[str, ...]:
    return tuple(f"{name}{i}" for i in range(n))


def _choice(n: int, when: tuple[int, tuple[str, ...]] | None = None) -> Variable:
    return Variable("choice", choices=_levels(n), when=when)


def _reals(n: int, when: tuple[int, tuple[str, ...]] | None = None) -> list[Variable]:
    return [Variable("real", when=when)] * n


def _materials(rng: np.random.Generator) -> _Made:
    """16 levels that are points of a hidden plane: like ones have like values and like best settings."""
    hidden = rng.standard_normal((16, 2))
    target = hidden[rng.integers(16)]
    offset = 0.4 * ((hidden - target) ** 2).sum(axis=1)
    to_centre = rng.standard_normal((2, 3))
    centre = 0.5 + 0.35 * np.tanh(0.6 * hidden @ to_centre)

    def function(x: Sequence[Any]) -> float:
        i = int(x[0][1:])
        away = np.array(x[1:], dtype=float) - centre[i]
        return float(offset[i] + 4.0 * away @ away)

    return [_choice(16), *_reals(3)], function, 0.0


def _own_shapes(rng: np.random.Generator) -> _Made:
    """24 levels, each with a shape of its own over two axes, offsets with a long tail."""
    shapes = [[bowl, valley, waves][i % 3](rng, 2) for i in range(24)]
    offset = rng.gumbel(0.0, 1.0, 24)
    offset -= offset.min()
    return (
        [_choice(24), *_reals(2)],
        lambda x: float(offset[int(x[0][1:])] + shapes[int(x[0][1:])](x[1:])),
        0.0,
    )


def _duplicates(rng: np.random.Generator) -> _Made:
    """20 levels that are five things under four names each."""
    kind = rng.permutation(20) % 5
    shapes, offset = [bowl(rng, 4, 10.0) for _ in range(5)], rng.permutation(5) * 0.3
    return (
        [_choice(20), *_reals(4)],
        lambda x: float(offset[kind[int(x[0][1:])]] + shapes[kind[int(x[0][1:])]](x[1:])),
        0.0,
    )


def _pairs(rng: np.random.Generator) -> _Made:
    """Two choices of nine levels that matter as a pair, and two integers."""
    table = rng.exponential(1.0, (9, 9)) + 0.5 * rng.random(9)[:, None]
    table -= table.min()
    best = rng.integers(3, 27, 2)

    def function(x: Sequence[Any]) -> float:
        return float(
            table[int(x[0][1:]), int(x[1][1:])]
            + abs(x[2] - best[0]) / 10.0
            + ((x[3] - best[1]) / 15.0) ** 2 * (1 + 0.1 * abs(x[2] - best[0]))
        )

    return [_choice(9), _choice(9), Variable("integer", 0, 30), Variable("integer", 0, 30)], function, 0.0


def _only_choices(rng: np.random.Generator) -> _Made:
    """Five choices of six levels, effects of each and of each pair; nothing else."""
    n, k = 5, 6
    single = rng.standard_normal((n, k))
    pair = {(i, j): 0.5 * rng.standard_normal((k, k)) for i, j in itertools.combinations(range(n), 2)}

    def value(x: Sequence[int]) -> float:
        pairs = sum(p[x[i], x[j]] for (i, j), p in pair.items())
        return float(sum(single[i, level] for i, level in enumerate(x)) + pairs)

    optimum = min(value(x) for x in itertools.product(range(k), repeat=n))
    return [_choice(k)] * n, lambda x: value([int(level[1:]) for level in x]), optimum


def _switches(rng: np.random.Generator) -> _Made:
    """Ten switches that act on their neighbours in a ring, and two reals whose best depends on one switch."""
    field, bond = rng.standard_normal(10), 1.5 * rng.standard_normal(10)
    centre = rng.uniform(0.1, 0.9, (2, 2))

    def spins(x: Sequence[int]) -> float:
        s = 2.0 * np.asarray(x) - 1.0
        return float(field @ s + bond @ (s * np.roll(s, 1)))

    optimum = min(spins(x) for x in itertools.product((0, 1), repeat=10))

    def function(x: Sequence[Any]) -> float:
        on = [int(level[1:]) for level in x[:10]]
        away = np.array(x[10:], dtype=float) - centre[on[3]]
        return spins(on) + float(12.0 * away @ away)

    return [_choice(2)] * 10 + _reals(2), function, optimum


def _hidden_order(rng: np.random.Generator) -> _Made:
    """Two choices of ten levels, each a number that nobody tells, and three reals."""
    numbers = [rng.permutation(np.linspace(0.05, 0.95, 10)) for _ in range(2)]
    shape, which = bowl(rng, 5, 20.0), [int(i) for i in rng.permutation(5)]

    def function(x: Sequence[Any]) -> float:
        values = [numbers[0][int(x[0][1:])], numbers[1][int(x[1][1:])], *x[2:]]
        return shape([values[i] for i in which])

    return [_choice(10), _choice(10), *_reals(3)], function, None


def _scales(rng: np.random.Generator) -> _Made:
    """12 levels over five axes; how strongly the axes act differs a hundredfold between the levels."""
    shapes, strength = [bowl(rng, 5, 5.0) for _ in range(12)], 10.0 ** rng.uniform(-1, 1, 12)
    offset = rng.permutation(np.linspace(0, 1.5, 12))
    return (
        [_choice(12), *_reals(5)],
        lambda x: float(
            offset[int(x[0][1:])] + strength[int(x[0][1:])] * shapes[int(x[0][1:])](x[1:])
        ),
        0.0,
    )  # fmt: skip


def _deceptive(rng: np.random.Generator) -> _Made:
    """14 levels: twelve alike and good everywhere, two bad on the average and best at their best."""
    order, shared = rng.permutation(14), bowl(rng, 3, 5.0)
    narrow = [peaks(rng, 3, 2, 0.22), peaks(rng, 3, 3, 0.25)]
    small = 0.05 * rng.random(14)

    def function(x: Sequence[Any]) -> float:
        i = int(order[int(x[0][1:])])
        return float(2.0 * narrow[i](x[1:]) if i < 2 else 0.6 + small[i] + 0.4 * shared(x[1:]))

    return [_choice(14), *_reals(3)], function, 0.0


def _branches(rng: np.random.Generator) -> _Made:
    """Five methods with two or three settings each on scales of their own; one shared setting."""
    sizes, levels = (2, 3, 2, 3, 2), _levels(5)
    shapes = [[bowl, valley, waves, bowl, valley][i](rng, n + 1) for i, n in enumerate(sizes)]
    offset = rng.permutation([0.0, 0.15, 0.4, 0.8, 1.2])
    first = np.concatenate([[2], 2 + np.cumsum(sizes)])
    variables = [_choice(5), Variable("real")]
    for level, n in zip(levels, sizes):
        variables += [
            Variable("real", 1e-3, 1e2, log=True, when=(0, (level,))),
            *_reals(n - 1, (0, (level,))),
        ]

    def function(x: Sequence[Any]) -> float:
        i = int(x[0][1:])
        own = list(x[first[i] : first[i] + sizes[i]])
        own[0] = (np.log10(own[0]) + 3.0) / 5.0
        return float(offset[i] + shapes[i]([x[1], *own]))

    return variables, function, 0.0


def _uneven_branches(rng: np.random.Generator) -> _Made:
    """Six branches of none to six axes; the largest holds the best, the empty one is decent at once."""
    sizes, levels = (0, 1, 1, 2, 3, 6), _levels(6)
    where = rng.permutation(6)  # branch of each level
    offset = (0.35, 0.5, 0.9, 0.25, 0.6, 0.0)
    shapes = [None if n == 0 else bowl(rng, n, 10.0) for n in sizes]
    variables, columns = [_choice(6)], {}
    for branch, n in enumerate(sizes):
        columns[branch] = slice(len(variables), len(variables) + n)
        level = levels[int(np.flatnonzero(where == branch)[0])]
        variables += _reals(n, (0, (level,)))

    def function(x: Sequence[Any]) -> float:
        branch = int(where[int(x[0][1:])])
        shape = shapes[branch]
        return float(offset[branch] + (0.0 if shape is None else shape(x[columns[branch]])))

    return variables, function, 0.0


def _nested(rng: np.random.Generator) -> _Made:
    """A choice opens a second one of seven levels, some of which open settings; four reals are shared."""
    shared = bowl(rng, 4, 10.0)
    second = np.abs(rng.standard_normal(7)) + 0.2
    second[rng.integers(3)] = 0.0  # among the levels that open a setting
    centre = rng.uniform(0.1, 0.9, 7)
    other = rng.uniform(0.2, 0.8, 2)

    def function(x: Sequence[Any]) -> float:
        value = 1.5 * shared(x[:4])
        if x[4] == "v0":
            i = int(x[5][1:])
            return float(value + second[i] + (5.0 * (x[6] - centre[i]) ** 2 if i < 4 else 0.0))
        if x[4] == "v1":
            away = np.array(x[7:9], dtype=float) - other
            return float(value + 0.3 + 2.0 * away @ away)
        return value + 0.7

    variables = [
        *_reals(4),
        _choice(3),
        _choice(7, (4, ("v0",))),
        Variable("real", when=(5, _levels(4))),
        *_reals(2, (4, ("v1",))),
    ]
    return variables, function, 0.0


_BUILDERS: dict[str, Callable[[np.random.Generator], _Made]] = {
    "held_materials16": _materials,
    "held_own_shapes24": _own_shapes,
    "held_duplicates20": _duplicates,
    "held_pairs9x9": _pairs,
    "held_only_choices6": _only_choices,
    "held_switches10": _switches,
    "held_hidden_order10": _hidden_order,
    "held_scales12": _scales,
    "held_deceptive14": _deceptive,
    "held_branches5": _branches,
    "held_uneven_branches6": _uneven_branches,
    "held_nested": _nested,
}
NAMES = tuple(_BUILDERS)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    variables, function, optimum = _BUILDERS[name](np.random.default_rng([seed, *name.encode()]))
    return BenchmarkProblem(name, "choices", tuple(variables), function, optimum)
