"""Outcome transform: standardise values, and power-transform them (Yeo-Johnson) where that is likelier.

Values with a long tail (squared distances, losses near a pole) are far from normal, and a
stationary process with such values is dominated by the tail.  For a standardised value y and power λ

    ψ(y) = ((1 + y)^λ - 1) / λ for y >= 0,   -((1 - y)^(2 - λ) - 1) / (2 - λ) for y < 0,

with logarithms as the limits, is then standardised again: the latent scale.

Sources: Yeo & Johnson (2000), "A new family of power transformations to improve normality or symmetry";
    Cowen-Rivers et al. (2022), "HEBO", for its use in Bayesian optimization.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from smbo.training_data import Array

# Gauss-Hermite nodes and weights for expectations under N(0, 1); sixteen are exact for polynomials up to
# x³¹ and give a lognormal's mean to 1e-8 up to a standard deviation of two.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(16)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
# Transformed values are clipped to this magnitude before the inverse, whose exp() would overflow.
_MAX_TRANSFORMED = 200.0
# Anchors that are tried, see ``PowerTransform``: a decade apart, for values that span several decades above
# the lowest one.  Measured by tests/benchmarks/regret/run.py --problems tuning/smooth.
_ANCHORS = (1.0, 0.1)
# Given errors, in standard deviations, below which an anchored transform does not resolve differences.
_NOISES = 3.0


class PowerTransform(NamedTuple):
    """Parameters of the power transform of values.

    Attributes:
        power: λ of Yeo & Johnson's family, in [0, 2]; 1 is the identity.
        anchor: 0 for values standardised by mean and standard deviation.  Above 0 the origin is the lowest
            value, and the unit this share of its distance to the median: with power 0 the latent value is
            the logarithm of the distance to the lowest value, and the process resolves differences
            between values that approach the lowest one by decades.
    """

    power: float = 1.0
    anchor: float = 0.0


def bends_of(values: Array) -> list[PowerTransform]:
    """Return the power transforms to try: identity, likeliest, logarithms of two kinds."""
    power = normal_power(values)
    bends = [PowerTransform()]
    if abs(power - 1.0) >= 0.1:
        bends.append(PowerTransform(power))
    if 0.1 < power < 0.9:  # values with an upper tail: try the logarithm of the distance to the mean
        bends.append(PowerTransform(0.0))
    if power < 0.9:
        bends += [PowerTransform(0.0, anchor) for anchor in _ANCHORS]
    return bends


@dataclass(frozen=True)
class OutcomeTransform:
    """An increasing map between values and the latent scale of a process.

    latent = (ψ((value - shift) / size) - centre) / width

    Attributes:
        shift, size: value = shift + size * standardised.
        power: λ of Yeo & Johnson's ψ, in [0, 2]; 1 is the identity.
        centre, width: standardise the transformed values.
    """

    shift: float = 0.0
    size: float = 1.0
    power: float = 1.0
    centre: float = 0.0
    width: float = 1.0

    @classmethod
    def of(
        cls, values: Array, power: float = 1.0, anchor: float = 0.0, variances: Array | None = None
    ) -> OutcomeTransform:
        """Return the transform to values of mean 0 and standard deviation 1; see ``PowerTransform``.

        Args:
            variances: of the values' errors, NaN where unknown, (n,).  The unit of an anchored transform is
                no finer than what they resolve: else the luckiest value is the origin, and errors near it,
                carried over by the slope there, count for more than they are.
        """
        shift, size = _location(values)
        if power == 1.0 or len(values) == 0:
            return cls(shift, size)
        if anchor:
            ordered = np.sort(values)  # several times as fast as its median
            lowest = float(ordered[0])
            median = 0.5 * float(ordered[(len(values) - 1) // 2] + ordered[len(values) // 2])
            reach = anchor * (median - lowest)
            if variances is not None and 2 * np.isfinite(variances).sum() > len(values):
                reach = max(reach, _NOISES * float(np.nanmedian(variances) ** 0.5))
            if reach > 1e-12 * size:  # else half of the values are the lowest one
                shift, size = lowest, reach
        bent = _bend((values - shift) / size, power)
        centre, width = _location(bent)
        return cls(shift, size, power, centre, width)

    @property
    def is_affine(self) -> bool:
        return self.power == 1.0

    def to_latent(self, values: Array) -> Array:
        """Return values on the latent scale, same shape."""
        standardised = np.asarray((values - self.shift) / self.size)
        if self.is_affine:
            return standardised
        return (_bend(standardised, self.power) - self.centre) / self.width

    def from_latent(self, latent: Array) -> Array:
        """Return the values of latent values, same shape."""
        if self.is_affine:
            return self.shift + self.size * latent
        bent = np.clip(self.centre + self.width * latent, -_MAX_TRANSFORMED, _MAX_TRANSFORMED)
        return self.shift + self.size * _unbend(bent, self.power)

    def slopes(self, values: Array) -> Array:
        """Return d latent / d value, same shape, > 0."""
        if self.is_affine:
            return np.full_like(values, 1.0 / self.size)
        return _bend_slope((values - self.shift) / self.size, self.power) / (self.width * self.size)

    def moments(self, mean: Array, std: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of a value whose latent is N(mean, std²), each (m,)."""
        if self.is_affine:
            return self.shift + self.size * mean, self.size * std
        value, _ = self._unbent(mean, std)
        expected = value @ WEIGHTS
        variance = ((value - expected[:, None]) ** 2) @ WEIGHTS
        return self.shift + self.size * expected, self.size * np.sqrt(variance)

    def _moments_and_slopes(self, mean: Array, std: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and std of values, each (m,), and their slopes by latent (mean, std), each (m, 2)."""
        value, slope = self._unbent(mean, std)
        expected = value @ WEIGHTS
        off = value - expected[:, None]
        deviation = np.sqrt((off**2) @ WEIGHTS)
        by_mean = np.stack([slope @ WEIGHTS, (slope * NODES) @ WEIGHTS], axis=1)
        by_std = np.stack([(off * slope) @ WEIGHTS, (off * slope * NODES) @ WEIGHTS], axis=1)
        by_std /= np.maximum(deviation, 1e-300)[:, None]
        return (
            self.shift + self.size * expected,
            self.size * deviation,
            self.size * by_mean,
            self.size * by_std,
        )

    def moments_and_gradients(
        self, mean: Array, std: Array, to_mean: Array, to_std: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Return the moments, each (m,), and their gradients by points, each (m, d).

        Args:
            mean, std: of the latent, each (m,).
            to_mean, to_std: their gradients, each (m, d).
        """
        if self.is_affine:
            size = self.size
            return self.shift + size * mean, size * std, size * to_mean, size * to_std
        value, deviation, by_mean, by_std = self._moments_and_slopes(mean, std)
        return (
            value,
            deviation,
            by_mean[:, :1] * to_mean + by_mean[:, 1:] * to_std,
            by_std[:, :1] * to_mean + by_std[:, 1:] * to_std,
        )

    def _unbent(self, mean: Array, std: Array) -> tuple[Array, Array]:
        """Return standardised values at the nodes and their slopes by the latent value, each (m, nodes)."""
        latent = mean[:, None] + std[:, None] * NODES
        bent = self.centre + self.width * latent
        inside = np.abs(bent) < _MAX_TRANSFORMED
        standardised = _unbend(np.clip(bent, -_MAX_TRANSFORMED, _MAX_TRANSFORMED), self.power)
        slope = self.width / _bend_slope(standardised, self.power)
        return standardised, np.where(inside, slope, 0.0)


def normal_power(values: Array) -> float:
    """Return the power in [0, 2] under which the values are likeliest as a normal sample."""
    standardised = OutcomeTransform.of(values).to_latent(values)
    logs = np.sign(standardised) * np.log1p(np.abs(standardised))

    def misfit(power: float) -> float:
        spread = float(_bend(standardised, power).std())
        if spread <= 0.0:
            return np.inf
        return len(values) * np.log(spread) - (power - 1.0) * float(logs.sum())

    return float(minimize_scalar(misfit, bounds=(0.0, 2.0), method="bounded", options={"xatol": 0.02}).x)


def _location(values: Array) -> tuple[float, float]:
    """Return mean and standard deviation; the latter is the largest magnitude if values are equal."""
    if len(values) == 0:
        return 0.0, 1.0
    size = float(np.abs(values).max())
    if size == 0.0:
        return 0.0, 1.0
    relative = values / size  # so that their squares neither overflow nor underflow
    mean = float(relative.sum()) / len(relative)
    relative -= mean
    spread = math.sqrt(float(relative @ relative) / len(relative))
    # the only scale of values that are equal up to rounding is their magnitude
    return mean * size, (spread if spread > 1e-13 else 1.0) * size


def _bend(y: Array, power: float) -> Array:
    """Return Yeo & Johnson's transform: concave for power < 1, convex for power > 1."""
    up, down = np.maximum(y, 0.0), np.minimum(y, 0.0)
    return np.asarray(_box_cox(up, power) - _box_cox(-down, 2.0 - power))


def _bend_slope(y: Array, power: float) -> Array:
    return np.where(y >= 0.0, (1.0 + np.abs(y)) ** (power - 1.0), (1.0 + np.abs(y)) ** (1.0 - power))


def _unbend(bent: Array, power: float) -> Array:
    up, down = np.maximum(bent, 0.0), np.minimum(bent, 0.0)
    return np.asarray(_box_cox_inverse(up, power) - _box_cox_inverse(-down, 2.0 - power))


def _box_cox(y: Array, power: float) -> Array:
    """Return ((1 + y)^power - 1) / power, and its limit log(1 + y), for y >= 0."""
    logs = np.log1p(y)
    return logs if power < 1e-9 else np.expm1(power * logs) / power


def _box_cox_inverse(bent: Array, power: float) -> Array:
    return np.expm1(bent) if power < 1e-9 else np.expm1(np.log1p(power * bent) / power)
