"""The value F: weighted mean chi-square of predicted against measured bins, with a jackknife error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    Args:
        observables: o of them.
        weights: w, shape (o,).
        theory_uncertainty: tu.
    """

    observables: Sequence[Observable]
    weights: Array
    theory_uncertainty: float

    def terms(self, predictions: Sequence[Prediction]) -> Array:
        """Return each observable's mean over bins, unweighted, shape (..., o)."""
        return np.stack(
            [self._term(o, p) for o, p in zip(self.observables, predictions, strict=True)], axis=-1
        )

    def value(self, terms: Array) -> Array:
        """Return F for terms of shape (..., o), shape (...)."""
        return np.asarray((terms * self.weights).mean(axis=-1))

    def jackknife_variance(self, leave_one_out: Sequence[Prediction]) -> float:
        """Return the variance of F from the predictions of the run without each of its k blocks."""
        values = self.value(self.terms(leave_one_out))
        k = len(values)
        return float((k - 1) / k * ((values - values.mean()) ** 2).sum())

    def _term(self, observable: Observable, prediction: Prediction) -> Array:
        floor = observable.errors**2 + (self.theory_uncertainty * observable.values) ** 2
        pulls = (prediction.values - observable.values) ** 2 / (floor + prediction.variances)
        return np.asarray(pulls.mean(axis=-1))
