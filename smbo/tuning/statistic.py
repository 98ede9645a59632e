"""The χ² statistic of a tune: chosen bins, weights, theory uncertainty; each measurement is used once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from smbo.errors import ProblemError
from smbo.problem.losses import ChiSquare
from smbo.training_data import Array

Level = float | Literal["pdg", "residuals"]


@dataclass(frozen=True)
class TuneSettings:
    """Settings of a tune: observables, weights, theory uncertainty, and the Δχ² of one standard deviation.

    The parameters minimise χ² = Σ w (y - d)² / (s² + (t d)²) over the bins of the chosen observables: a
    sum, not the mean of means that a study may have searched with, since only a sum has a Δχ².

    >>> TuneSettings(weights={"thrust": 2.0}, level=1.0).level
    1.0

    Args:
        observables: names; None takes all that have weight, less what ``same_measurement`` leaves out.
        weights: w by observable; None takes 1 for each.
        theory: t; None takes the study's.
        same_measurement: groups of names that are one measurement in different variables (a spectrum in x
            and in log x): of each group only the first with weight counts.
        level: Δχ² of one standard deviation.  "pdg": max(1, χ²/ndf), the scale factor
            of the Particle Data Group, since tunes are over-constrained and no generator fits all
            data within their errors.  "residuals": χ²/ndf, below 1 too: the residuals determine the
            size of the errors.  Or a number.

    Raises:
        ProblemError: a setting that makes no sense.
    """

    observables: Sequence[str] | None = None
    weights: Mapping[str, float] | None = None
    theory: float | None = None
    same_measurement: Sequence[Sequence[str]] = ()
    level: Level = "pdg"

    def __post_init__(self) -> None:
        if isinstance(self.observables, str):
            raise ProblemError(f"tune: observables={self.observables!r}; give a list of names")
        if self.theory is not None and not 0.0 <= self.theory < np.inf:
            raise ProblemError(f"tune: theory={self.theory!r}; give a relative uncertainty, 0 or more")
        if isinstance(self.level, str):
            if self.level not in ("pdg", "residuals"):
                raise ProblemError(
                    f"tune: level={self.level!r}; write 'pdg', 'residuals' or a number above 0"
                )
        elif isinstance(self.level, bool) or not 0.0 < self.level < np.inf:
            raise ProblemError(f"tune: level={self.level!r}; write 'pdg', 'residuals' or a number above 0")


@dataclass(frozen=True, eq=False)
class Statistic:
    """χ² = Σ weights (y - data)² / (errors² + theory²).

    Attributes:
        counts: bins of each observable, in order.
        weights: of each bin, 0 for those left out, shape (k,).
        data, errors: shape (k,).
        theory: absolute, shape (k,).
        left_out: names left out as duplicates of another measurement.
    """

    counts: Mapping[str, int]
    weights: Array
    data: Array
    errors: Array
    theory: Array
    left_out: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, loss: ChiSquare, settings: TuneSettings) -> Statistic:
        """Return the statistic of a study's loss under settings.

        Raises:
            ProblemError: unknown observables, nothing left, bins without any error.
        """
        counts = dict(loss.counts) or {"outputs": loss.n_outputs}
        by_name = _observable_weights(loss, counts)
        if settings.observables is not None:
            for name in settings.observables:
                _known(name, counts)
            by_name = {name: float(name in settings.observables) for name in counts}
        for name, weight in (settings.weights or {}).items():
            _known(name, counts)
            if isinstance(weight, bool) or not 0.0 <= weight < np.inf:
                raise ProblemError(f"tune: the weight of {name} is {weight!r}; give a number, 0 or more")
            by_name[name] = float(weight)
        left_out = _repeated(by_name, settings.same_measurement) if settings.observables is None else ()
        by_name |= dict.fromkeys(left_out, 0.0)
        weights = np.concatenate([np.full(n, by_name[name]) for name, n in counts.items()])
        if loss.counts:  # bins that the study leaves out of an observable that it uses
            kept = _within_observables(loss, counts)
            weights = np.where(kept, weights, 0.0)
        theory = np.abs(loss.data) * (loss.theory if settings.theory is None else settings.theory)
        found = cls(counts, weights, loss.data, loss.errors, theory, left_out)
        if not weights.any():
            raise ProblemError(f"tune: no observable has any weight; there are {', '.join(counts)}")
        bare = np.flatnonzero((found.variances == 0.0) & (weights > 0.0))
        if len(bare):
            raise ProblemError(f"tune: bin {bare[0]} has no error at all; leave it out or weigh it 0")
        return found

    @property
    def variances(self) -> Array:
        """Variance of each bin's difference from the true value, shape (k,)."""
        return np.asarray(self.errors**2 + self.theory**2)

    def slices(self) -> dict[str, slice]:
        """Return the slice of each observable's bins."""
        stops = np.cumsum(list(self.counts.values()))
        return {name: slice(int(stop) - n, int(stop)) for (name, n), stop in zip(self.counts.items(), stops)}

    def scaled(self, factors: Array) -> Statistic:
        """Return the statistic with each bin's weight times a factor, shape (k,)."""
        return replace(self, weights=self.weights * factors)


def _observable_weights(loss: ChiSquare, counts: Mapping[str, int]) -> dict[str, float]:
    """Return 1 for each observable that the study gives any weight, else 0."""
    stops = np.cumsum(list(counts.values()))
    return {
        name: float(loss.weights[stop - n : stop].any()) for (name, n), stop in zip(counts.items(), stops)
    }


def _within_observables(loss: ChiSquare, counts: Mapping[str, int]) -> Array:
    """Return whether a bin is used in the study, or its whole observable is not, shape (k,)."""
    kept = loss.weights > 0.0
    stops = np.cumsum(list(counts.values()))
    for n, stop in zip(counts.values(), stops):
        if not kept[stop - n : stop].any():
            kept[stop - n : stop] = loss.floor[stop - n : stop] > 0.0
    return np.asarray(kept)


def _repeated(weights: Mapping[str, float], groups: Sequence[Sequence[str]]) -> tuple[str, ...]:
    found: list[str] = []
    for group in groups:
        there = [name for name in group if weights.get(name)]
        found += there[1:]
    return tuple(dict.fromkeys(found))


def _known(name: str, counts: Mapping[str, int]) -> None:
    if name not in counts:
        close = difflib.get_close_matches(str(name), counts, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(counts)}"
        raise ProblemError(f"tune: no observable {name!r}; {hint}")
