"""Thrust of many events at once: axes, thrust, thrust major and thrust minor.

Momenta are padded: shape (n, m, 3), with rows of zeros behind an event's last particle, which do not change
the sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Thrust", "thrust"]

Array = NDArray[np.float64]

# Signs of the four hardest particles, the first one's fixed: an axis and its opposite are the same.
_SIGNS = np.array([[1.0, b, c, d] for b in (1.0, -1.0) for c in (1.0, -1.0) for d in (1.0, -1.0)])
_MAX_STEPS = 50  # the sum grows with each step and takes finitely many values; 12 were the most seen


@dataclass(frozen=True, eq=False)
class Thrust:
    """Thrust of n events.

    Attributes:
        value, major, minor: each of shape (n,), as fractions of the sum of |p|.
        axis, major_axis, minor_axis: unit vectors, each of shape (n, 3).
    """

    value: Array
    major: Array
    minor: Array
    axis: Array
    major_axis: Array
    minor_axis: Array


def thrust(momenta: Array) -> Thrust:
    """Return the thrust of events with momenta of shape (n, m, 3), none of them all zero.

    T = max over n of sum |p·n| / sum |p|; major is the same maximum in the plane normal to n, minor is along
    the third direction.
    """
    total = np.sqrt(np.einsum("nmi,nmi->nm", momenta, momenta)).sum(axis=1)
    best = _largest_sum(momenta)
    length = np.linalg.norm(best, axis=1)
    axis = best / length[:, None]
    first, second = _normal_plane(axis)
    plane = momenta @ np.stack([first, second], axis=2)
    flat = _largest_planar_sum(plane)
    major = np.hypot(flat[:, 0], flat[:, 1])
    # all momenta along one line (two back-to-back particles): any direction normal to it is valid
    planar = major > 0
    cosine = np.divide(flat[:, 0], major, out=np.ones_like(major), where=planar)
    sine = np.divide(flat[:, 1], major, out=np.zeros_like(major), where=planar)
    major_axis = cosine[:, None] * first + sine[:, None] * second
    minor_axis = cosine[:, None] * second - sine[:, None] * first
    out_of_plane = np.abs(cosine[:, None] * plane[:, :, 1] - sine[:, None] * plane[:, :, 0]).sum(axis=1)
    return Thrust(length / total, major / total, out_of_plane / total, axis, major_axis, minor_axis)


def _largest_sum(momenta: Array) -> Array:
    """Return sum sign(p·n) p for the best axis n found, shape (n, 3).

    From each of the eight sign choices of the four hardest particles the iteration
    n -> sum sign(p·n) p converges to a local maximum; the largest is returned.
    """
    n, m, _ = momenta.shape
    squared = np.einsum("nmi,nmi->nm", momenta, momenta)
    hardest = np.argpartition(-squared, min(3, m - 1), axis=1)[:, :4]
    start = np.take_along_axis(momenta, hardest[:, :, None], axis=1)
    sums = np.einsum("sk,nki->nis", _SIGNS[:, : start.shape[1]], start)
    active = np.arange(n)
    for _ in range(_MAX_STEPS):
        moving = momenta[active]
        signs = np.copysign(1.0, moving @ sums[active])
        climbed = moving.transpose(0, 2, 1) @ signs
        changed = (climbed != sums[active]).any(axis=(1, 2))
        sums[active] = climbed
        active = active[changed]
        if active.size == 0:
            break
    best = np.einsum("nis,nis->ns", sums, sums).argmax(axis=1)
    return sums[np.arange(n), :, best]


def _normal_plane(axis: Array) -> tuple[Array, Array]:
    """Return two unit vectors that are normal to the axis and to each other, each of shape (n, 3)."""
    # the coordinate axis that is least along the axis keeps the cross product away from zero
    helper = np.zeros_like(axis)
    helper[np.arange(len(axis)), np.abs(axis).argmin(axis=1)] = 1.0
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first, axis=1)[:, None]
    return first, np.cross(axis, first)


def _largest_planar_sum(plane: Array) -> Array:
    """Return the longest sum of ±q over plane vectors q of shape (n, m, 2), exactly; shape (n, 2).

    With every vector turned into the upper half plane and sorted by its angle, the best choice of signs
    is + up to some angle and - beyond it.
    """
    upper = np.where((plane[:, :, 1] < 0)[:, :, None], -plane, plane)
    order = np.argsort(np.arctan2(upper[:, :, 1], upper[:, :, 0]), axis=1)
    turned = np.take_along_axis(upper, order[:, :, None], axis=1)
    sums = 2 * np.cumsum(turned, axis=1)
    sums -= turned.sum(axis=1, keepdims=True)
    best = np.einsum("nmi,nmi->nm", sums, sums).argmax(axis=1)
    return sums[np.arange(len(sums)), best]
