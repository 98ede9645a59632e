"""Stationary kernels: Matérn 5/2 and 3/2, squared exponential, as functions of the squared scaled distance.

Every axis is encoded as one or more features such that the distance between points is the Euclidean
distance between features (``Features``), each over its length scale (automatic relevance determination);
a kernel is then a function k(r²), for continuous, ordered and categorical axes alike.

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 4.9, 4.17 and 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.gp.input_warping import Warp
from smbo.training_data import Array, Axis


@runtime_checkable
class Kernel(Protocol):
    """A profile k(r²) with k(0) = 1.  Implementations are frozen dataclasses."""

    def profile(self, squared: Array) -> Array:
        """Return k at squared scaled distances, same shape."""
        ...

    def profile_and_slope(self, squared: Array) -> tuple[Array, Array]:
        """Return k and dk / d(r²), each of the shape of ``squared``; finite at zero."""
        ...


@dataclass(frozen=True)
class Matern52:
    """Matérn kernel with ν = 5/2, (1 + s + s²/3) exp(-s) for s = √5 r: twice differentiable functions.

    >>> float(Matern52().profile(np.zeros(1))[0])  # at distance 0
    1.0
    """

    def profile(self, squared: Array) -> Array:
        s = np.sqrt(5.0 * squared)
        return np.asarray((1.0 + s + (5.0 / 3.0) * squared) * np.exp(-s))

    def profile_and_slope(self, squared: Array) -> tuple[Array, Array]:
        s = np.sqrt(5.0 * squared)
        decay = np.exp(-s)
        slope = (-5.0 / 6.0) * (1.0 + s) * decay
        return (1.0 + s + (5.0 / 3.0) * squared) * decay, slope


@dataclass(frozen=True)
class Matern32:
    """Matérn kernel with ν = 3/2, (1 + s) exp(-s) for s = √3 r: once differentiable functions.

    >>> float(Matern32().profile(np.zeros(1))[0])  # at distance 0
    1.0
    """

    def profile(self, squared: Array) -> Array:
        s = np.sqrt(3.0 * squared)
        return np.asarray((1.0 + s) * np.exp(-s))

    def profile_and_slope(self, squared: Array) -> tuple[Array, Array]:
        s = np.sqrt(3.0 * squared)
        decay = np.exp(-s)
        return (1.0 + s) * decay, -1.5 * decay


@dataclass(frozen=True)
class SquaredExponential:
    """Squared exponential kernel, exp(-r²/2): infinitely differentiable functions.

    >>> float(SquaredExponential().profile(np.zeros(1))[0])  # at distance 0
    1.0
    """

    def profile(self, squared: Array) -> Array:
        return np.asarray(np.exp(-0.5 * squared))

    def profile_and_slope(self, squared: Array) -> tuple[Array, Array]:
        k = np.exp(-0.5 * squared)
        return k, -0.5 * k


@dataclass(frozen=True, eq=False)
class Features:
    """The encoding of unit points as features, on which all kernels work.

    A continuous or ordered axis is one feature, its coordinate around the cube's centre.  A
    categorical axis is one feature per level, 1/√2 at the point's level and 0 elsewhere, so that
    the squared distance is 1 between different levels and 0 within one (Hamming); one length
    scale serves all its levels.

    Attributes:
        columns: the axis of each feature, shape (D,).
        levels: the level that a feature indicates, -1 for a coordinate, shape (D,).
        counts: the number of levels of each feature's axis, 1 for a coordinate, shape (D,).
    """

    columns: NDArray[np.intp]
    levels: NDArray[np.intp]
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, axes: Sequence[Axis]) -> Features:
        columns, levels, counts = [], [], []
        for column, axis in enumerate(axes):
            if axis.kind == "categorical":
                assert axis.levels is not None
                columns += [column] * axis.levels
                levels += list(range(axis.levels))
                counts += [axis.levels] * axis.levels
            else:
                columns.append(column)
                levels.append(-1)
                counts.append(1)
        return cls(*(np.array(items, dtype=np.intp) for items in (columns, levels, counts)))

    @property
    def coordinates(self) -> NDArray[np.bool_]:
        """Which features are plain coordinates, shape (D,)."""
        return np.asarray(self.levels < 0)

    def encode(self, points: Array, warp: Warp | None = None) -> Array:
        """Return the features of unit points (m, d), shape (m, D); coordinates are warped first."""
        values = points[:, self.columns]
        if self.coordinates.all():
            return np.asarray((values if warp is None else warp(points)) - 0.5)
        if warp is not None:
            values = np.where(self.coordinates, warp(points)[:, self.columns], values)
        level = np.minimum(np.floor(values * self.counts), self.counts - 1)
        return np.where(self.coordinates, values - 0.5, (level == self.levels) * np.sqrt(0.5))

    def per_axis(self, sums: Array, n_axes: int) -> Array:
        """Return sums over each axis's features: (D,) to (n_axes,)."""
        return np.asarray(np.bincount(self.columns, weights=sums, minlength=n_axes), dtype=np.float64)


def squared_distances(left: Array, right: Array) -> Array:
    """Return squared Euclidean distances between rows (m, D) and (n, D), shape (m, n), ≥ 0."""
    squared = left @ right.T
    squared *= -2.0
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.asarray(np.maximum(squared, 0.0, out=squared))
