"""Values of which a few are wrong and nothing says which: the half to report on.

Sizes are in units of the range between the 5 % and 95 % quantiles of the function over its box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable, _bbob, _classical

from kinds._held_out_shapes import bowl, funnels, peaks, valley, waves

# (point, true value, range, generator) -> what is told
_Spoiled = Callable[[Sequence[Any], float, float, np.random.Generator], float]


def _far(share: float, size: float) -> _Spoiled:
    """A share of the values is larger by a fixed amount, as of a crashed run."""
    return lambda x, value, span, rng: value + (size * span if rng.random() < share else 0.0)


def _either_sign(share: float, noise: float = 0.0) -> _Spoiled:
    """A share is off by one to thirty ranges to either side, the others by a little noise."""

    def spoiled(x: Sequence[Any], value: float, span: float, rng: np.random.Generator) -> float:
        hit, size, sign = rng.random() < share, 30.0 ** rng.random(), rng.choice([-1.0, 1.0])
        return value + span * (sign * size if hit else noise * rng.standard_normal())

    return spoiled


def _too_good(share: float) -> _Spoiled:
    """A share is too good by a third to two ranges: nothing that a glance would find."""

    def spoiled(x: Sequence[Any], value: float, span: float, rng: np.random.Generator) -> float:
        hit, size = rng.random() < share, rng.uniform(0.3, 2.0)
        return value - span * size if hit else value

    return spoiled


def _default_returned(share: float, default: float) -> _Spoiled:
    """A share returns one fixed number whatever the point: a default that somebody left in."""
    return lambda x, value, span, rng: default if rng.random() < share else value


def _sign_lost(share: float) -> _Spoiled:
    """A share comes ten times too large and with the other sign."""
    return lambda x, value, span, rng: -10.0 * value if rng.random() < share else value


def _by_place(share: float, size: float) -> _Spoiled:
    """Only where the first variable is above its middle: the share there is twice the share given."""

    def spoiled(x: Sequence[Any], value: float, span: float, rng: np.random.Generator) -> float:
        hit = rng.random() < 2 * share and float(x[0]) > 0.5
        return value + span * size * rng.uniform(0.2, 1.0) if hit else value

    return spoiled


def _unit(d: int) -> list[Variable]:
    return [Variable("real")] * d


def _mixed(rng: np.random.Generator) -> tuple[list[Variable], Callable[[Sequence[Any]], float]]:
    shape, offset = bowl(rng, 3, 10.0), rng.permutation([0.0, 0.2, 0.5, 0.9])
    variables = [
        Variable("real", 1e-4, 1.0, log=True),
        Variable("real"),
        Variable("integer", 1, 40),
        Variable("choice", choices=("a", "b", "c", "d")),
    ]

    def function(x: Sequence[Any]) -> float:
        unit = [1 + np.log10(x[0]) / 4, x[1], (x[2] - 1) / 39]
        return float(shape(unit) + offset["abcd".index(x[3])])

    return variables, function


_CASES: dict[str, tuple[Any, _Spoiled]] = {
    "held_crash_bowl3": (lambda rng: (_unit(3), bowl(rng, 3)), _far(0.02, 100.0)),
    "held_crash_valley4": (lambda rng: (_unit(4), valley(rng, 4)), _far(0.05, 10.0)),
    "held_both_hartmann6": ("hartmann6", _either_sign(0.05)),
    "held_both_waves2": (lambda rng: (_unit(2), waves(rng, 2, 2.0)), _either_sign(0.10, 0.02)),
    "held_too_good_camel2": ("camel2", _too_good(0.05)),
    "held_too_good_bowl6": (lambda rng: (_unit(6), bowl(rng, 6, 100.0)), _too_good(0.10)),
    "held_default_shekel4": ("shekel4", _default_returned(0.05, 0.0)),
    "held_sign_funnels3": (lambda rng: (_unit(3), funnels(rng, 3)), _sign_lost(0.04)),
    "held_place_peaks3": (lambda rng: (_unit(3), peaks(rng, 3, 8, 0.25)), _by_place(0.05, 6.0)),
    "held_crash_bbob_f17_d5": ("bbob_f17_d5", _far(0.10, 30.0)),
    "held_both_mixed4": (_mixed, _either_sign(0.06)),
    "held_mild_levy6": ("levy6", _either_sign(0.08, 0.05)),
}
NAMES = tuple(_CASES)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    base, spoiled = _CASES[name]
    rng = np.random.default_rng([seed, *name.encode()])
    if isinstance(base, str):
        built = _bbob(base, seed) if base.startswith("bbob") else _classical(base, seed)
        variables, function, optimum = built
    else:
        variables, function = base(rng)
        # the mixed one has its integers beside the centre
        optimum = None if base is _mixed else 0.0
    values = [
        function([v.from_unit(u) for v, u in zip(variables, row)])
        for row in rng.random((600, len(variables)))
    ]
    low, high = np.quantile(values, [0.05, 0.95])
    span = float(high - low)
    return BenchmarkProblem(
        name,
        "outliers",
        tuple(variables),
        function,
        optimum,
        observe=lambda x, value, generator: (spoiled(x, value, span, generator), None),
    )
