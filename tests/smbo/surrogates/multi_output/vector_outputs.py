"""Vector outputs that are linear and wavy in three parameters, their χ², and training data of them."""

from __future__ import annotations

import numpy as np

from smbo.problem.losses import ChiSquare
from smbo.training_data import Axis, TrainingData, VectorOutputs

D, K = 3, 40
_RNG = np.random.default_rng(5)
TO_LINEAR, _TO_WAVY = _RNG.standard_normal((D, K)), _RNG.standard_normal((D, 2))
_FROM_WAVY = _RNG.standard_normal((2, K))
OPTIMUM = np.array([0.4, 0.6, 0.3])
NOISE = 0.05


def outputs_at(points):
    off = points - 0.5
    return off @ TO_LINEAR + np.sin(3 * off @ _TO_WAVY) @ _FROM_WAVY


LOSS = ChiSquare(outputs_at(OPTIMUM[None])[0], np.full(K, 0.5), np.full(K, 1 / K))


def data(n=40, noise=NOISE, seed=0, loss=LOSS, factors=0):
    rng = np.random.default_rng(seed)
    points = rng.random((n, D))
    values = outputs_at(points) + noise * rng.standard_normal((n, K))
    vectors = VectorOutputs(loss, values, np.full((n, K), noise**2), np.zeros((n, K, factors)))
    unknown = np.full(n, np.nan)
    return TrainingData(
        axes=tuple(Axis(f"x{j}", "continuous") for j in range(D)),
        numbers=np.arange(n),
        points=points,
        values=loss.of(values),
        variances=unknown,
        feasible=np.ones(n, dtype=np.bool_),
        failed=np.zeros((0, D)),
        pending=np.zeros((0, D)),
        outputs=vectors,
    )
