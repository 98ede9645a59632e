"""Histograms of the observables with jackknife blocks.

Sums are kept for small groups of consecutive events ("grains"), which are combined into the ten blocks of a
run of any length: so a run that is resumed with more events has the blocks of one run of all events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.problem import ObjectiveError
from smbo_objectives.histograms import noise_together, variance_of_sums
from smbo_objectives.pythia_ee.quantities import QUANTITIES, Entries, Kind
from smbo_objectives.pythia_ee.sample import Sample
from smbo_objectives.pythia_ee.tables import Observable

__all__ = ["N_BLOCKS", "Histograms", "Prediction", "bin_numbers"]

Array = NDArray[np.float64]

N_BLOCKS = 10  # sub-batches for the jackknife
_GRAIN = 50  # events per grain, doubled until a run has no more than so many grains
_MAX_GRAINS = 800


@dataclass(frozen=True, eq=False)
class Prediction:
    """Bin contents of one observable with their Monte Carlo variances, each of shape (..., b)."""

    values: Array
    variances: Array


@dataclass(eq=False)
class _Sums:
    """Sums over entries and over their squares, per grain and bin, each of shape (grains, b).

    ``counted``: number of events of each grain that count for the observable, shape (grains,).
    """

    total: Array
    squares: Array
    counted: NDArray[np.int64]


class Histograms:
    """Histograms of one run, filled batch by batch.

    An event belongs to a grain, and so to one of ten blocks, by its number in the run, independently of
    batches.
    """

    def __init__(self, observables: Sequence[Observable], n_events: int) -> None:
        self._observables = list(observables)
        self._n_events = n_events
        self._grain = _grain_of(n_events)
        n_grains = -(-n_events // self._grain)
        self._block = np.arange(n_grains) * N_BLOCKS // n_grains
        self._filled = np.zeros(n_grains, dtype=np.int64)
        self._sums = [
            _Sums(
                np.zeros((n_grains, o.n_bins)),
                np.zeros((n_grains, o.n_bins)),
                np.zeros(n_grains, dtype=np.int64),
            )
            for o in observables
        ]
        self._charged = 0

    def state(self) -> dict[str, Array]:
        """Return all sums as arrays, for ``restore`` in a run of as many events or more."""
        return {
            "grain": np.array(self._grain),
            "filled": self._filled,
            "charged": np.array(self._charged),
            "total": np.concatenate([sums.total for sums in self._sums], axis=1),
            "squares": np.concatenate([sums.squares for sums in self._sums], axis=1),
            "counted": np.stack([sums.counted for sums in self._sums], axis=1),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Restore the state of a shorter run.

        Raises:
            ObjectiveError: the state has other observables, or more events than this run.
        """
        n_filled, n_bins = int(state["filled"].sum()), sum(o.n_bins for o in self._observables)
        if state["total"].shape[1] != n_bins or n_filled > self._n_events:
            raise ObjectiveError(
                f"pythia-ee: a checkpoint of {n_filled} events in {state['total'].shape[1]} bins does not go "
                f"on to {self._n_events} events in {n_bins}; start the trial anew"
            )
        grain = np.arange(len(state["filled"])) * int(state["grain"]) // self._grain
        np.add.at(self._filled, grain, state["filled"].astype(np.int64))
        self._charged += int(state["charged"])
        stops = np.cumsum([o.n_bins for o in self._observables])[:-1]
        for sums, total, squares, counted in zip(
            self._sums,
            np.split(state["total"], stops, axis=1),
            np.split(state["squares"], stops, axis=1),
            state["counted"].astype(np.int64).T,
            strict=True,
        ):
            np.add.at(sums.total, grain, total)
            np.add.at(sums.squares, grain, squares)
            np.add.at(sums.counted, grain, counted)

    @property
    def n_filled(self) -> int:
        """Number of events filled so far."""
        return int(self._filled.sum())

    @property
    def mean_charged(self) -> float:
        """Mean charged multiplicity so far."""
        return self._charged / max(self.n_filled, 1)

    def fill(self, sample: Sample) -> None:
        """Add the events of the next batch."""
        number = self.n_filled + np.arange(sample.n_events)
        grain = number // self._grain
        self._filled += np.bincount(grain, minlength=len(self._filled))
        self._charged += int(sample.n_charged.sum())
        for observable, sums in zip(self._observables, self._sums, strict=True):
            if observable.hadrons:
                counts = sample.hadron_counts(observable.hadrons).astype(np.float64)
                _add_rows(sums, grain, counts)
                sums.counted += np.bincount(grain, minlength=len(sums.counted))
                continue
            quantity = QUANTITIES[observable.name]
            counted = quantity.counted(sample)
            sums.counted += np.bincount(grain[counted], minlength=len(sums.counted))
            entries = quantity.entries(sample).of(counted)
            if quantity.kind == "mean":
                _add_rows(sums, grain[entries.event], entries.values[:, None])
            else:
                _add_counts(sums, observable, grain, entries)

    def predictions(self) -> list[Prediction]:
        """Return the prediction of all events filled so far, per observable, shapes (b,)."""
        return [
            _prediction(o, sums.total.sum(axis=0), sums.squares.sum(axis=0), max(int(sums.counted.sum()), 1))
            for o, sums in zip(self._observables, self._sums, strict=True)
        ]

    def leave_one_out(self) -> list[Prediction]:
        """Return the predictions of the run without each of its blocks, shapes (10, b)."""
        found = []
        for o, sums in zip(self._observables, self._sums, strict=True):
            total, squares = self._by_block(sums.total), self._by_block(sums.squares)
            left = np.maximum(sums.counted.sum() - self._by_block(sums.counted), 1)
            n_events = left[:, None].astype(np.float64)
            found.append(_prediction(o, total.sum(axis=0) - total, squares.sum(axis=0) - squares, n_events))
        return found

    def noise_together(self, most: int) -> tuple[Array, Array]:
        """Return v (k,) and F (k, r), r ≤ most: the noise of all bins has covariance diag(v) + F Fᵀ."""
        variances = np.concatenate([prediction.variances for prediction in self.predictions()])
        grains = np.flatnonzero(np.min([sums.counted for sums in self._sums], axis=0) > 0)
        means = np.concatenate(
            [sums.total[grains] / np.maximum(sums.counted[grains], 1)[:, None] for sums in self._sums], axis=1
        )
        return noise_together(means - means.mean(axis=0), variances, most)

    def _by_block(self, by_grain: NDArray[Any]) -> NDArray[Any]:
        """Return sums over the grains of each block, (10, ...)."""
        out = np.zeros((N_BLOCKS, *by_grain.shape[1:]), dtype=by_grain.dtype)
        np.add.at(out, self._block, by_grain)
        return out


