"""Stationary kernels: Matérn 5/2 and 3/2, squared exponential, as functions of the squared scaled distance.

Every axis is encoded as one or more features such that the distance between points is the Euclidean
distance between features (``Features``), each over its length scale (automatic relevance determination);
a kernel is then a function k(r²), for continuous, ordered and categorical axes alike.

Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 4.9, 4.17 and 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.gp.input_warping import Warp
from smbo.training_data import Array, Axis

Places: TypeAlias = tuple[Array, Array]


# Kernels work in place: a hundred rows and more fill arrays that the allocator takes from the system and
# gives back at each call, which costs several times what the arithmetic does.


@runtime_checkable
class Kernel(Protocol):
    """A profile k(r²) with k(0) = 1.  Implementations are frozen dataclasses."""

    def profile(self, squared: Array) -> Array:
        """Return k at squared scaled distances, same shape."""
        ...

    def profile_and_slope(self, squared: Array, out: Places | None = None) -> tuple[Array, Array]:
        """Return k and dk / d(r²), each of the shape of ``squared``; finite at zero.

        Args:
            out: arrays for them, of which the first may be ``squared`` itself; None for new ones.
        """
        ...


@dataclass(frozen=True)
class Matern52:
    """Matérn kernel with ν = 5/2, (1 + s + s²/3) exp(-s) for s = √5 r: twice differentiable functions.

    >>> float(Matern52().profile(np.zeros(1))[0])  # at distance 0
    1.0
    """

    def profile(self, squared: Array) -> Array:
        decay = np.multiply(squared, 5.0)
        np.sqrt(decay, out=decay)
        profile = np.add(decay, 1.0)
        np.negative(decay, out=decay)
        np.exp(decay, out=decay)
        profile += (5.0 / 3.0) * squared
        profile *= decay
        return profile

    def profile_and_slope(self, squared: Array, out: Places | None = None) -> tuple[Array, Array]:
        profile, slope = _places(squared, out)
        decay = np.multiply(squared, 5.0)
        np.sqrt(decay, out=decay)
        np.add(decay, 1.0, out=slope)
        np.negative(decay, out=decay)
        np.exp(decay, out=decay)
        np.multiply(squared, 5.0 / 3.0, out=profile)
        profile += slope
        profile *= decay
        slope *= -5.0 / 6.0
        slope *= decay
        return profile, slope


@dataclass(frozen=True)
class Matern32:
    """Matérn kernel with ν = 3/2, (1 + s) exp(-s) for s = √3 r: once differentiable functions.

    >>> float(Matern32().profile(np.zeros(1))[0])  # at distance 0
    1.0
    """

    def profile(self, squared: Array) -> Array:
        s = np.sqrt(3.0 * squared)
        return np.asarray((1.0 + s) * np.exp(-s))

    def profile_and_slope(self, squared: Array, out: Places | None = None) -> tuple[Array, Array]:
        profile, slope = _places(squared, out)
        s = np.sqrt(3.0 * squared)
        np.exp(-s, out=slope)
        np.multiply(1.0 + s, slope, out=profile)
        slope *= -1.5
        return profile, slope


@dataclass(frozen=True)
class SquaredExponential:
    """Squared exponential kernel, exp(-r²/2): infinitely differentiable functions.

    >>> float(SquaredExponential().profile(np.zeros(1))[0])  # at distance 0
    1.0
    """

    def profile(self, squared: Array) -> Array:
        return np.asarray(np.exp(-0.5 * squared))

    def profile_and_slope(self, squared: Array, out: Places | None = None) -> tuple[Array, Array]:
        profile, slope = _places(squared, out)
        np.exp(-0.5 * squared, out=profile)
        np.multiply(profile, -0.5, out=slope)
        return profile, slope


def _places(squared: Array, out: Places | None) -> Places:
    return (np.empty_like(squared), np.empty_like(squared)) if out is None else out


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

    @cached_property
    def coordinates(self) -> NDArray[np.bool_]:
        """Which features are plain coordinates, shape (D,)."""
        return np.asarray(self.levels < 0)

    @property
    def smooth(self) -> NDArray[np.intp]:
        """The columns of unit points that are not categorical."""
        return np.asarray(self.columns[self.coordinates])

    @cached_property
    def is_plain(self) -> bool:
        """Whether the features are the plain coordinates of all axes, in their order."""
        return bool(self.coordinates.all()) and np.array_equal(self.columns, np.arange(len(self.columns)))

    @cached_property
    def n_levels(self) -> NDArray[np.intp] | None:
        """Number of levels of each categorical axis, 1 for others, (d,); None where none is categorical."""
        if self.coordinates.all():
            return None
        _, first = np.unique(self.columns, return_index=True)
        return self.counts[first]

    def encode(self, points: Array, warp: Warp | None = None) -> Array:
        """Return the features of unit points (m, d), shape (m, D); coordinates are warped first."""
        if self.is_plain:
            return np.asarray((points if warp is None else warp(points)) - 0.5)
        values = points[:, self.columns]
        if warp is not None:
            values = np.where(self.coordinates, warp(points)[:, self.columns], values)
        level = np.minimum(np.floor(values * self.counts), self.counts - 1)
        return np.where(self.coordinates, values - 0.5, (level == self.levels) * np.sqrt(0.5))

    def per_axis(self, sums: Array, n_axes: int) -> Array:
        """Return sums over each axis's features: (D,) to (n_axes,)."""
        return np.asarray(np.bincount(self.columns, weights=sums, minlength=n_axes), dtype=np.float64)


def squared_distances(
    left: Array, right: Array, norms: Array | None = None, out: Array | None = None
) -> Array:
    """Return squared Euclidean distances between rows (m, D) and (n, D), shape (m, n), ≥ 0.

    Args:
        norms: squared lengths of the right rows, (n,), where they are known.
        out: the array for them; None for a new one.
    """
    squared = np.matmul(-2.0 * left, right.T, out=out)
    of_left = np.vecdot(left, left)
    squared += of_left[:, None]
    if norms is None:
        norms = of_left if right is left else np.vecdot(right, right)
    squared += norms
    return np.maximum(squared, 0.0, out=squared)
