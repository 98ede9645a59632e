"""Two to eight evaluations outstanding at any time, on problems of every kind: the half to report on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable, _bbob, _classical

from kinds._held_out_shapes import bowl, funnels, peaks, valley, waves

_Made = tuple[list[Variable], Callable[[Sequence[Any]], float], float | None]


def _unit(d: int) -> list[Variable]:
    return [Variable("real")] * d


def _levels(rng: np.random.Generator) -> _Made:
    names = tuple(f"v{i}" for i in range(10))
    shapes, offset = [bowl(rng, 3, 10.0) for _ in names], rng.permutation(np.linspace(0, 1.2, 10))
    variables = [Variable("choice", choices=names), *_unit(3)]
    return variables, lambda x: float(offset[int(x[0][1:])] + shapes[int(x[0][1:])](x[1:])), 0.0


def _branches(rng: np.random.Generator) -> _Made:
    shapes, offset = [bowl(rng, 3), valley(rng, 3), waves(rng, 3)], rng.permutation([0.0, 0.2, 0.5])
    names = ("a", "b", "c")
    variables = [Variable("choice", choices=names), Variable("real")]
    for name in names:
        variables += [Variable("real", when=(0, (name,)))] * 2

    def function(x: Sequence[Any]) -> float:
        i = names.index(x[0])
        return float(offset[i] + shapes[i]([x[1], *x[2 + 2 * i : 4 + 2 * i]]))

    return variables, function, 0.0


def _stairs(rng: np.random.Generator) -> _Made:
    shape = bowl(rng, 5, 8.0)
    return _unit(5), lambda x: shape((np.floor(np.asarray(x, dtype=float) * 12) + 0.5) / 12), None


def _integers(rng: np.random.Generator) -> _Made:
    shape = valley(rng, 4)
    variables = [
        Variable("integer", 1, 200, log=True),
        Variable("integer", 0, 15),
        Variable("real", 1e-5, 1e-1, log=True),
        Variable("real", -3.0, 5.0),
    ]

    def function(x: Sequence[Any]) -> float:
        return shape([np.log(x[0]) / np.log(200), x[1] / 15, np.log10(x[2]) / 4 + 1.25, (x[3] + 3) / 8])

    return variables, function, None


# name -> (problem, evaluations outstanding, standard deviation of noise)
_CASES: dict[str, tuple[Any, int, float]] = {
    "held_async2_camel2": ("camel2", 2, 0.0),
    "held_async3_branches": (_branches, 3, 0.0),
    "held_async4_levels10": (_levels, 4, 0.0),
    "held_async4_peaks3": (lambda rng: (_unit(3), peaks(rng, 3, 10, 0.2), 0.0), 4, 0.0),
    "held_async5_hartmann6": ("hartmann6", 5, 0.0),
    "held_async5_noisy_valley3": (lambda rng: (_unit(3), valley(rng, 3), 0.0), 5, 0.05),
    "held_async6_bbob_f17_d5": ("bbob_f17_d5", 6, 0.0),
    "held_async6_integers4": (_integers, 6, 0.0),
    "held_async7_stairs5": (_stairs, 7, 0.0),
    "held_async8_bowl10": (lambda rng: (_unit(10), bowl(rng, 10, 100.0), 0.0), 8, 0.0),
    "held_async8_funnels2": (lambda rng: (_unit(2), funnels(rng, 2), 0.0), 8, 0.0),
    "held_async8_shekel4": ("shekel4", 8, 0.0),
}
NAMES = tuple(_CASES)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    base, workers, noise = _CASES[name]
    if isinstance(base, str):
        variables, function, optimum = (
            _bbob(base, seed + 20) if base.startswith("bbob") else _classical(base, seed + 20)
        )
    else:
        variables, function, optimum = base(np.random.default_rng([seed, *name.encode()]))
    return BenchmarkProblem(name, "asynchronous", tuple(variables), function, optimum, noise, workers)