def _grain_of(n_events: int) -> int:
    if n_events < N_BLOCKS * _GRAIN:
        return max(1, min(10, n_events // N_BLOCKS))  # a short run still has ten blocks
    grain = _GRAIN
    while n_events > grain * _MAX_GRAINS:
        grain *= 2
    return grain


def _add_rows(sums: _Sums, grain: NDArray[np.int64], rows: Array) -> None:
    if not len(rows):
        return
    found, starts = np.unique(grain, return_index=True)  # events come in order
    sums.total[found] += np.add.reduceat(rows, starts, axis=0)
    sums.squares[found] += np.add.reduceat(rows**2, starts, axis=0)


def _add_counts(sums: _Sums, observable: Observable, grain: NDArray[np.int64], entries: Entries) -> None:
    bins, inside = bin_numbers(observable, entries.values)
    cell = grain[entries.event[inside]] * observable.n_bins + bins[inside]
    counts = np.bincount(cell, minlength=sums.total.size).reshape(sums.total.shape)
    sums.total += counts
    sums.squares += counts


def bin_numbers(observable: Observable, values: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the bin of each value, and whether it is in any, each (m,)."""
    bins = np.searchsorted(observable.low, values, side="right") - 1
    inside = (bins >= 0) & (values < observable.high[bins])
    # the axis of a bounded quantity ends in its last bin, which includes the value 1 itself
    return bins, inside | (values == observable.high[-1])


def _prediction(observable: Observable, total: Array, squares: Array, n_events: Array | int) -> Prediction:
    """Return bin contents and variances from sums over n_events.

    The variance of counts is Poisson's, for spectra of particles too (the particles of one event are
    correlated, but hardly within a bin: empirical and Poisson errors agree to 1 %).  An empty bin, or a
    hadron that no event has, has the variance of one entry.
    """
    kind: Kind = "mean" if observable.hadrons else QUANTITIES[observable.name].kind
    mean = total / n_events
    if kind == "mean":
        squares = np.where(total > 0, squares, 1.0)
        return Prediction(mean, np.maximum(squares / n_events - mean**2, 0.0) / n_events)
    width = observable.high - observable.low if kind == "density" else 1.0
    return Prediction(mean / width, variance_of_sums(squares, total) / n_events**2 / width**2)
