"""Columns of the HiggsML events, and the yields after a list of cuts."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parent / "data" / "atlas_higgsml_2014_22800.csv.gz"

# In the order of the file's columns 1 to 6.
VARIABLES = ("mmc", "mt", "cent", "ratio", "tau", "sumpt")


@dataclass(frozen=True)
class Cut:
    """One side of a rectangle: keep ``x >= threshold`` ("lower") or ``x < threshold`` ("upper").

    Thresholds are compared in single precision, like the events; an undefined value (-999) fails
    every lower cut above it.
    """

    variable: str
    side: Literal["lower", "upper"]
    threshold: float


@dataclass(frozen=True)
class Yields:
    """Yields of signal and background after cuts.

    Attributes:
        s, b: expected signal and background events (sums of weights).
        n_signal, n_background: simulated events.
        b_variance: variance of b due to the finite simulation: the sum of the squared weights.
    """

    s: float
    b: float
    n_signal: int
    n_background: int
    b_variance: float


@dataclass(frozen=True, eq=False)
class Events:
    """Simulated events, signal first, one contiguous array for each variable.

    Attributes:
        columns: arrays by variable, each float32 of shape (n,).
        weights: expected events per simulated one, shape (n,).
        n_signal: number of signal events, which come first; the rest is background.
    """

    columns: dict[str, NDArray[np.float32]]
    weights: NDArray[np.float64]
    n_signal: int

    def __len__(self) -> int:
        return len(self.weights)

    def passing(self, cuts: Sequence[Cut]) -> NDArray[np.bool_]:
        """Return which events pass every cut, shape (n,)."""
        kept = np.ones(len(self), dtype=np.bool_)
        one = np.empty_like(kept)
        # Two byte masks that are written in place: a mask for each cut, or an index list that shrinks with
        # every cut, moves more memory (10⁶ events, 7 cuts: 2.8 ms against 4.8 ms and more;
        # tests/benchmarks/bench_cuts.py).
        for cut in cuts:
            compare = np.greater_equal if cut.side == "lower" else np.less
            compare(self.columns[cut.variable], np.float32(cut.threshold), out=one)
            np.logical_and(kept, one, out=kept)
        return kept

    def count(self, cuts: Sequence[Cut]) -> Yields:
        """Return the yields after every cut."""
        chosen = np.flatnonzero(self.passing(cuts))
        n_signal = int(np.searchsorted(chosen, self.n_signal))
        weights = self.weights[chosen]
        background = weights[n_signal:]
        return Yields(
            s=float(weights[:n_signal].sum()),
            b=float(background.sum()),
            n_signal=n_signal,
            n_background=len(background),
            b_variance=float(background @ background),
        )


@cache
def _table() -> NDArray[np.float64]:
    """Return the shipped file, shape (22800, 9)."""
    with gzip.open(DATA, "rt") as file:
        return np.loadtxt(file, delimiter=",", skiprows=1)


@cache
def load(half: Literal["even", "odd"] | None = None) -> Events:
    """Return the shipped events, or those of even or odd event numbers.

    The events of a half weigh twice as much, so that figures of merit of the halves and of the
    whole are at the same luminosity.
    """
    table = _table()
    if half is not None:
        table = table[table[:, 0].astype(np.int64) % 2 == (half == "odd")]
    # stable: events stay in the order of their numbers, and sums keep their last digits
    chosen = table[np.argsort(-table[:, 8], kind="stable")]
    weights = chosen[:, 7] * (1.0 if half is None else 2.0)
    n_signal = int(chosen[:, 8].sum())
    columns = {name: chosen[:, 1 + i].astype(np.float32) for i, name in enumerate(VARIABLES)}
    return Events(columns, weights, n_signal)
