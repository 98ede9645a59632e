"""How the bins of a vector output are shown: what an objective says of its observables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Chart:
    """One observable: its axis, and what to write at it.

    Labels may hold formulas in matplotlib's mathtext.

    Attributes:
        name: as the loss's ``counts`` has it.
        low, high: bin edges, shape (n,); bins may have gaps between them.
        title: what it is of, such as "ALEPH 1996".
        x_label, y_label: of the axes.
        log_x, log_y: whether they are logarithmic.
        bins: a label of each bin where there is no axis, such as the names of hadrons; else empty.
    """

    name: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    log_x: bool = False
    log_y: bool = False
    bins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """A file of settings that the simulator reads: its name, and its text."""

    name: str
    text: str


@runtime_checkable
class Plottable(Protocol):
    """An objective of vector outputs that says how they are shown and how a point is written down."""

    def charts(self) -> Sequence[Chart]:
        """Return a chart for each observable, in the order of the outputs."""
        ...

    def once(self) -> Sequence[Sequence[str]]:
        """Return groups of observables that are the same measurement in other words."""
        ...

    def card(self, params: Mapping[str, Any], remarks: Sequence[str]) -> Card | None:
        """Return a point as the simulator reads it, with lines of remarks; None where it reads no file."""
        ...


def plain_charts(counts: Mapping[str, int]) -> list[Chart]:
    """Return charts of observables of which only the numbers of bins are known."""
    return [
        Chart(name, np.arange(n, dtype=np.float64) - 0.5, np.arange(n, dtype=np.float64) + 0.5, x_label="bin")
        for name, n in counts.items()
    ]
