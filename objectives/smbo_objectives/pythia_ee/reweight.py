"""Predict the bins at neighbouring points by reweighting the events of one run.

Pythia gives, for each string break of an event, the likelihood ratio of other settings of the fragmentation
(Bierlich et al. 2023, "Reweighting Monte Carlo predictions and automated fragmentation variations in Pythia
8", arXiv:2308.13459).  Few settings have such weights, and over short distances only: the weights of an event
multiply, and a few events soon dominate the sum.  Its manual calls this experimental, and Pythia does not
check that the events cover the neighbour.  So a neighbour with too small an effective share of the events is
refused.

Correct weights have mean one.  Those of diquarks do not: a diquark after a popcorn meson is weighted as a new
one (Pythia 8.317), so that with probQQtoQ protons change by a third too much and the charged multiplicity not
at all.  The deviation of the mean from one, in units of the weights' deviation, is about the share of the
predicted change that is wrong; a neighbour with too large an imbalance is refused too.

The bins of a neighbour are filled with the same events as those of the run itself: their noise is nearly the
same, so that they are no new training data.  Their information is the change between the two, whose noise is
far smaller than that of two runs.  A study does not use them (reasons in docs/notes/tune.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.problem import ObjectiveError
from smbo_objectives.histograms import variance_of_sums
from smbo_objectives.pythia_ee.generator import Generator
from smbo_objectives.pythia_ee.histograms import bin_numbers
from smbo_objectives.pythia_ee.quantities import QUANTITIES
from smbo_objectives.pythia_ee.sample import Sample
from smbo_objectives.pythia_ee.spaces import PARAMETERS
from smbo_objectives.pythia_ee.tables import Observable

__all__ = ["REWEIGHTED", "Neighbour", "near", "neighbours"]

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
# Steps that reduce the effective events by about two per cent at the default tune.
STEPS: Mapping[str, float] = {
    "aLund": 0.04,
    "bLund": 0.03,
    "rFactC": 0.1,
    "rFactB": 0.05,
    "sigma": 0.0045,
    "probQQtoQ": 0.005,
    "probStoUD": 0.015,
    "probSQtoQQ": 0.1,
    "probQQ1toQQ0": 0.003,
}
_BATCH_SIZE = 2_000
_MAX_IMBALANCE = 0.15  # of the weights' deviation, beside three standard errors


@dataclass(frozen=True, eq=False)
class Neighbour:
    """Prediction of the bins at another point from the events of one run.

    Attributes:
        params: values of the parameters at the point.
        effective: effective share of the events there, (Σw)² / (n Σw²).
        imbalance: deviation of the mean weight from one, in standard deviations of a weight.
        outputs, variances: contents of all bins, shape (k,); None where refused.
        changes, change_variances: difference from the bins of the same events without weights, shape (k,);
            None where refused.
        reason: reason of the refusal, None where accepted.
    """

    params: Mapping[str, float]
    effective: float
    imbalance: float
    outputs: Array | None = None
    variances: Array | None = None
    changes: Array | None = None
    change_variances: Array | None = None
    reason: str | None = None


def near(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a point one step away for each parameter that can be reweighted."""
    found = {}
    for name in params:
        if name in STEPS:
            up = float(params[name]) + STEPS[name]
            step = STEPS[name] if up <= PARAMETERS[name].high else -STEPS[name]
            found[name] = {**params, name: float(params[name]) + step}
    return found


