"""A generator that costs nothing: spectra of 60 bins with the noise of so many events, runs that go on.

Four parameters; bins as of e+e- shapes: exponentials and peaks, the noise Poisson's and, for a third of
its variance, common to all bins of the same events.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from smbo.problem.losses import ChiSquare
from smbo.space import Real, Space
from smbo.training_data import Array

SPACE = Space(
    {"slope": Real(0.5, 3.0), "width": Real(0.2, 1.0), "rate": Real(0.2, 2.0), "skew": Real(-1.0, 1.0)}
)
TRUTH = {"slope": 1.6, "width": 0.45, "rate": 0.9, "skew": 0.2}
_X = np.linspace(0.05, 2.95, 20)
_COMMON = np.random.default_rng(5).standard_normal((60, 4)) / 2.0


def spectra(slope: float, width: float, rate: float, skew: float) -> Array:
    """Return the contents of all bins after infinitely many events, shape (60,)."""
    falling = slope * np.exp(-slope * _X)
    peak = np.exp(-0.5 * ((_X - 1.0 - 0.2 * skew) / width) ** 2) / width
    mixed = rate * np.exp(-rate * _X) * (1.0 + 0.3 * skew * np.cos(2.0 * _X)) + 0.2 * peak
    return np.concatenate([falling, peak, mixed]) + 0.02


def loss(theory: float = 0.02) -> ChiSquare:
    """Return the χ² against pseudo-data of a million events."""
    data = spectra(**TRUTH)
    return ChiSquare(data, np.sqrt(_unit_variance(data) / 1e6), np.full(60, 1.0 / 60.0), theory)


def _unit_variance(bins: Array) -> Array:
    return np.maximum(bins, 1e-3) / 0.15  # of one event; bins are 0.15 wide


@dataclass
class Runs:
    """Runs that go on: what each trial has so far, and what all have cost."""

    seed: int
    events: int = 0
    starts: int = 0
    _kept: dict[int, tuple[int, Array]] = field(default_factory=dict)

    def evaluate(self, number: int, params: dict[str, float], n_events: int) -> tuple[Array, Array]:
        """Return contents and variances of the bins of a trial's first n events, each (60,)."""
        before, mean = self._kept.get(number, (0, np.zeros(60)))
        self.events += n_events - before
        self.starts += 1
        bins = spectra(**params)
        more = n_events - before
        rng = np.random.default_rng([self.seed, number, before])
        own, common = rng.standard_normal(60), rng.standard_normal(4) @ _COMMON.T
        noise = np.sqrt(_unit_variance(bins) / more) * (
            np.sqrt(2.0 / 3.0) * own + np.sqrt(1.0 / 3.0) * common
        )
        whole = (before * mean + more * (bins + noise)) / n_events
        self._kept[number] = (n_events, whole)
        return whole, _unit_variance(bins) / n_events
