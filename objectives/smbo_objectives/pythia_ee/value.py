"""The value F: weighted mean chi-square of predicted against measured bins, with a jackknife error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo_objectives.bin_weights import countable
from smbo_objectives.pythia_ee.histograms import Prediction
from smbo_objectives.pythia_ee.tables import Observable

__all__ = ["Loss"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Loss:
    """F = mean over observables of w · mean over bins of (y - d)² / (s² + (tu·d)² + e²).

    y and e are the prediction and its Monte Carlo error, d and s the data and their error, and tu a
    relative theory uncertainty (5 % in arXiv:1404.5630).  Since e is part of the
    weight, F depends somewhat on the number of events: compare only values taken at the same number.

    An empty bin of the prediction has the error of one entry (``histograms.variance_of_sums``).

    Args:
        observables: o of them.
        weights: w, shape (o,).
        theory_uncertainty: tu.
        bin_weights: of the bins of each observable, with mean 1 over those that count and 0 for those that
            do not (of unknown content or without any error); None for 1.
    """

    observables: Sequence[Observable]
    weights: Array
    theory_uncertainty: float
    bin_weights: Sequence[Array] | None = None

    @classmethod
    def of_bins(
        cls, observables: Sequence[Observable], weights: Sequence[Array], theory_uncertainty: float
    ) -> Loss:
        """Return the loss with a weight of each bin that counts, shape (b,) for each observable."""
        counting = [
            np.where(countable(o.histogram, theory_uncertainty), each, 0.0)
            for o, each in zip(observables, weights, strict=True)
        ]
        means = [float(each[each > 0.0].mean()) if each.any() else 0.0 for each in counting]
        relative = [each / (mean or 1.0) for each, mean in zip(counting, means)]
        return cls(observables, np.array(means), theory_uncertainty, relative)

    def terms(self, predictions: Sequence[Prediction]) -> Array:
        """Return each observable's mean over bins, not times its own weight, shape (..., o)."""
        weights = (
            [np.ones(o.n_bins) for o in self.observables] if self.bin_weights is None else self.bin_weights
        )
        return np.stack(
            [self._term(*each) for each in zip(self.observables, predictions, weights, strict=True)], axis=-1
        )

    def value(self, terms: Array) -> Array:
        """Return F for terms of shape (..., o), shape (...)."""
        return np.asarray((terms * self.weights).mean(axis=-1))

    def jackknife_variance(self, leave_one_out: Sequence[Prediction]) -> float:
        """Return the variance of F from the predictions of the run without each of its k blocks."""
        values = self.value(self.terms(leave_one_out))
        k = len(values)
        return float((k - 1) / k * ((values - values.mean()) ** 2).sum())

    def _term(self, observable: Observable, prediction: Prediction, weights: Array) -> Array:
        counts = weights > 0.0
        if not counts.any():
            return np.zeros(prediction.values.shape[:-1])
        values, errors = observable.values[counts], observable.errors[counts]
        floor = errors**2 + (self.theory_uncertainty * values) ** 2
        pulls = (prediction.values[..., counts] - values) ** 2 / (floor + prediction.variances[..., counts])
        return np.asarray((weights[counts] * pulls).mean(axis=-1))