def neighbours(
    observables: Sequence[Observable],
    params: Mapping[str, Any],
    points: Sequence[Mapping[str, Any]],
    n_events: int,
    seed: int,
    min_effective: float = 0.5,
) -> list[Neighbour]:
    """Return the predictions of n events at a point for neighbouring points.

    Args:
        params: point of the generated events.
        points: points that differ from it in parameters of ``REWEIGHTED`` only.
        min_effective: least effective share of the events; below, a neighbour is refused.

    Raises:
        ObjectiveError: a point differs in another parameter or in none, no points, an invalid share.
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
    statistics = [_WeightStatistics.of(column) for column in np.concatenate(weights).T]
    predictions = [each.prediction(observable) for observable, each in zip(observables, sums, strict=True)]
    # (outputs, variances, changes, their variances), each (g, k)
    parts = [np.concatenate(each, axis=1) for each in zip(*predictions)]
    return [
        _neighbour({**params, **point}, each, [part[row] for part in parts], min_effective)
        for row, (point, each) in enumerate(zip(points, statistics, strict=True))
    ]


@dataclass(frozen=True)
class _WeightStatistics:
    """Effective share and imbalance of weights (see ``Neighbour``), and the standard error of the latter."""

    effective: float
    imbalance: float
    imbalance_sem: float

    @classmethod
    def of(cls, weights: Array) -> _WeightStatistics:
        n, mean, deviation = len(weights), float(weights.mean()), float(weights.std())
        effective = float(weights.sum() ** 2 / (n * max(float(weights @ weights), 1e-300)))
        if deviation < 1e-6:  # rounding errors: the weights are all one
            return cls(effective, 0.0, 0.0)
        return cls(effective, (mean - 1.0) / deviation, n**-0.5)

    def refusal(self, least: float) -> str | None:
        """Return why a neighbour with these weights is refused, None if it is accepted."""
        if self.effective < least:
            return (
                f"{self.effective:.0%} of the events effectively count, fewer than {least:.0%}: "
                "run it, or come nearer"
            )
        if abs(self.imbalance) > _MAX_IMBALANCE + 3.0 * self.imbalance_sem:
            return (
                f"the mean weight is off one by {abs(self.imbalance):.0%} of the weights' deviation, more "
                f"than {_MAX_IMBALANCE:.0%}: Pythia's weights are wrong here; run it"
            )
        return None


def _neighbour(
    params: Mapping[str, float], statistics: _WeightStatistics, bins: Sequence[Array], least: float
) -> Neighbour:
    reason = statistics.refusal(least)
    if reason is not None:
        return Neighbour(params, statistics.effective, statistics.imbalance, reason=reason)
    outputs, variances, changes, change_variances = bins
    return Neighbour(
        params, statistics.effective, statistics.imbalance, outputs, variances, changes, change_variances
    )


def _changed(params: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, float]:
    """Return the parameters that differ between two points, with their new values."""
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
    """Sums over events of one observable at g points, and in the first row without weights.

    Attributes:
        total, linear, mixed, squares: of w x, of w² x, of w x² and of w² x², shape (1 + g, b).
        weight, weight_squares: of w and of w² over the events counted for the observable, shape (1 + g,).
        is_counts: whether x counts entries, whose errors are Poisson's as in ``Histograms``.
    """

    total: Array
    linear: Array
    mixed: Array
    squares: Array
    weight: Array
    weight_squares: Array
    is_counts: bool

    @classmethod
    def of(cls, observable: Observable, g: int) -> _Sums:
        is_counts = not observable.hadrons and QUANTITIES[observable.name].kind != "mean"
        total, linear, mixed, squares = np.zeros((4, 1 + g, observable.n_bins))
        return cls(total, linear, mixed, squares, np.zeros(1 + g), np.zeros(1 + g), is_counts)

    def fill(self, observable: Observable, sample: Sample) -> None:
        """Add a batch."""
        assert sample.weights is not None
        event, bins, amount, counted = _entries(observable, sample)
        for row, weights in enumerate((np.ones(sample.n_events), *sample.weights.T)):
            w = weights[event]
            for sums, content in (
                (self.total, w * amount),
                (self.linear, w**2 * amount),
                (self.mixed, w * amount**2),
                (self.squares, w**2 * amount**2),
            ):
                sums[row] += np.bincount(bins, content, minlength=sums.shape[1])
            self.weight[row] += weights[counted].sum()
            self.weight_squares[row] += (weights[counted] ** 2).sum()

    def prediction(self, observable: Observable) -> tuple[Array, Array, Array, Array]:
        """Return contents and their variances, changes by the weights and their variances, each (g, b)."""
        whole = self.weight[:, None]
        mean = self.total / whole
        variance, both = self._errors(mean, whole)
        change_variance = np.maximum(variance[1:] + variance[0] - 2.0 * both, 0.0)
        unit: Any = 1.0
        if self.is_counts and QUANTITIES[observable.name].kind == "density":
            unit = 1.0 / (observable.high - observable.low)
        changes = mean[1:] - mean[0]
        # a bin that is empty here changes by nothing, and might still have held an entry
        entries = np.broadcast_to(self.total[0], self.squares.shape)
        filled = variance_of_sums(self.squares, entries) / whole**2
        variance = np.where(entries > 0, variance, filled)
        return mean[1:] * unit, variance[1:] * unit**2, changes * unit, change_variance * unit**2

    def _errors(self, mean: Array, whole: Array) -> tuple[Array, Array]:
        """Return variances (1 + g, b) and covariances with the first row (g, b) of the means."""
        if self.is_counts:
            return self.squares / whole**2, self.mixed[1:] / (whole[1:] * whole[0])
        off = self.squares - 2.0 * mean * self.linear + mean**2 * self.weight_squares[:, None]
        # Σ w (x - m)(x - m₀)
        both = self.mixed[1:] - (mean[1:] + mean[0]) * self.total[1:] + mean[1:] * mean[0] * whole[1:]
        return np.maximum(off, 0.0) / whole**2, both / (whole[1:] * whole[0])


def _entries(
    observable: Observable, sample: Sample
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Return event, bin and amount of each entry of a batch, (m,), and a mask of the counted events, (n,)."""
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
