"""Silent outliers: a share of the told values is wrong by far more than the function varies.

A name is FUNCTION+KIND+PERCENT: "up" adds 1 to 30 ranges of the function (a crash nobody noticed), "low"
subtracts them, "both" does either, "ten" multiplies by ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import problems
from problems import BenchmarkProblem

NAMES = (
    "branin2+up+2", "hartmann3+up+5", "ackley5+up+10", "rosenbrock4+up+5", "bbob_f15_d5+up+2",
    "beale2+ten+5", "dixon4+ten+10", "cosine6+both+5", "griewank6+both+10", "hartmann3+low+3",
    "mixint_f3_d5+up+5", "bbob_f6_d10+up+5", "michalewicz5+low+2",
)  # fmt: skip


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    base, kind, percent = name.split("+")
    plain = problems.make(base, seed)
    draws = np.random.default_rng([seed, *name.encode()])
    values = [plain.function(plain.random_point(draws)) for _ in range(400)]
    low, high = np.quantile(values, [0.05, 0.95])
    share = int(percent) / 100.0

    def observe(point: Sequence[Any], value: float, rng: np.random.Generator) -> tuple[float, None]:
        strikes, size, is_low = rng.random(), np.exp(rng.uniform(0.0, np.log(30.0))), rng.random() < 0.5
        if strikes >= share:
            return value, None
        if kind == "ten":
            return 10.0 * value, None
        sign = -1.0 if kind == "low" or (kind == "both" and is_low) else 1.0
        return value + sign * size * (high - low), None

    return BenchmarkProblem(name, "outliers", plain.variables, plain.function, plain.optimum, observe=observe)
