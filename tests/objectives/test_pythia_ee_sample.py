"""Samples of events: hemispheres, jets and hadrons, against the same numbers computed another way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pythia_ee_events import PION_MASS, sample_of

from smbo_objectives.pythia_ee.sample import Sample


def test_hemisphere_masses_and_broadenings_are_sums_over_either_side(events):
    sample = sample_of(events)
    for k, event in enumerate(events):
        axis = sample.thrust.axis[k]
        energy = np.sqrt((event**2).sum(axis=1) + PION_MASS**2)
        masses, widths = [], []
        for side in (event @ axis >= 0, event @ axis < 0):
            masses.append(energy[side].sum() ** 2 - (event[side].sum(axis=0) ** 2).sum())
            widths.append(np.linalg.norm(np.cross(event[side], axis), axis=1).sum())
        expected = np.sort(masses)[::-1] / energy.sum() ** 2
        assert sample.hemispheres.mass_squared_over_evis_squared[k] == pytest.approx(expected, abs=1e-9)
        expected = np.sort(widths)[::-1] / (2 * np.linalg.norm(event, axis=1).sum())
        # sqrt(p² - p∥²) of a particle along the axis is the root of a rounding error
        assert sample.hemispheres.broadening[k] == pytest.approx(expected, abs=1e-7)


def naive_y23(momenta, mass=PION_MASS):
    """Return the Durham resolution of three jets by merging the closest pair until three are left."""
    jets = [np.append(p, np.sqrt(p @ p + mass**2)) for p in momenta]
    visible = sum(jet[3] for jet in jets)
    largest = 0.0
    while len(jets) > 2:
        distances = {}
        for i, j in itertools.combinations(range(len(jets)), 2):
            a, b = jets[i], jets[j]
            cosine = a[:3] @ b[:3] / np.linalg.norm(a[:3]) / np.linalg.norm(b[:3])
            distances[i, j] = 2 * min(a[3], b[3]) ** 2 * (1 - cosine)
        (i, j), closest = min(distances.items(), key=lambda item: item[1])
        largest = max(largest, closest / visible**2)
        jets[i] = jets[i] + jets[j]
        del jets[j]
    return largest


def test_the_durham_resolution_is_that_of_merging_pair_by_pair(events):
    expected = [naive_y23(event) for event in events]
    assert sample_of(events).durham_y23 == pytest.approx(expected, rel=1e-6, abs=1e-14)


def test_a_hadron_that_is_copied_within_the_record_is_counted_once():
    # rows: B0 -> B0 (oscillation or recoil) -> K*0 K0S; an antiparticle counts as its particle
    sample = Sample(
        n_events=1,
        event=np.zeros(4, dtype=np.int64),
        pdg_id=np.array([511, 511, -313, 310]),
        status=np.array([-83, -84, -91, 91]),
        first_daughter=np.array([1, 2, -1, -1]),
        last_daughter=np.array([1, 3, -1, -1]),
        momentum=np.ones((4, 3)),
        energy=np.full(4, 2.0),
    )
    counts = sample.hadron_counts([(511,), (313,), (130, 310), (310, 313), (211,)])
    assert counts.tolist() == [[1, 1, 1, 2, 0]]
    assert len(sample.hadrons((511,)).energy) == 1
