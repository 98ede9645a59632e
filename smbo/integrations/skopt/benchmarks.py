"""Functions to try optimizers on, by scikit-optimize's names; formulas from the literature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def bench1(x: Sequence[float]) -> float:
    """Return x², with its minimum 0 at 0."""
    return float(x[0]) ** 2


def bench1_with_time(x: Sequence[float]) -> tuple[float, float]:
    """Return x² and |x| as its time."""
    return float(x[0]) ** 2, abs(float(x[0]))


def bench2(x: Sequence[float]) -> float:
    """Return x² below 0, else (x - 5)² - 5: two minima, the lower one -5 at 5."""
    value = float(x[0])
    return value**2 if value < 0 else (value - 5) ** 2 - 5


def bench3(x: Sequence[float]) -> float:
    """Return sin(5 x) (1 - tanh(x²)), with its minimum -0.9 near -0.3."""
    value = float(x[0])
    return math.sin(5 * value) * (1 - math.tanh(value**2))


def bench4(x: Sequence[Any]) -> float:
    """Return the square of a number that is given as a text."""
    return float(x[0]) ** 2


def bench5(x: Sequence[Any]) -> float:
    """Return the sum of the squares of a text and a number."""
    return float(x[0]) ** 2 + float(x[1]) ** 2


def branin(x: Sequence[float]) -> float:
    """Return Branin's function on [-5, 10] x [0, 15], with its minimum 0.397887 at three points."""
    a, b = float(x[0]), float(x[1])
    curve = b - 5.1 / (4 * math.pi**2) * a**2 + 5 / math.pi * a - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


def hart6(x: Sequence[float]) -> float:
    """Return Hartmann's function of six variables in [0, 1] (Dixon and Szegö, 1978); minimum -3.32237."""
    weights = np.array([1.0, 1.2, 3.0, 3.2])
    scales = np.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    )
    centres = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    return -float(weights @ np.exp(-(scales * (np.asarray(x) - centres) ** 2).sum(axis=1)))
