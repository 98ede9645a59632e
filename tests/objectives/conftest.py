"""Fixtures of the objectives' tests."""

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator of fixed seed: these tests compare two computations of the same numbers."""
    return np.random.default_rng(20260101)
