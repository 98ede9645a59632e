"""The bars of ``bench_calibration.py`` in short, and that they see intervals of half the width."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench_calibration import claims, holds, measured, study

KIND, N_STUDIES = "quadratic-4-noisy", 12
# of 48 pairs of study and parameter the share that 68 % intervals hold has a deviation of .07; the mean of
# the twelve claims has one of a third
LEAST = 0.45


@pytest.fixture(scope="module")
def rows():
    return [measured(study(KIND, seed)) for seed in range(N_STUDIES)]


def test_intervals_hold_the_optimum_about_as_often_as_they_say(rows):
    assert LEAST <= holds(rows, "68").mean() <= 0.95
    assert holds(rows, "95").mean() >= 0.8


def test_the_recommended_value_is_claimed_without_luck(rows):
    off = claims(rows)
    assert abs(off.mean()) < 0.8
    assert 0.4 < np.sqrt((off**2).mean()) < 1.7


def test_intervals_of_half_the_width_are_seen(rows):
    half = [{**row, "68": [(0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b) for a, b in row["68"]]} for row in rows]
    assert holds(half, "68").mean() < LEAST
