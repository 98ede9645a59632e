"""Designs: readable from any index, and more even than chance where they say so."""

import numpy as np
import pytest
from scipy.stats import qmc

from smbo.errors import RecipeError
from smbo.space.designs import DESIGNS, design_rows


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_design_can_be_read_in_pieces(kind):
    whole = design_rows(kind, 3, 7, 0, 50)
    pieces = [design_rows(kind, 3, 7, start, count) for start, count in ((0, 1), (1, 16), (17, 30), (47, 3))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("kind", DESIGNS)
def test_points_are_in_the_cube_and_depend_on_the_seed(kind):
    rows = design_rows(kind, 4, 1, 0, 33)
    assert rows.shape == (33, 4)
    assert (rows >= 0).all()
    assert (rows <= 1).all()
    assert not np.array_equal(rows, design_rows(kind, 4, 2, 0, 33))
    assert len(np.unique(rows, axis=0)) == 33


@pytest.mark.parametrize("kind", ["sobol", "halton", "lhs"])
def test_a_space_filling_design_is_more_even_than_chance(kind):
    chance = [qmc.discrepancy(design_rows("random", 2, seed, 0, 32)) for seed in range(20)]
    for seed in range(5):
        assert qmc.discrepancy(design_rows(kind, 2, seed, 0, 32)) < np.median(chance)


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_space_without_axes_has_empty_rows(kind):
    assert design_rows(kind, 0, 1, 0, 3).shape == (3, 0)


def test_an_unknown_design_is_refused():
    with pytest.raises(RecipeError, match="sobol"):
        design_rows("grid", 2, 0, 0, 1)
