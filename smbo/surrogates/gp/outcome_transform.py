"""The scale on which a process models values: standardised, and bent where the training data says so.

Values with a long tail (squared distances, losses near a pole) are far from normal, and a
stationary process spends all of its length scales on the tail.  The power transform of Yeo &
Johnson (2000), "A new family of power transformations to improve normality or symmetry",
brings such a tail in; Cowen-Rivers et al. (2022), "HEBO", show that it pays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from smbo.training_data import Array

# Nodes and weights for expectations under N(0, 1); sixteen are exact for polynomials up to x³¹ and
# give a lognormal's mean to 1e-8 up to a deviation of two.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(16)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
# A standardised value cannot be further out than this on the bent scale before exp() runs away.
_FARTHEST = 200.0
# Shares of the way from the lowest value to the median: one decade of it apart, they cover tails of
# several decades, each of which a process then sees as steps of equal size.
_ANCHORS = (1.0, 0.1)


class PowerTransform(NamedTuple):
    """How values are bent before a process models them.

    Attributes:
        power: of Yeo & Johnson's family, in [0, 2]; 1 bends nothing.
        anchor: 0 bends around the mean.  Above it the lowest value is the origin, and this share of
            its distance to the median the unit: with power 0 the latent is the logarithm of what a
            value lies above the lowest, and a process sees the last digits of a search that comes
            down through decades.
    """

    power: float = 1.0
    anchor: float = 0.0


def bends_of(values: Array) -> list[PowerTransform]:
    """Return the bends worth trying: none, to normal, the whole way, and from the lowest value up."""
    power = normal_power(values)
    bends = [PowerTransform()]
    if abs(power - 1.0) >= 0.1:
        bends.append(PowerTransform(power))
    if 0.1 < power < 0.9:  # the logarithm of what lies above the mean, where there is a tail to bring in
        bends.append(PowerTransform(0.0))
    if power < 0.9:
        bends += [PowerTransform(0.0, anchor) for anchor in _ANCHORS]
    return bends


@dataclass(frozen=True)
class OutcomeTransform:
    """An increasing map from values to the latent scale of a process, and back.

    latent = (bend((value - shift) / size) - centre) / width

    Attributes:
        shift, size: value = shift + size * standardised.
        power: of Yeo & Johnson's family, in [0, 2]; 1 bends nothing.
        centre, width: standardise what was bent.
    """

    shift: float = 0.0
    size: float = 1.0
    power: float = 1.0
    centre: float = 0.0
    width: float = 1.0

    @classmethod
    def of(cls, values: Array, power: float = 1.0, anchor: float = 0.0) -> OutcomeTransform:
        """Return the scale on which values have mean 0 and standard deviation 1; see ``PowerTransform``."""
        shift, size = _location(values)
        if power == 1.0 or len(values) == 0:
            return cls(shift, size)
        if anchor:
            lowest = float(values.min())
            reach = anchor * (float(np.median(values)) - lowest)
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
        """Return the values at places of the latent scale, same shape."""
        if self.is_affine:
            return self.shift + self.size * latent
        bent = np.clip(self.centre + self.width * latent, -_FARTHEST, _FARTHEST)
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
        """Return the moments, each (m,), and their slopes by (mean, std), each (m, 2), of bent values."""
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
        """Return standardised values at the nodes and their slopes by the latent, each (m, nodes)."""
        latent = mean[:, None] + std[:, None] * NODES
        bent = self.centre + self.width * latent
        inside = np.abs(bent) < _FARTHEST
        standardised = _unbend(np.clip(bent, -_FARTHEST, _FARTHEST), self.power)
        slope = self.width / _bend_slope(standardised, self.power)
        return standardised, np.where(inside, slope, 0.0)


def normal_power(values: Array) -> float:
    """Return the power in [0, 2] under which the values look most like a normal sample."""
    standardised = OutcomeTransform.of(values).to_latent(values)
    logs = np.sign(standardised) * np.log1p(np.abs(standardised))

    def misfit(power: float) -> float:
        spread = float(_bend(standardised, power).std())
        if spread <= 0.0:
            return np.inf
        return len(values) * np.log(spread) - (power - 1.0) * float(logs.sum())

    return float(minimize_scalar(misfit, bounds=(0.0, 2.0), method="bounded", options={"xatol": 0.02}).x)


def _location(values: Array) -> tuple[float, float]:
    """Return mean and standard deviation, or a stand-in for the latter where values are equal."""
    if len(values) == 0:
        return 0.0, 1.0
    size = float(np.abs(values).max())
    if size == 0.0:
        return 0.0, 1.0
    relative = values / size  # so that squares neither overflow nor underflow
    spread = float(relative.std())
    # equal but for rounding: nothing to learn a scale from, so their own size stands in
    return float(relative.mean()) * size, (spread if spread > 1e-13 else 1.0) * size


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
