"""Functions of the unit cube that several held-out halves build on; each moves with its generator.

Every builder returns a function of a sequence of d numbers in [0, 1] whose minimum over the cube is 0 and
lies strictly inside; values are about 1 at a typical random point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Shape = Callable[[Sequence[Any]], float]


def rotation(rng: np.random.Generator, d: int) -> np.ndarray:
    """Return a random orthogonal matrix, shape (d, d)."""
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    return q * np.sign(np.diag(r))


def bowl(rng: np.random.Generator, d: int, condition: float = 30.0, power: float = 2.0) -> Shape:
    """Return a rotated ellipsoid around a random centre; ``power`` 1 makes it a cone."""
    centre = rng.uniform(0.15, 0.85, d)
    axes = np.sqrt(condition ** np.linspace(-0.5, 0.5, d))[:, None] * rotation(rng, d)
    scale = 6.0 / d / np.sqrt(condition)

    def shape(u: Sequence[Any]) -> float:
        away = axes @ (np.asarray(u, dtype=float) - centre)
        return float((scale * (away @ away)) ** (power / 2))

    return shape


def valley(rng: np.random.Generator, d: int) -> Shape:
    """Return a banana-shaped valley: Rosenbrock's chain with its minimum at a random centre."""
    centre, order = rng.uniform(0.3, 0.7, d), rng.permutation(d)

    def shape(u: Sequence[Any]) -> float:
        x = 1.0 + 3.0 * (np.asarray(u, dtype=float) - centre)[order]
        return float((20.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum() / (12.0 * d))

    return shape


def waves(rng: np.random.Generator, d: int, count: float = 3.0, depth: float = 0.35) -> Shape:
    """Return a wide bowl under rotated cosine waves, ``count`` of them across the cube (Rastrigin's idea)."""
    centre, turn = rng.uniform(0.2, 0.8, d), rotation(rng, d)
    weight = 3.0 * 2.0 ** rng.uniform(-1, 1, d)

    def shape(u: Sequence[Any]) -> float:
        z = turn @ (np.asarray(u, dtype=float) - centre)
        return float((weight * z**2).mean() + depth * (1 - np.cos(2 * np.pi * count * z)).mean())

    return shape


def peaks(rng: np.random.Generator, d: int, count: int, width: float = 0.15, gap: float = 0.15) -> Shape:
    """Return the lower envelope of ``count`` dips of unlike width and form (Gallagher's idea).

    The deepest reaches 0, the next ``gap``; the deepest is among the narrower ones.
    """
    centres = rng.uniform(0.1, 0.9, (count, d))
    floor = np.concatenate([[0.0], rng.uniform(gap, 0.9, count - 1)])
    widths = width * np.concatenate([[0.8], 2.0 ** rng.uniform(-1, 1.3, count - 1)])
    stretch = 2.0 ** rng.uniform(-1, 1, (count, d))

    def shape(u: Sequence[Any]) -> float:
        away = ((np.asarray(u, dtype=float) - centres) * stretch / widths[:, None]) ** 2
        return float((1 - (1 - floor) * np.exp(-0.5 * away.sum(axis=1))).min())

    return shape


def funnels(rng: np.random.Generator, d: int) -> Shape:
    """Return two funnels: a narrow one down to 0, a wide one down to 0.12 with ripples (Lunacek's idea)."""
    narrow = rng.uniform(0.1, 0.9, d)
    wide = np.where(narrow < 0.5, narrow + 0.45, narrow - 0.45)

    def shape(u: Sequence[Any]) -> float:
        x = np.asarray(u, dtype=float)
        near, far = ((x - narrow) ** 2).mean(), ((x - wide) ** 2).mean()
        ripple = 0.03 * (1 - np.cos(14 * np.pi * (x - narrow))).mean()
        return float(min(25.0 * near, 0.12 + 4.0 * far) + ripple)

    return shape
