"""Fixtures of the objectives' tests."""

import numpy as np
import pytest
from tiny_training import TINY

from smbo_objectives.pivot_toy import PivotToy
from smbo_objectives.pivot_toy.objective import SCHEDULES


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator of fixed seed: these tests compare two computations of the same numbers."""
    return np.random.default_rng(20260101)


@pytest.fixture
def events(rng):
    """Return forty two-jet-like events of two to twelve particles."""
    made = []
    for n in rng.integers(2, 13, size=40):
        momenta = rng.normal(size=(n, 3)) * [1.0, 1.5, 4.0]
        made.append(momenta - momenta.mean(axis=0))
    return made


@pytest.fixture
def tiny(monkeypatch):
    """Return the pivot toy with a training that takes a fraction of a second."""
    monkeypatch.setitem(SCHEDULES, "quick", TINY)
    return PivotToy(schedule="quick", device="cpu")
