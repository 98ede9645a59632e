"""Input warping: a monotone map of each axis, so that a stationary kernel fits a non-stationary function.

Many functions vary faster at one end of an axis than at the other (rates, depths, parameters given on an
unsuitable scale).  Each unit coordinate u is replaced by w(u) = 1 - (1 - u^a)^b, the distribution function
of Kumaraswamy (1980), which stretches either end and has simple derivatives.

Source: Snoek et al. (2014), "Input Warping for Bayesian Optimization of Non-stationary Functions", with the
    beta distribution in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.training_data import Array

# Coordinates are kept this far from 0 and 1, where logarithms and, for a, b < 1, slopes are infinite.
_MARGIN = 1e-12


@dataclass(frozen=True, eq=False)
class Warp:
    """Kumaraswamy's map for each axis; the identity where both logarithms are 0.

    Attributes:
        log_a, log_b: shape (d,) each.
    """

    log_a: Array
    log_b: Array

    def __call__(self, points: Array) -> Array:
        """Return warped unit points, shape (m, d), in [0, 1]."""
        _, rest, b = self._parts(points)
        return np.asarray(-np.expm1(b * rest))

    def slopes(self, points: Array) -> Array:
        """Return d warped / d point, shape (m, d), > 0."""
        logs, rest, b = self._parts(points)
        return np.asarray(
            np.exp(self.log_a + self.log_b + (np.exp(self.log_a) - 1.0) * logs + (b - 1.0) * rest)
        )

    def parameter_slopes(self, points: Array) -> tuple[Array, Array]:
        """Return d warped / d log_a and d warped / d log_b, each (m, d)."""
        logs, rest, b = self._parts(points)
        a = np.exp(self.log_a)
        by_a = a * b * logs * np.exp(a * logs + (b - 1.0) * rest)
        return by_a, -b * rest * np.exp(b * rest)

    def _parts(self, points: Array, end: float = _MARGIN) -> tuple[Array, Array, Array]:
        """Return log u (m, d), log(1 - u^a) (m, d) and b (d,)."""
        logs = np.log(np.clip(points, end, 1.0 - end))
        return logs, np.log(-np.expm1(np.exp(self.log_a) * logs)), np.exp(self.log_b)
