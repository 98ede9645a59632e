"""Training data of a bowl, and a Gaussian process whose hyperparameters are given."""

import numpy as np

from smbo.surrogates import GP, Matern52
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import Axis, TrainingData

CONTINUOUS = (Axis("x", "continuous"), Axis("y", "continuous"))
MIXED = (*CONTINUOUS, Axis("n", "ordered", 20), Axis("c", "categorical", 3))


def evidence_on(axes, n=12, seed=0, noise=0.0, n_failed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((n + n_failed, len(axes)))
    for column, axis in enumerate(axes):
        if axis.levels:
            points[:, column] = (np.floor(points[:, column] * axis.levels) + 0.5) / axis.levels
    values = ((points[:n] - 0.4) ** 2).sum(axis=1) + noise * rng.standard_normal(n)
    return TrainingData(
        axes=axes,
        numbers=np.arange(n),
        points=points[:n],
        values=values,
        variances=np.full(n, np.nan),
        feasible=np.ones(n, dtype=bool),
        failed=points[n:],
        pending=np.zeros((0, len(axes))),
    )


def process(d, noise=1e-4, kernel=None, bends=()):
    """Return a process whose hyperparameters are given."""
    theta = Hyperparameters((np.log(0.4),) * d, 0.0, float(np.log(noise)), bends)
    return GP(hyperparameters=theta, kernel=kernel or Matern52(), bend_values=False)
