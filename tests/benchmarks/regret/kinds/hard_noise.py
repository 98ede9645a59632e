"""Noise that is not normal, or not the same everywhere; its unit is the function's range (5 to 95 %).

A name is FUNCTION+KIND+PERCENT.  "t2", "t3": Student's t of so many degrees of freedom, PERCENT of the
range wide.  "told": normal noise whose standard error differs 36-fold from place to place, and is told;
PERCENT is its geometric mean.  "place": the same, six-fold, and not told.  "lower", "upper": normal noise
that grows with the value, or falls with it; not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import problems
from problems import BenchmarkProblem

NAMES = (
    "branin2+t2+3", "hartmann3+t3+5", "ackley5+t2+3", "rosenbrock4+t3+3", "bbob_f15_d5+t3+5",
    "branin2+told+5", "hartmann3+told+5", "cosine6+told+8", "dixon4+told+3", "bbob_f14_d5+told+5",
    "beale2+place+5", "griewank6+place+5", "hartmann3+lower+10", "michalewicz5+upper+5", "mixint_f3_d5+t3+5",
)  # fmt: skip


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    base, kind, percent = name.split("+")
    plain = problems.make(base, seed)
    draws = np.random.default_rng([seed, *name.encode()])
    values = [plain.function(plain.random_point(draws)) for _ in range(400)]
    low, high = np.quantile(values, [0.05, 0.95])
    size = int(percent) / 100.0 * (high - low)
    slope = draws.standard_normal(len(plain.variables))
    slope /= np.abs(slope).sum()

    def place(point: Sequence[Any]) -> float:
        """Return a number from -1 to 1 that changes along a line through the box."""
        units = [
            variable.choices.index(x) / (len(variable.choices) - 1)
            if variable.kind == "choice"
            else (x - variable.low) / (variable.high - variable.low)
            for variable, x in zip(plain.variables, point)
        ]
        return float(slope @ (2.0 * np.array(units) - 1.0))

    def observe(point: Sequence[Any], value: float, rng: np.random.Generator) -> tuple[float, float | None]:
        if kind.startswith("t") and kind[1:].isdigit():
            return value + size * rng.standard_t(int(kind[1:])), None
        height = min(max((value - low) / (high - low), 0.0), 1.0)
        std = (
            size
            * {
                "told": 6.0 ** place(point),
                "place": 6.0 ** (0.5 * place(point)),
                "lower": 0.2 + 1.8 * height,
                "upper": 2.0 - 1.8 * height,
            }[kind]
        )
        return value + std * rng.standard_normal(), std if kind == "told" else None

    return BenchmarkProblem(
        name, "hard_noise", plain.variables, plain.function, plain.optimum, observe=observe
    )
