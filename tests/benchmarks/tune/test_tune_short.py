"""The closure bar in short, on bins without a generator; and that it sees a surrogate that is off."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.problem.losses import ChiSquare
from smbo.proposal.recommend import lowest_mean
from smbo.space import Space
from smbo.surrogates import CompositeGP
from smbo.surrogates.multi_output.loss_moments import Quadratic
from smbo.training_data import Axis, TrainingData, VectorOutputs

D, K, N, NOISE = 2, 300, 24, 1.0
TRUTH = np.array([0.9, 0.15])
TO_BINS = 0.8 * np.random.default_rng(0).standard_normal((D, K))


def closure(seed: int) -> np.ndarray:
    """Return how far from the truth the recommended point of noisy evaluations is, (d,)."""
    rng = np.random.default_rng(seed)
    points = rng.random((N, D))
    values = points @ TO_BINS + NOISE * rng.standard_normal((N, K))
    # the data are known far better than an evaluation is, as in a closure
    loss = ChiSquare(TRUTH @ TO_BINS, np.full(K, 0.1 * NOISE), np.full(K, 1 / K))
    unknown = np.full(N, np.nan)
    data = TrainingData(
        axes=tuple(Axis(f"x{j}", "continuous") for j in range(D)),
        numbers=np.arange(N),
        points=points,
        values=loss.of(values),
        variances=unknown,
        feasible=np.ones(N, dtype=np.bool_),
        failed=np.zeros((0, D)),
        pending=np.zeros((0, D)),
        outputs=VectorOutputs(loss, values, np.full((N, K), NOISE**2), np.zeros((N, K, 0))),
    )
    space = Space({f"x{j}": (0.0, 1.0) for j in range(D)})
    found = lowest_mean(CompositeGP(n_iterations=15).fit(data), data, space, points[:3])
    return np.asarray(found - TRUTH)


def test_the_truth_is_found_where_noise_is_larger_than_what_bins_move():
    off = np.array([closure(seed) for seed in range(4)])
    assert np.abs(off.mean(axis=0)).max() < 0.1


def test_a_surrogate_that_keeps_the_noise_of_its_loadings_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Quadratic, "less", lambda self, factor, other: self)
    off = np.array([closure(seed) for seed in range(4)])
    assert np.abs(off.mean(axis=0)).max() > 0.1
