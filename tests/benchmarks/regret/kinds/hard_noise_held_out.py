"""Noise with heavy tails, noise that depends on the place, told errors: the half to report on.

Sizes are in units of the range between the 5 % and 95 % quantiles of the function over its box.  All noise
has mean zero (median zero for a t distribution with one and a half degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from problems import BenchmarkProblem, Variable, _bbob, _classical

from kinds._held_out_shapes import bowl, funnels, peaks, valley, waves

# (unit point, value above the lowest in ranges, generator) -> error in ranges, standard error told or None
_Noise = Callable[[np.ndarray, float, np.random.Generator], tuple[float, float | None]]


def _student(freedom: float, size: float) -> _Noise:
    return lambda u, height, rng: (size * rng.standard_t(freedom), None)


def _told_by_place(smallest: float, axis: int) -> _Noise:
    """Told errors that grow 36-fold along an axis."""

    def noise(u: np.ndarray, height: float, rng: np.random.Generator) -> tuple[float, float | None]:
        sem = smallest * 36.0 ** float(u[axis])
        return sem * rng.standard_normal(), sem

    return noise


def _told_at_random(smallest: float) -> _Noise:
    """Told errors that differ 36-fold from evaluation to evaluation, whatever the place."""

    def noise(u: np.ndarray, height: float, rng: np.random.Generator) -> tuple[float, float | None]:
        sem = smallest * 36.0 ** rng.random()
        return sem * rng.standard_normal(), sem

    return noise


def _told_near_the_best(size: float) -> _Noise:
    """Told errors that are largest where the values are lowest."""

    def noise(u: np.ndarray, height: float, rng: np.random.Generator) -> tuple[float, float | None]:
        sem = size / (1.0 + 12.0 * max(height, 0.0))
        return sem * rng.standard_normal(), sem

    return noise


def _told_from_repeats(size: float, repeats: int) -> _Noise:
    """Means of a few noisy repeats; the standard error is estimated from them, so it is noisy itself."""

    def noise(u: np.ndarray, height: float, rng: np.random.Generator) -> tuple[float, float | None]:
        errors = size * (1.0 + 3.0 * float(u[0])) * rng.standard_normal(repeats)
        return float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(repeats))

    return noise


def _proportional(size: float) -> _Noise:
    """Noise of the size of the height above the lowest value, and a little more."""
    return lambda u, height, rng: (size * (0.1 + max(height, 0.0)) * rng.standard_normal(), None)


def _skewed(size: float) -> _Noise:
    """Exponential noise towards bad values, its mean taken off."""
    return lambda u, height, rng: (size * (rng.exponential() - 1.0), None)


def _bursts(quiet: float, loud: float) -> _Noise:
    """One evaluation in six is twenty times as noisy as the others."""

    def noise(u: np.ndarray, height: float, rng: np.random.Generator) -> tuple[float, float | None]:
        return (loud if rng.random() < 1 / 6 else quiet) * rng.standard_normal(), None

    return noise


def _by_choice(sizes: Sequence[float]) -> _Noise:
    """Noise whose size the last variable, a choice, decides."""
    n = len(sizes)
    return lambda u, height, rng: (sizes[min(int(u[-1] * n), n - 1)] * rng.standard_normal(), None)


def _counts(n: int) -> _Noise:
    """A rate from n yes-or-no answers, told with its binomial standard error (at least one answer)."""

    def noise(u: np.ndarray, height: float, rng: np.random.Generator) -> tuple[float, float | None]:
        rate = min(max(0.1 + 0.6 * height, 0.0), 1.0)
        seen = rng.binomial(n, rate) / n
        return (seen - rate) / 0.6, max(np.sqrt(seen * (1 - seen) / n), 1.0 / n) / 0.6

    return noise


def _unit(d: int) -> list[Variable]:
    return [Variable("real")] * d


def _with_choice(rng: np.random.Generator) -> tuple[list[Variable], Callable[[Sequence[Any]], float]]:
    shapes, offset = [bowl(rng, 3, 10.0) for _ in range(4)], rng.permutation([0.0, 0.1, 0.3, 0.6])
    variables = [*_unit(3), Variable("choice", choices=("a", "b", "c", "d"))]
    return variables, lambda x: float(offset["abcd".index(x[3])] + shapes["abcd".index(x[3])](x[:3]))


_CASES: dict[str, tuple[Any, _Noise]] = {
    "held_t2_bowl4": (lambda rng: (_unit(4), bowl(rng, 4)), _student(2.0, 0.05)),
    "held_t1.5_waves2": (lambda rng: (_unit(2), waves(rng, 2, 1.5)), _student(1.5, 0.03)),
    "held_t3_hartmann6": ("hartmann6", _student(3.0, 0.08)),
    "held_told_place_valley3": (lambda rng: (_unit(3), valley(rng, 3)), _told_by_place(0.01, 1)),
    "held_told_place_styblinski5": ("styblinski5", _told_by_place(0.02, 0)),
    "held_told_random_bowl6": (lambda rng: (_unit(6), bowl(rng, 6)), _told_at_random(0.01)),
    "held_told_best_peaks2": (lambda rng: (_unit(2), peaks(rng, 2, 5, 0.25)), _told_near_the_best(0.3)),
    "held_repeats_funnels3": (lambda rng: (_unit(3), funnels(rng, 3)), _told_from_repeats(0.2, 5)),
    "held_proportional_shekel4": ("shekel4", _proportional(0.3)),
    "held_skewed_bbob_f8_d5": ("bbob_f8_d5", _skewed(0.1)),
    "held_bursts_bowl2": (lambda rng: (_unit(2), bowl(rng, 2, 100.0)), _bursts(0.02, 0.4)),
    "held_by_choice_bowls4": (_with_choice, _by_choice((0.01, 0.05, 0.2, 0.4))),
    "held_counts_bowl3": (lambda rng: (_unit(3), bowl(rng, 3)), _counts(60)),
}
NAMES = tuple(_CASES)


def make(name: str, seed: int) -> BenchmarkProblem:
    """Return the instance of a named problem that belongs to a seed."""
    base, noise = _CASES[name]
    rng = np.random.default_rng([seed, *name.encode()])
    optimum: float | None
    if isinstance(base, str):
        built = _bbob(base, seed) if base.startswith("bbob") else _classical(base, seed)
        variables, function, optimum = built
    else:
        variables, function = base(rng)
        optimum = 0.0
    values = [
        function([v.from_unit(u) for v, u in zip(variables, row)])
        for row in rng.random((600, len(variables)))
    ]
    low, high = np.quantile(values, [0.05, 0.95])
    span = float(high - low)

    def observe(x: Sequence[Any], value: float, generator: np.random.Generator) -> tuple[float, float | None]:
        unit = np.array([_to_unit(v, part) for v, part in zip(variables, x)])
        error, sem = noise(unit, (value - optimum) / span, generator)
        return value + span * error, None if sem is None else span * sem

    return BenchmarkProblem(name, "hard_noise", tuple(variables), function, optimum, observe=observe)


def _to_unit(variable: Variable, value: Any) -> float:
    if variable.kind == "choice":
        return (variable.choices.index(value) + 0.5) / len(variable.choices)
    return (float(value) - variable.low) / (variable.high - variable.low)
