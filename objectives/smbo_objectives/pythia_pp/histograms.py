"""Sums over minimum-bias events for each bin of each observable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo_objectives.histograms import Histogram
from smbo_objectives.pythia_pp.events import HIGHEST_ETA, Events
from smbo_objectives.pythia_pp.tables import Observable, Phase

__all__ = ["Histograms"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class _Sums:
    """Entries, their weights and squared weights in each bin, (b,), and the events that counted."""

    entries: Array
    total: Array
    squares: Array
    n_events: int = 0


class Histograms:
    """Histograms of one run, filled batch by batch."""

    def __init__(self, observables: Sequence[Observable]) -> None:
        self._observables = list(observables)
        self._sums = [_Sums(*np.zeros((3, len(o.data.low)))) for o in observables]

    def fill(self, energy_gev: float, events: Events) -> None:
        """Add a batch of events of one energy."""
        for observable, sums in zip(self._observables, self._sums, strict=True):
            if observable.phase.energy_gev == energy_gev:
                _fill(sums, observable, events)

    def predictions(self) -> list[Histogram]:
        """Return the predictions of all events filled so far, with their statistical variances."""
        return [_prediction(o, sums) for o, sums in zip(self._observables, self._sums, strict=True)]


def _fill(sums: _Sums, observable: Observable, events: Events) -> None:
    kept = _particles(observable.phase, events)
    event, pt = events.event[kept], events.pt[kept]
    n_charged = np.bincount(event, minlength=events.n_events)
    passes = n_charged >= observable.phase.least_charged
    sums.n_events += int(passes.sum())
    of_passing = passes[event]
    match observable.kind:
        case "nch":
            values, weights = n_charged[passes].astype(np.float64), None
        case "eta":
            values, weights = events.eta[kept][of_passing], None
        case "pt":
            values = pt[of_passing]
            weights = 1.0 / (2.0 * np.pi * 2.0 * HIGHEST_ETA * values)
        case _:
            values, weights = n_charged[event[of_passing]].astype(np.float64), pt[of_passing]
    low, high = observable.data.low, observable.data.high
    bins = np.searchsorted(low, values, side="right") - 1
    inside = (bins >= 0) & (values < high[bins])
    weights = np.ones(len(values)) if weights is None else weights
    for store, power in ((sums.entries, 0), (sums.total, 1), (sums.squares, 2)):
        store += np.bincount(bins[inside], weights[inside] ** power, minlength=len(low))


def _particles(phase: Phase, events: Events) -> NDArray[np.bool_]:
    kept = events.pt > phase.lowest_pt_gev
    return kept if phase.with_strange_baryons else kept & ~events.is_strange_baryon


def _prediction(observable: Observable, sums: _Sums) -> Histogram:
    low, high = observable.data.low, observable.data.high
    if observable.kind == "meanpt_vs_nch":
        mean, variance = _means(sums)
    else:
        scale = max(sums.n_events, 1) * (high - low)
        mean = sums.total / scale
        # variance of an empty bin: that of one entry of typical weight
        typical = sums.squares.sum() / max(sums.entries.sum(), 1.0) or 1.0
        variance = np.maximum(sums.squares, np.where(sums.entries > 0, 0.0, typical)) / scale**2
    return Histogram(low, high, mean, variance)


def _means(sums: _Sums) -> tuple[Array, Array]:
    """Return mean and variance of the weight of each bin's entries; for an empty bin those of all entries."""
    n = max(float(sums.entries.sum()), 1.0)
    overall = float(sums.total.sum()) / n
    spread = max(float(sums.squares.sum()) / n - overall**2, 0.0) or 1.0
    some = np.maximum(sums.entries, 1.0)
    mean = np.where(sums.entries > 0, sums.total / some, overall)
    own = np.maximum(sums.squares / some - mean**2, 0.0)
    # the spread of few entries cannot be estimated from these alone
    return mean, np.where(sums.entries > 9, own, spread) / some
