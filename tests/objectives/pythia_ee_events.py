"""Events that are made by hand, for the tests of pythia-ee's shapes."""

from __future__ import annotations

import numpy as np

from smbo_objectives.pythia_ee.sample import Sample

PION_MASS = 0.13957


def sample_of(events, mass=PION_MASS, pdg_id=211):
    """Return a sample of events that are lists of momenta, all of one kind of particle."""
    counts = [len(event) for event in events]
    momentum = np.concatenate([np.asarray(event, dtype=float).reshape(-1, 3) for event in events])
    n = sum(counts)
    return Sample(
        n_events=len(events),
        event=np.repeat(np.arange(len(events)), counts),
        pdg_id=np.full(n, pdg_id),
        status=np.ones(n, dtype=np.int64),
        first_daughter=np.full(n, -1),
        last_daughter=np.full(n, -1),
        momentum=momentum,
        energy=np.sqrt((momentum**2).sum(axis=1) + mass**2),
    )
