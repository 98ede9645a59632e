"""Replicates merged into one row: its order, its number, its weight, and the evaluations behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smbo.history.replicates import merged
from smbo.surrogates.gp.replicated_values import values_told
from smbo.training_data import Axis, TrainingData

AXES = (Axis("x", "continuous"), Axis("y", "continuous"))


def repeated(told, n=24, seed=1):
    """Training data with points once or up to five times; ``told`` of the errors are known."""
    rng = np.random.default_rng(seed)
    points = rng.random((9, 2))[rng.integers(9, size=n)]
    values = np.sin(5 * points[:, 0]) + points[:, 1] + 0.3 * rng.standard_normal(n)
    variances = np.where(rng.random(n) < told, rng.uniform(0.01, 0.2, n), np.nan)
    data = TrainingData.of_values(AXES, points, values, variances)
    return replace(data, failed=rng.random((2, 2)), pending=rng.random((3, 2)))


def test_rows_keep_their_order_their_numbers_and_what_is_behind_them():
    single = repeated(0.5)
    few = merged(single)
    assert list(few.numbers) == sorted(few.numbers)
    part = few.rows(np.array([4, 1]))
    for row, number in enumerate(part.numbers):
        first = np.flatnonzero(single.numbers == number)[0]
        same = (single.points == single.points[first]).all(axis=1)
        same &= np.isnan(single.variances) == np.isnan(single.variances[first])
        behind = part.replicates.rows == row
        assert sorted(part.replicates.values[behind]) == sorted(single.values[same])
    np.testing.assert_array_equal(np.sort(values_told(few)), np.sort(single.values))


def test_an_error_told_as_zero_outweighs_others():
    points = np.full((3, 2), 0.5)
    data = merged(TrainingData.of_values(AXES, points, np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 4.0])))
    assert data.values == pytest.approx([2.0])
    assert data.variances[0] < 1e-100


def test_evidence_without_a_repeat_is_left_as_it_is():
    data = repeated(0.5).rows(np.array([0]))
    assert merged(data) is data
    two = TrainingData.of_values(AXES, np.array([[0.0, 0.5], [-0.0, 0.5]]), np.array([1.0, 2.0]))
    assert len(merged(two)) == 1  # zero has no sign
