"""Thrust against the longest of all signed sums, and of symmetric events."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pythia_ee_events import sample_of


def brute_thrust(momenta):
    """Return the longest of all signed sums, over the sum of lengths, and its direction."""
    signs = np.array(list(itertools.product([1, -1], repeat=len(momenta))))
    sums = signs @ momenta
    best = sums[np.linalg.norm(sums, axis=1).argmax()]
    length = np.linalg.norm(best)
    return length / np.linalg.norm(momenta, axis=1).sum(), best / length


def test_thrust_is_the_longest_of_all_signed_sums(events):
    found = sample_of(events).thrust
    expected = np.array([brute_thrust(event)[0] for event in events])
    # every signed sum bounds it from below, so only missed maxima could differ
    assert found.value == pytest.approx(expected, rel=1e-12)


def test_thrust_major_is_the_longest_signed_sum_in_the_plane_normal_to_the_thrust_axis(events):
    found = sample_of(events).thrust
    for k, event in enumerate(events):
        total = np.linalg.norm(event, axis=1).sum()
        axis = found.axis[k]
        flat = event - np.outer(event @ axis, axis)
        assert found.major[k] == pytest.approx(
            brute_thrust(flat)[0] * np.linalg.norm(flat, axis=1).sum() / total, rel=1e-9, abs=1e-12
        )
        assert found.minor[k] == pytest.approx(np.abs(event @ found.minor_axis[k]).sum() / total, abs=1e-12)
        axes = np.stack([axis, found.major_axis[k], found.minor_axis[k]])
        assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-12)


def test_three_particles_in_a_star_have_a_thrust_of_two_thirds():
    angles = 2 * np.pi * np.arange(3) / 3
    star = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    thrust = sample_of([star]).thrust
    assert thrust.value[0] == pytest.approx(2 / 3)
    assert thrust.major[0] == pytest.approx(1 / np.sqrt(3))
    assert thrust.minor[0] == pytest.approx(0, abs=1e-12)
