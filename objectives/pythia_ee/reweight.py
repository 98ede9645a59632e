"""Bins at neighbouring points from the events of one run, as far as these weigh enough.

Pythia can say how much likelier each string break of an event would be at other settings of the fragmentation
(Bierlich et al. 2023, "Reweighting Monte Carlo predictions and automated fragmentation variations in Pythia
8", arXiv:2308.13459).  Few settings can, and not far: the weights of an event multiply up, and soon a few
events count for all.  Its manual calls this experimental and does not check that the events cover the
neighbour.  So what comes is refused below an effective share of the events.

The bins of a neighbour are made of the same events as those of the run itself: their noise is nearly the
same, and they are no further evidence of it.  What they tell is the slope between the two, whose noise is far
smaller than that of two runs.  A study is not fed with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from objectives.pythia_ee.generator import Generator
from objectives.pythia_ee.histograms import bin_numbers
from objectives.pythia_ee.quantities import QUANTITIES
from objectives.pythia_ee.sample import Sample
from objectives.pythia_ee.spaces import PARAMETERS
from objectives.pythia_ee.tables import Observable
from smbo.problem import ObjectiveError

__all__ = ["REWEIGHTED", "Neighbour", "neighbours"]

Array = NDArray[np.float64]

# Parameter -> its name in VariationFrag:List.
REWEIGHTED: Mapping[str, str] = {
    "aLund": "aLund",
    "bLund": "bLund",
    "rFactC": "rFactC",
    "rFactB": "rFactB",
    "sigma": "ptSigma",
    "probQQtoQ": "xi",
    "probStoUD": "rho",
    "probSQtoQQ": "x",
    "probQQ1toQQ0": "y",
}
_BATCH_SIZE = 2_000


@dataclass(frozen=True, eq=False)
class Neighbour:
    """What the events of one run say of another point.

    Attributes:
        params: of that point.
        effective: share of the events that effectively count there, (Σw)² / (n Σw²).
        outputs, variances: of all bins, shape (k,); None where refused.
        reason: why it is refused, None where it is not.
    """

    params: Mapping[str, float]
    effective: float
    outputs: Array | None
    variances: Array | None
    reason: str | None


def neighbours(
    observables: Sequence[Observable],
    params: Mapping[str, Any],
    points: Sequence[Mapping[str, Any]],
    n_events: int,
    seed: int,
    min_effective: float = 0.5,
) -> list[Neighbour]:
    """Return what n events at a point say of neighbouring points.

    Args:
        params: where the events are generated.
        points: that differ from it in what can be reweighted (``REWEIGHTED``) only.
        min_effective: share of the events that must effectively count; below, a neighbour is refused.

    Raises:
        ObjectiveError: a point that differs in another parameter or in none, no points, a share that is none.
        EvaluationFailed: see ``Generator``.
    """
    if not points or not 0.0 < min_effective <= 1.0:
        raise ObjectiveError(
            f"pythia-ee: reweighting to {len(points)} points with min_effective={min_effective!r}; "
            "give a point at least, and a share above 0 up to 1"
        )
    changes = [_changed(params, point) for point in points]
    generator = Generator(params, seed, variations=[_variation(change) for change in changes])
    sums = [_Sums.of(observable, len(points)) for observable in observables]
    weights = []
    for sample in generator.batches(n_events, _BATCH_SIZE):
        assert sample.weights is not None
        weights.append(sample.weights)
        for observable, each in zip(observables, sums, strict=True):
            each.fill(observable, sample)
    found = np.concatenate(weights)
    shares = found.sum(axis=0) ** 2 / (len(found) * np.maximum((found**2).sum(axis=0), 1e-300))
    predictions = [each.prediction(observable) for observable, each in zip(observables, sums, strict=True)]
    values = np.concatenate([value for value, _ in predictions], axis=1)
    variances = np.concatenate([variance for _, variance in predictions], axis=1)
    return [
        _told({**params, **point}, float(share), *both, min_effective)
        for point, share, both in zip(points, shares, zip(values, variances))
    ]


def _told(
    params: Mapping[str, float], share: float, values: Array, variances: Array, least: float
) -> Neighbour:
    if share >= least:
        return Neighbour(params, share, values, variances, None)
    reason = f"{share:.0%} of the events effectively count, fewer than {least:.0%}: run it, or come nearer"
    return Neighbour(params, share, None, None, reason)


def _changed(params: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, float]:
    """Return what a point changes."""
    changed = {
        name: float(value)
        for name, value in point.items()
        if value != params.get(name, PARAMETERS[name].default if name in PARAMETERS else None)
    }
    wrong = sorted(set(changed) - set(REWEIGHTED))
    if wrong or not changed:
        what = f"{', '.join(wrong)} cannot be reweighted" if wrong else f"{dict(point)} changes nothing"
        raise ObjectiveError(f"pythia-ee: {what}; change one or more of {', '.join(REWEIGHTED)}")
    return changed


def _variation(change: Mapping[str, float]) -> str:
    return " ".join(f"frag:{REWEIGHTED[name]}={value!r}" for name, value in change.items())


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over events of one observable at g points.

    Attributes:
        total, linear, squares: of w x, of w² x and of w² x², shape (g, b).
        weight, weight_squares: of w and of w² over the events that the observable is of, shape (g,).
        is_counts: whether x counts entries, whose errors are Poisson's as in ``Histograms``.
    """

    total: Array
    linear: Array
    squares: Array
    weight: Array
    weight_squares: Array
    is_counts: bool

    @classmethod
    def of(cls, observable: Observable, g: int) -> _Sums:
        shape = (g, observable.n_bins)
        is_counts = not observable.hadrons and QUANTITIES[observable.name].kind != "mean"
        total, linear, squares = np.zeros((3, *shape))
        return cls(total, linear, squares, np.zeros(g), np.zeros(g), is_counts)

    def fill(self, observable: Observable, sample: Sample) -> None:
        """Add a batch."""
        assert sample.weights is not None
        event, bins, amount, counted = _entries(observable, sample)
        for row, weights in enumerate(sample.weights.T):
            w = weights[event]
            for sums, content in (
                (self.total, w * amount),
                (self.linear, w**2 * amount),
                (self.squares, w**2 * amount**2),
            ):
                sums[row] += np.bincount(bins, content, minlength=sums.shape[1])
            self.weight[row] += weights[counted].sum()
            self.weight_squares[row] += (weights[counted] ** 2).sum()

    def prediction(self, observable: Observable) -> tuple[Array, Array]:
        """Return bin contents and variances, each (g, b)."""
        whole = self.weight[:, None]
        mean = self.total / whole
        if not self.is_counts:
            off = self.squares - 2.0 * mean * self.linear + mean**2 * self.weight_squares[:, None]
            return mean, np.maximum(off, 0.0) / whole**2
        is_density = QUANTITIES[observable.name].kind == "density"
        width = observable.high - observable.low if is_density else np.ones(observable.n_bins)
        return mean / width, self.squares / whole**2 / width**2


def _entries(
    observable: Observable, sample: Sample
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Return event, bin and amount of what a batch fills, each (m,), and which of its events count, (n,)."""
    every = np.ones(sample.n_events, dtype=np.bool_)
    if observable.hadrons:
        counts = sample.hadron_counts(observable.hadrons)
        event, group = np.nonzero(counts)
        return event, group, counts[event, group].astype(np.float64), every
    quantity = QUANTITIES[observable.name]
    counted = quantity.counted(sample)
    entries = quantity.entries(sample).of(counted)
    if quantity.kind == "mean":
        return entries.event, np.zeros(len(entries.event), dtype=np.int64), entries.values, counted
    bins, inside = bin_numbers(observable, entries.values)
    return entries.event[inside], bins[inside], np.ones(int(inside.sum())), counted
