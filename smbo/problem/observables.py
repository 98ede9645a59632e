"""Histograms of a vector output: axes of the observables, and run cards for the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ObservableAxes:
    """The axes of one observable: bin edges, labels and scales.

    Labels may hold formulas in matplotlib's mathtext.

    Attributes:
        name: as the loss's ``counts`` has it.
        low, high: bin edges, shape (n,); bins may have gaps between them.
        title: of the measurement, such as "ALEPH 1996".
        family: of observables drawn together, such as "Event shapes".
        process: in which it was measured, with its energy, such as "e⁺e⁻ → hadrons, √s = 91.2 GeV".
        x_label, y_label: of the axes, with units in brackets unless they are pure numbers.
        log_x, log_y: whether an axis is logarithmic.
        bins: a label of each bin where the bins are categories, such as the names of hadrons; else empty.
    """

    name: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    title: str = ""
    family: str = ""
    process: str = ""
    x_label: str = ""
    y_label: str = ""
    log_x: bool = False
    log_y: bool = False
    bins: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunCard:
    """A run card: a file of settings that the simulator reads, by its name and its text."""

    name: str
    text: str


@runtime_checkable
class Plottable(Protocol):
    """An objective of vector outputs with axes of its observables and run cards of its points."""

    def observable_axes(self) -> Sequence[ObservableAxes]:
        """Return the axes of each observable, in the order of the outputs."""
        ...

    def same_measurement(self) -> Sequence[Sequence[str]]:
        """Return groups of observables that are one measurement in different variables (x and ln x)."""
        ...

    def run_card(self, params: Mapping[str, Any], remarks: Sequence[str]) -> RunCard | None:
        """Return the run card of a point, with remarks as comment lines; None for a simulator without one."""
        ...


def plain_axes(counts: Mapping[str, int]) -> list[ObservableAxes]:
    """Return axes of observables of which only the numbers of bins are known: bin k is k - 1/2 to k + 1/2."""
    edges = {name: np.arange(n + 1, dtype=np.float64) - 0.5 for name, n in counts.items()}
    return [ObservableAxes(name, each[:-1], each[1:], x_label="bin") for name, each in edges.items()]
