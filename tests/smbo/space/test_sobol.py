"""Sobol sequences computed without scipy.stats are scipy's, to the last bit."""

import numpy as np
import pytest
from scipy.stats import qmc

from smbo.space.designs import design_rows
from smbo.space.sobol import MOST_AXES, sobol_rows


@pytest.mark.parametrize("n_axes", [1, 2, 3, 6, 20, MOST_AXES, MOST_AXES + 1])
def test_a_scrambled_sobol_sequence_is_that_of_scipy_to_the_last_bit(n_axes):
    for power in (0, 1, 2, 6, 9):
        seed = 17 * n_axes + power
        theirs = qmc.Sobol(n_axes, scramble=True, rng=np.random.default_rng(seed)).random_base2(power)
        np.testing.assert_array_equal(sobol_rows(n_axes, seed, power), theirs)


@pytest.mark.parametrize("n_axes", [1, 2, 7, 30])
def test_a_latin_hypercube_is_that_of_scipy_to_the_last_bit(n_axes):
    theirs = qmc.LatinHypercube(n_axes, rng=np.random.default_rng([5, 2])).random(16)
    np.testing.assert_array_equal(design_rows("lhs", n_axes, 5, 32, 16), theirs)
