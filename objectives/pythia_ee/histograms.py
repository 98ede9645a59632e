"""Sums over events for each bin of each observable, kept apart for the sub-batches of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from objectives.pythia_ee.quantities import QUANTITIES, Entries, Kind
from objectives.pythia_ee.sample import Sample
from objectives.pythia_ee.tables import Observable

__all__ = ["N_BLOCKS", "Histograms", "Prediction"]

Array = NDArray[np.float64]

N_BLOCKS = 10  # sub-batches for the jackknife


@dataclass(frozen=True, eq=False)
class Prediction:
    """Bin contents of one observable with their Monte Carlo variances, each of shape (..., b)."""

    values: Array
    variances: Array


@dataclass(eq=False)
class _Sums:
    """Sums over entries and over their squares, per block and bin, each of shape (blocks, b)."""

    total: Array
    squares: Array


class Histograms:
    """What the events of one run have been filled into.

    An event belongs to block number · 10 // n_events by its place in the run, whatever batch it
    came with.
    """

    def __init__(self, observables: Sequence[Observable], n_events: int) -> None:
        self._observables = list(observables)
        self._n_events = n_events
        self._filled = np.zeros(N_BLOCKS, dtype=np.int64)
        self._sums = [
            _Sums(np.zeros((N_BLOCKS, o.n_bins)), np.zeros((N_BLOCKS, o.n_bins))) for o in observables
        ]
        self._charged = 0

    @property
    def n_filled(self) -> int:
        """Events filled so far."""
        return int(self._filled.sum())

    @property
    def mean_charged(self) -> float:
        """Mean charged multiplicity so far."""
        return self._charged / max(self.n_filled, 1)

    def fill(self, sample: Sample) -> None:
        """Add the events of a batch, which follow those filled before."""
        number = self.n_filled + np.arange(sample.n_events)
        block = number * N_BLOCKS // self._n_events
        self._filled += np.bincount(block, minlength=N_BLOCKS)
        self._charged += int(sample.n_charged.sum())
        for observable, sums in zip(self._observables, self._sums, strict=True):
            if observable.hadrons:
                counts = sample.hadron_counts(observable.hadrons).astype(np.float64)
                _add_rows(sums, block, counts)
                continue
            quantity = QUANTITIES[observable.name]
            entries = quantity.entries(sample)
            if quantity.kind == "mean":
                _add_rows(sums, block[entries.event], entries.values[:, None])
            else:
                _add_counts(sums, observable, block, entries)

    def predictions(self) -> list[Prediction]:
        """Return what all events filled so far predict, per observable, shapes (b,)."""
        return [
            _prediction(o, sums.total.sum(axis=0), sums.squares.sum(axis=0), self.n_filled)
            for o, sums in zip(self._observables, self._sums, strict=True)
        ]

    def leave_one_out(self) -> list[Prediction]:
        """Return what the run without each of its blocks predicts, shapes (10, b)."""
        n_events = (self.n_filled - self._filled)[:, None].astype(np.float64)
        return [
            _prediction(
                o, sums.total.sum(axis=0) - sums.total, sums.squares.sum(axis=0) - sums.squares, n_events
            )
            for o, sums in zip(self._observables, self._sums, strict=True)
        ]


def _add_rows(sums: _Sums, block: NDArray[np.int64], rows: Array) -> None:
    for k in range(N_BLOCKS):
        chosen = rows[block == k]
        sums.total[k] += chosen.sum(axis=0)
        sums.squares[k] += (chosen**2).sum(axis=0)


def _add_counts(sums: _Sums, observable: Observable, block: NDArray[np.int64], entries: Entries) -> None:
    bins = np.searchsorted(observable.low, entries.values, side="right") - 1
    inside = (bins >= 0) & (entries.values < observable.high[bins])
    # the axis of a bounded quantity ends in its last bin: what is exactly 1 belongs there
    inside |= entries.values == observable.high[-1]
    cell = block[entries.event[inside]] * observable.n_bins + bins[inside]
    counts = np.bincount(cell, minlength=N_BLOCKS * observable.n_bins).reshape(N_BLOCKS, -1)
    sums.total += counts
    sums.squares += counts


def _prediction(observable: Observable, total: Array, squares: Array, n_events: Array | int) -> Prediction:
    """Return bin contents and variances from sums over n_events.

    Of counts the variance is Poisson's, for spectra of particles too (the particles of one event are
    correlated, but hardly within a bin: empirical and Poisson errors agree to 1 %).
    """
    kind: Kind = "mean" if observable.hadrons else QUANTITIES[observable.name].kind
    mean = total / n_events
    if kind == "mean":
        return Prediction(mean, np.maximum(squares / n_events - mean**2, 0.0) / n_events)
    width = observable.high - observable.low if kind == "density" else 1.0
    return Prediction(mean / width, mean / n_events / width**2)
