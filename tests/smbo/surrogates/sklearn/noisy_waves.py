"""Training data of a wave in two parameters with noise."""

from __future__ import annotations

import numpy as np

from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))


def training_data_of(points, values):
    n = len(values)
    unknown, none = np.full(n, np.nan), np.zeros((0, 2))
    return TrainingData(AXES, np.arange(n), points, values, unknown, np.ones(n, bool), none, none)


def noisy_wave(n, seed, noise=0.3):
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    return points, np.sin(6 * points[:, 0]) + points[:, 1] + noise * rng.standard_normal(n)
