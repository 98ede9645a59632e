"""Sums over minimum-bias events for each bin of each observable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo_objectives.histograms import Histogram, noise_together, variance_of_sums
from smbo_objectives.pythia_pp.events import HIGHEST_ETA, Events
from smbo_objectives.pythia_pp.tables import Observable, Phase

__all__ = ["Histograms"]

Array = NDArray[np.float64]

_GRAIN = 50  # consecutive events whose sums are kept, to see which bins err together
_MANY_EVENTS = 10  # with entries in a bin, from which their spread is known


@dataclass(eq=False)
class _Sums:
    """Sums of one observable.

    Attributes:
        entries, total: entries and their weights in each bin, for each grain of events, (g, b).
        squares, products, pairs: sums over events of the weights in a bin squared, of weights times
            entries, and of entries squared, (b,): the particles of one event are correlated.
        events: with entries in a bin, (b,).
        n_events: events that counted, for each grain, (g,).
    """

    entries: Array
    total: Array
    squares: Array
    products: Array
    pairs: Array
    events: Array
    n_events: Array


class Histograms:
    """Histograms of one run, filled batch by batch."""

    def __init__(self, observables: Sequence[Observable]) -> None:
        self._observables = list(observables)
        self._sums = [_no_sums(len(o.data.low)) for o in observables]

    def fill(self, energy_gev: float, events: Events) -> None:
        """Add a batch of events of one energy."""
        for observable, sums in zip(self._observables, self._sums, strict=True):
            if observable.phase.energy_gev == energy_gev:
                _fill(sums, observable, events)

    def predictions(self) -> list[Histogram]:
        """Return the predictions of all events filled so far, with their statistical variances."""
        return [_prediction(o, sums) for o, sums in zip(self._observables, self._sums, strict=True)]

    def noise_together(self, most: int) -> tuple[Array, Array]:
        """Return v (k,) and F (k, r), r ≤ most at each energy: the noise has covariance diag(v) + F Fᵀ."""
        predictions = self.predictions()
        variances = [each.variances for each in predictions]
        factors = [np.zeros((len(each), 0)) for each in variances]
        for energy in sorted({o.phase.energy_gev for o in self._observables}):
            mine = [k for k, o in enumerate(self._observables) if o.phase.energy_gev == energy]
            off = np.concatenate(
                [_deviations(self._observables[k], self._sums[k], predictions[k]) for k in mine], axis=1
            )
            left, along = noise_together(off, np.concatenate([variances[k] for k in mine]), most)
            stops = np.cumsum([len(variances[k]) for k in mine])[:-1]
            # another energy is a run of its own
            before = factors[0].shape[1]
            factors = [np.pad(each, ((0, 0), (0, along.shape[1]))) for each in factors]
            for k, own, part in zip(mine, np.split(left, stops), np.split(along, stops), strict=True):
                variances[k] = own
                factors[k][:, before:] = part
        return np.concatenate(variances), np.concatenate(factors)


def _no_sums(n_bins: int) -> _Sums:
    entries, total = np.zeros((2, 0, n_bins))
    squares, products, pairs, events = np.zeros((4, n_bins))
    return _Sums(entries, total, squares, products, pairs, events, np.zeros(0))


def _fill(sums: _Sums, observable: Observable, events: Events) -> None:
    kept = _particles(observable.phase, events)
    event, pt = events.event[kept], events.pt[kept]
    n_charged = np.bincount(event, minlength=events.n_events)
    passes = n_charged >= observable.phase.least_charged
    of_passing = passes[event]
    where = event[of_passing]
    match observable.kind:
        case "nch":
            values, weights, where = n_charged[passes].astype(np.float64), None, np.flatnonzero(passes)
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
    cells = where[inside] * len(low) + bins[inside]
    shape = events.n_events, len(low)
    total, entries = (
        np.bincount(cells, each, minlength=shape[0] * shape[1]).reshape(shape)
        for each in (weights[inside], np.ones(int(inside.sum())))
    )
    sums.squares += (total**2).sum(axis=0)
    sums.products += (total * entries).sum(axis=0)
    sums.pairs += (entries**2).sum(axis=0)
    sums.events += (entries > 0).sum(axis=0)
    starts = np.arange(0, events.n_events, _GRAIN)
    sums.total = np.concatenate([sums.total, np.add.reduceat(total, starts, axis=0)])
    sums.entries = np.concatenate([sums.entries, np.add.reduceat(entries, starts, axis=0)])
    sums.n_events = np.concatenate([sums.n_events, np.add.reduceat(passes.astype(np.float64), starts)])


def _particles(phase: Phase, events: Events) -> NDArray[np.bool_]:
    kept = events.pt > phase.lowest_pt_gev
    return kept if phase.with_strange_baryons else kept & ~events.is_strange_baryon


def _prediction(observable: Observable, sums: _Sums) -> Histogram:
    low, high = observable.data.low, observable.data.high
    if observable.kind == "meanpt_vs_nch":
        mean, variance = _means(sums)
    else:
        n = max(float(sums.n_events.sum()), 1.0)
        total, entries = sums.total.sum(axis=0), sums.entries.sum(axis=0)
        squares = sums.squares
        if observable.kind != "nch":  # an event may have several entries
            squares = np.maximum(squares - total**2 / n, np.divide(total**2, np.maximum(entries, 1.0)))
        scale = n * (high - low)
        mean = total / scale
        variance = variance_of_sums(squares, entries) / scale**2
    return Histogram(low, high, mean, variance)


def _means(sums: _Sums) -> tuple[Array, Array]:
    """Return mean and variance of the weight of each bin's entries; for an empty bin those of all entries."""
    total, entries = sums.total.sum(axis=0), sums.entries.sum(axis=0)
    n = max(float(entries.sum()), 1.0)
    mean = np.where(entries > 0, total / np.maximum(entries, 1.0), float(total.sum()) / n)
    # of a ratio of two sums over events
    off = np.maximum(sums.squares - 2.0 * mean * sums.products + mean**2 * sums.pairs, 0.0)
    some = np.maximum(entries, 1.0)
    # the spread of few events cannot be estimated from these alone
    few = sums.events < _MANY_EVENTS
    return mean, np.where(few, (float(off.sum()) / n or 1.0) * some, off) / some**2


def _deviations(observable: Observable, sums: _Sums, prediction: Histogram) -> Array:
    """Return how far the sums of each grain are from what the prediction expects of it, (g, b)."""
    if observable.kind == "meanpt_vs_nch":
        return sums.total - prediction.values * sums.entries
    width = observable.data.high - observable.data.low
    return sums.total - prediction.values * width * sums.n_events[:, None]
