"""Rugged functions of one to five axes without noise: many basins, deceptive ones, valleys, needles, steps.

Sources: Surjanovic and Bingham, "Virtual Library of Simulation Experiments" (formulas of the classical
functions); Gramacy and Lee (2012), "Cases for the nugget in modeling computer experiments"; Hansen et al.,
"COCO" (functions 15 to 24 of bbob, in instances that no other part of this benchmark uses).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable

_BBOB = (
    "rugged_f15_d3", "rugged_f16_d2", "rugged_f17_d3", "rugged_f19_d5", "rugged_f20_d2", "rugged_f21_d5",
    "rugged_f22_d3", "rugged_f23_d2", "rugged_f24_d3",
)  # fmt: skip
# instances of other parts of the benchmark begin at 1
_FIRST_INSTANCE = 31

Function = Callable[[np.ndarray], float]


def _langermann(x: np.ndarray) -> float:
    centres = np.array([[3, 5], [5, 2], [2, 1], [1, 4], [7, 9]], dtype=float)
    squares = ((x - centres) ** 2).sum(axis=1)
    return float(np.array([1, 2, 5, 2, 3]) @ (np.exp(-squares / np.pi) * np.cos(np.pi * squares)))


def _gramacy_lee(x: np.ndarray) -> float:
    return float(np.sin(10 * np.pi * x[0]) / (2 * x[0]) + (x[0] - 1) ** 4)


def _bump_and_hole(x: np.ndarray) -> float:
    return float(x[0] * np.exp(-x @ x))


def _cross_in_tray(x: np.ndarray) -> float:
    inner = abs(np.sin(x[0]) * np.sin(x[1]) * np.exp(abs(100 - np.hypot(*x) / np.pi)))
    return float(-0.0001 * (inner + 1) ** 0.1)


def _egg_crate(x: np.ndarray) -> float:
    return float(x @ x + 25 * (np.sin(x) ** 2).sum())


def _egg_holder(x: np.ndarray) -> float:
    a, b = x
    return float(-(b + 47) * np.sin(np.sqrt(abs(b + a / 2 + 47))) - a * np.sin(np.sqrt(abs(a - b - 47))))


def _schaffer(x: np.ndarray) -> float:
    return float(0.5 + (np.sin(x[0] ** 2 - x[1] ** 2) ** 2 - 0.5) / (1 + 0.001 * (x @ x)) ** 2)


def _drop_wave(x: np.ndarray) -> float:
    return float(-(1 + np.cos(12 * np.sqrt(x @ x))) / (0.5 * (x @ x) + 2))


def _shubert(x: np.ndarray) -> float:
    i = np.arange(1, 6)
    return float(np.prod((i * np.cos((i + 1) * x[:, None] + i)).sum(axis=1)))


def _schwefel(x: np.ndarray) -> float:
    return float(418.9828872724339 * len(x) - (x * np.sin(np.sqrt(np.abs(x)))).sum())


def _weierstrass(x: np.ndarray) -> float:
    k = np.arange(12)
    waves = 0.5**k * np.cos(2 * np.pi * 3.0**k * (x[:, None] + 0.5))
    return float(waves.sum() - len(x) * (0.5**k * np.cos(np.pi * 3.0**k)).sum())


def _griewank(x: np.ndarray) -> float:
    return float(1 + x @ x / 4000 - np.prod(np.cos(x / np.sqrt(np.arange(1, len(x) + 1)))))


def _katsuura(x: np.ndarray) -> float:
    scales = 2.0 ** np.arange(1, 6)
    broken = np.abs(scales * x[:, None] - np.round(scales * x[:, None])) / scales
    factors = 1 + np.arange(1, len(x) + 1) * broken.sum(axis=1)
    return float(np.prod(factors ** (10 / len(x) ** 1.2)) - 1)


# bounds, function, optimum, and how far the box may move as a share of its width
_CLASSICAL: dict[str, tuple[list[tuple[float, float]], Function, float, float]] = {
    "rugged_gramacy_lee1": ([(0.5, 2.5)], _gramacy_lee, -0.8690111349895, 0.02),
    "rugged_langermann2": ([(0, 10)] * 2, _langermann, -4.155809291845, 0.05),
    "rugged_bump_and_hole2": ([(-2, 6)] * 2, _bump_and_hole, -np.exp(-0.5) / np.sqrt(2), 0.1),
    "rugged_cross_in_tray2": ([(-10, 10)] * 2, _cross_in_tray, -2.062611870822739, 0.2),
    "rugged_egg_crate2": ([(-5, 5)] * 2, _egg_crate, 0.0, 0.2),
    "rugged_egg_holder2": ([(-512, 512)] * 2, _egg_holder, -959.640662720851, 0.0),
    "rugged_schaffer2": ([(-8, 8)] * 2, _schaffer, 0.0, 0.3),
    "rugged_drop_wave2": ([(-5.12, 5.12)] * 2, _drop_wave, -1.0, 0.3),
    "rugged_shubert2": ([(-5, 5)] * 2, _shubert, -186.730908831024, 0.0),
    "rugged_schwefel3": ([(-500, 500)] * 3, _schwefel, 0.0, 0.0),
    "rugged_weierstrass3": ([(-0.5, 0.5)] * 3, _weierstrass, 0.0, 0.3),
    "rugged_griewank4": ([(-15, 15)] * 4, _griewank, 0.0, 0.3),
    "rugged_katsuura3": ([(-1, 1)] * 3, _katsuura, 0.0, 0.2),
}


def _valley(rng: np.random.Generator) -> Function:
    """Return a curved valley whose floor falls slowly to one end, where a narrow hole is."""
    end, bend, shift = rng.uniform(0.8, 0.95), rng.uniform(2.5, 4.0), rng.uniform(0.35, 0.65)

    def floor(along: float) -> np.ndarray:
        return np.array([shift + 0.3 * np.sin(bend * along), shift - 0.3 * np.cos(bend * along)])

    def function(u: np.ndarray) -> float:
        across = u[1:] - floor(u[0])
        hole = 1 - np.exp(-(((u[0] - end) ** 2 + across @ across) / (2 * 0.08**2)))
        return float(4 * across @ across + 0.5 * abs(u[0] - end) + 0.5 * hole)

    return function


def _deceptive(rng: np.random.Generator) -> Function:
    """Return a broad basin in one place and a narrow one, twice as deep, elsewhere."""
    broad, narrow = rng.uniform(0.15, 0.4, 4), rng.uniform(0.6, 0.85, 4)
    return lambda u: float(min(0.5 + 1.5 * ((u - broad) ** 2).sum(), 12 * ((u - narrow) ** 2).sum()))


def _basins(rng: np.random.Generator) -> Function:
    """Return fifteen cones of random width and depth, the deepest of 0."""
    centres, slopes = rng.uniform(0.05, 0.95, (15, 3)), rng.uniform(2.0, 6.0, 15)
    depths = np.concatenate([[0.0], rng.uniform(0.1, 0.6, 14)])
    return lambda u: float((depths + slopes * np.sqrt(((u - centres) ** 2).sum(axis=1))).min())


def _terraces(rng: np.random.Generator) -> Function:
    """Return an ellipsoid in steps, of which some hundred lie below what is usual."""
    centre, scales = rng.uniform(0.1, 0.9, 4), 10.0 ** rng.uniform(-1, 0, 4)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    return lambda u: float(np.floor(400 * scales @ (turn @ (u - centre)) ** 2) / 400)


def _ridge(rng: np.random.Generator) -> Function:
    """Return a sharp ridge in a random direction, along which the function falls slowly."""
    centre, turn = rng.uniform(0.2, 0.8, 5), np.linalg.qr(rng.standard_normal((5, 5)))[0]

    def function(u: np.ndarray) -> float:
        z = turn @ (u - centre)
        return float(z[0] ** 2 + 3 * np.sqrt(z[1:] @ z[1:]))

    return function


def _ripples(rng: np.random.Generator) -> Function:
    """Return a bowl under waves of two directions whose crests are as high as the bowl at half its range."""
    centre, turn = rng.uniform(0.15, 0.85, 4), np.linalg.qr(rng.standard_normal((4, 4)))[0]
    waves = rng.uniform(10, 25, 4)

    def function(u: np.ndarray) -> float:
        z = turn @ (u - centre)
        return float(z @ z + 0.06 * (1 - np.cos(waves * z)).sum())

    return function


# number of axes, and the function on the unit cube that a generator makes; the optimum is 0
_MADE: dict[str, tuple[int, Callable[[np.random.Generator], Function]]] = {
    "rugged_valley3": (3, _valley),
    "rugged_deceptive4": (4, _deceptive),
    "rugged_basins3": (3, _basins),
    "rugged_terraces4": (4, _terraces),
    "rugged_ridge5": (5, _ridge),
    "rugged_ripples4": (4, _ripples),
}

NAMES = (*_CLASSICAL, *_MADE, *_BBOB)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    if name in _BBOB:
        return bbob(name, seed, "rugged")
    rng = np.random.default_rng([seed, *name.encode()])
    if name in _MADE:
        d, builder = _MADE[name]
        function, low, high, optimum = builder(rng), np.zeros(d), np.ones(d), 0.0
    else:
        bounds, function, optimum, reach = _CLASSICAL[name]
        low, high = np.array(bounds, dtype=float).T
        move = rng.uniform(-reach, reach, len(low)) * (high - low)
        low, high = low + move, high + move
    order, mirrored = rng.permutation(len(low)), rng.random(len(low)) < 0.5

    def moved(point: Sequence[Any]) -> float:
        u = np.where(mirrored, 1.0 - np.asarray(point, dtype=float), np.asarray(point, dtype=float))
        x = np.empty_like(u)
        x[order] = u
        return float(function(low + x * (high - low)))

    return BenchmarkProblem(name, "rugged", (Variable("real"),) * len(low), moved, optimum)


def bbob(name: str, seed: int, group: str) -> BenchmarkProblem:
    """Return COCO's function of a name such as ``rugged_f16_d2``."""
    import cocoex

    _, function, dimension = name.split("_")
    d = int(dimension[1:])
    problem = cocoex.BareProblem("bbob", int(function[1:]), d, seed + _FIRST_INSTANCE)
    variables = (Variable("real", -5.0, 5.0),) * d
    return BenchmarkProblem(
        name,
        group,
        variables,
        lambda x: float(problem(np.asarray(x, dtype=float))),
        float(problem.best_value()),
    )
