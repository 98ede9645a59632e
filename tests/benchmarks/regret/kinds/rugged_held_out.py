"""Functions with many minima, of two to five axes: the half to report on.

Sources: Hansen et al., "COCO" (bbob); Surjanovic and Bingham, "Virtual Library of Simulation Experiments"
(Langermann, drop wave, Schaffer's second, egg holder).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable, _bbob

from kinds._held_out_shapes import funnels, peaks, waves

_Made = tuple[int, Callable[[Sequence[Any]], float], float | None]


def _drop_wave(rng: np.random.Generator) -> _Made:
    centre, stretch = rng.uniform(0.15, 0.85, 2), rng.uniform(4.0, 7.0, 2)

    def function(u: Sequence[Any]) -> float:
        square = float((((np.asarray(u, dtype=float) - centre) * stretch) ** 2).sum())
        return -(1 + np.cos(9 * np.sqrt(square))) / (0.5 * square + 2)

    return 2, function, -1.0


def _schaffer(rng: np.random.Generator) -> _Made:
    centre, stretch = rng.uniform(0.15, 0.85, 3), rng.uniform(5.0, 8.0, 3)

    def function(u: Sequence[Any]) -> float:
        z = (np.asarray(u, dtype=float) - centre) * stretch
        square = z[:-1] ** 2 + z[1:] ** 2
        return float((np.sqrt(square + 1e-12) ** 0.5 * (1 + 0.5 * np.sin(6 * square**0.2) ** 2)).mean())

    return 3, function, None


def _egg_holder(rng: np.random.Generator) -> _Made:
    low, mirrored = rng.uniform(-300, 0, 2), rng.random(2) < 0.5

    def function(u: Sequence[Any]) -> float:
        v = np.asarray(u, dtype=float)
        a, b = low + 500.0 * np.where(mirrored, 1 - v, v)
        return float(-(b + 47) * np.sin(np.sqrt(abs(b + a / 2 + 47))) - a * np.sin(np.sqrt(abs(a - b - 47))))

    return 2, function, None


def _langermann(rng: np.random.Generator) -> _Made:
    places, weights = rng.uniform(0.1, 0.9, (6, 4)), rng.uniform(1.0, 5.0, 6)

    def function(u: Sequence[Any]) -> float:
        square = 9.0 * ((np.asarray(u, dtype=float) - places) ** 2).sum(axis=1)
        return -float((weights * np.exp(-square / np.pi) * np.cos(np.pi * square)).sum())

    return 4, function, None


def _kinks(rng: np.random.Generator) -> _Made:
    """A sum of saw teeth of growing number and falling height along random directions."""
    directions, phase = rng.standard_normal((8, 3)), rng.random(8)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    count = 1.5 ** np.arange(8)

    def function(u: Sequence[Any]) -> float:
        t = count * (directions @ np.asarray(u, dtype=float) + phase)
        return float((np.abs(t - np.round(t)) / count**0.7).sum())

    return 3, function, None


_OWN: dict[str, Callable[[np.random.Generator], _Made]] = {
    "held_drop_wave2": _drop_wave,
    "held_schaffer3": _schaffer,
    "held_egg_holder2": _egg_holder,
    "held_langermann4": _langermann,
    "held_kinks3": _kinks,
    "held_waves2": lambda rng: (2, waves(rng, 2, 4.0, 0.6), 0.0),
    "held_waves5": lambda rng: (5, waves(rng, 5, 3.0, 0.5), 0.0),
    "held_peaks3": lambda rng: (3, peaks(rng, 3, 25, 0.12), 0.0),
    "held_funnels4": lambda rng: (4, funnels(rng, 4), 0.0),
}
_BBOB = ("bbob_f15_d4", "bbob_f16_d3", "bbob_f24_d2", "bbob_f22_d5")
NAMES = (*_OWN, *(f"held_{name}" for name in _BBOB))


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    if name in _OWN:
        d, function, optimum = _OWN[name](np.random.default_rng([seed, *name.encode()]))
        return BenchmarkProblem(name, "rugged", (Variable("real"),) * d, function, optimum)
    # instances beyond those of the other groups
    variables, function, optimum = _bbob(name.removeprefix("held_"), seed + 20)
    return BenchmarkProblem(name, "rugged", tuple(variables), function, optimum)
