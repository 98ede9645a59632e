"""The toy of "Learning to Pivot" (arXiv:1611.01046, section 5.1): two Gaussians, one shifted by z.

y = 0:  x ~ N((0, 0), [[1, -1/2], [-1/2, 1]])
y = 1:  x ~ N((1, 1 + z), 1)           z ~ N(0, 1) for every sample, y = 0 and 1 equally likely
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# of the covariance of y = 0
_CHOLESKY = np.linalg.cholesky(np.array([[1.0, -0.5], [-0.5, 1.0]]))

# Entropy of z: the adversary's lowest loss when the score is independent of z.
ENTROPY_OF_Z = 0.5 * float(np.log(2.0 * np.pi * np.e))


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled points: x of shape (n, 2), y and z of shape (n, 1), all float32."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]


def draw(n: int, rng: np.random.Generator, z: float | None = None) -> Sample:
    """Return n samples, with z drawn for each or held at one value."""
    y = rng.integers(0, 2, size=(n, 1))
    shift = rng.standard_normal((n, 1)) if z is None else np.full((n, 1), z)
    normal = rng.standard_normal((n, 2))
    background = normal @ _CHOLESKY.T
    signal = normal + np.hstack([np.ones((n, 1)), 1.0 + shift])
    x = np.where(y == 1, signal, background)
    return Sample(x.astype(np.float32), y.astype(np.float32), shift.astype(np.float32))


def ks_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the largest distance between two empirical distribution functions (Kolmogorov, Smirnov)."""
    first, second = np.sort(first), np.sort(second)
    at = np.concatenate([first, second])
    below_first = np.searchsorted(first, at, side="right") / len(first)
    below_second = np.searchsorted(second, at, side="right") / len(second)
    return float(np.abs(below_first - below_second).max())
