"""Two to eight evaluations outstanding at any time: smooth, rugged and stepped functions, with choices too.

``@qN`` keeps N outstanding.  Instances move with the seed as in ``problems``, of which none is held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import problems
from problems import BenchmarkProblem, Variable

_BASES = (
    "branin2@q2", "michalewicz5@q2", "dixon4@q3", "griewank6@q3", "zakharov5@q4", "cosine6@q4",
    "bbob_f7_d5@q4", "bbob_f9_d3@q5", "bbob_f2_d5@q6", "ackley5@q6", "powell8@q8", "bbob_f14_d5@q8",
    "mixint_f15_d5@q4",
)  # fmt: skip
_OWN = ("levels5_bowl3@q4", "terraces_bowl4@q3", "valley3@q8")
# some of them are in the group "batch" by their own names
NAMES = tuple(f"async_{name}" for name in (*_BASES, *_OWN))


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    base = name.removeprefix("async_")
    stem, _, workers = base.partition("@q")
    if any(each.startswith(stem) for each in _BASES):
        return replace(problems.make(base, seed), name=name, group="asynchronous")
    rng = np.random.default_rng([seed, *stem.encode()])
    variables, function = {"levels5_bowl3": _levels, "terraces_bowl4": _terraces, "valley3": _valley}[stem](
        rng
    )
    return BenchmarkProblem(name, "asynchronous", variables, function, 0.0, 0.0, int(workers or 1))


def _levels(rng: np.random.Generator) -> tuple[tuple[Variable, ...], Any]:
    offset, centre = rng.permutation(np.linspace(0.0, 1.0, 5)), rng.uniform(0.1, 0.9, (5, 3))

    def function(point: Sequence[Any]) -> float:
        level = "abcde".index(point[0])
        return float(offset[level] + 4.0 * ((np.asarray(point[1:], dtype=float) - centre[level]) ** 2).sum())

    return (Variable("choice", choices=tuple("abcde")), *[Variable("real")] * 3), function


def _terraces(rng: np.random.Generator) -> tuple[tuple[Variable, ...], Any]:
    centre, scale = rng.uniform(0.1, 0.9, 4), rng.uniform(1.0, 5.0, 4)

    def function(point: Sequence[Any]) -> float:
        return float(np.floor(20.0 * (scale @ (np.asarray(point, dtype=float) - centre) ** 2)) / 20.0)

    return (Variable("real"),) * 4, function


def _valley(rng: np.random.Generator) -> tuple[tuple[Variable, ...], Any]:
    centre, turn = rng.uniform(0.2, 0.8, 3), np.linalg.qr(rng.standard_normal((3, 3)))[0]

    def function(point: Sequence[Any]) -> float:
        along, across, up = turn @ (np.asarray(point, dtype=float) - centre)
        return float(along**2 + 40.0 * (across - 1.5 * along**2) ** 2 + 8.0 * up**2)

    return (Variable("real"),) * 3, function
