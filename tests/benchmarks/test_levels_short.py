"""A short slice of the calibration of level sets: corridors are found, and the claims of contours hold."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from levels.calibration import measure


def test_corridors_are_found_and_the_claims_of_their_contours_hold():
    # the bars of bench_levels.py --calibration are of the mean of many searches, of which these are three
    searches = [("corridor", 0), ("corridor-wide", 0), ("corridor", 1)]
    scores = [measure(name, seed, steps=(40,))["scores"][40][0] for name, seed in searches]
    wrong, claimed, in_68, _, distance = np.array(scores).T
    assert wrong.sum() <= 1.5 * claimed.sum()  # of the likeliest process alone: 2.3
    assert 0.45 < in_68.mean() < 0.85  # 0.43
    assert np.median(distance) < 0.06  # without ridge functions: 0.1
