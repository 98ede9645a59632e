"""The toy's samples have the moments of the recipe; the distance of two of them is SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from smbo_objectives.pivot_toy import toy


def test_the_samples_have_the_moments_of_the_recipe():
    n = 200_000
    sample = toy.draw(n, np.random.default_rng(1))
    signal = sample.y[:, 0] == 1
    # five standard errors of a mean of n/2 values of variance 2 at most
    tolerance = 5 * math.sqrt(2 / (n / 2))
    assert signal.mean() == pytest.approx(0.5, abs=tolerance)
    assert sample.x[~signal].mean(0) == pytest.approx([0.0, 0.0], abs=tolerance)
    assert sample.x[signal].mean(0) == pytest.approx([1.0, 1.0], abs=tolerance)
    assert np.cov(sample.x[~signal].T) == pytest.approx(np.array([[1, -0.5], [-0.5, 1]]), abs=4 * tolerance)
    assert np.cov(sample.x[signal].T) == pytest.approx(np.array([[1, 0], [0, 2]]), abs=4 * tolerance)
    assert np.corrcoef(sample.x[signal, 1], sample.z[signal, 0])[0, 1] == pytest.approx(0.5**0.5, abs=0.02)


def test_at_a_held_z_only_the_signal_moves():
    sample = toy.draw(100_000, np.random.default_rng(1), z=-1.0)
    signal = sample.y[:, 0] == 1
    assert (sample.z == -1.0).all()
    assert sample.x[signal].mean(0) == pytest.approx([1.0, 0.0], abs=0.03)
    assert sample.x[~signal].mean(0) == pytest.approx([0.0, 0.0], abs=0.03)


def test_the_ks_distance_agrees_with_scipy_ties_included():
    rng = np.random.default_rng(3)

    for n, m in ((50, 70), (1000, 900)):
        first, second = rng.normal(size=n).round(1), rng.normal(0.3, size=m).round(1)
        assert toy.ks_distance(first, second) == pytest.approx(ks_2samp(first, second).statistic, rel=1e-12)
