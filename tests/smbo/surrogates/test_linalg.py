"""Cholesky work: jitter where it helps, an error where nothing does."""

from __future__ import annotations

import numpy as np
import pytest

from smbo.errors import NumericalError
from smbo.surrogates import linalg


def positive(n, seed=0):
    half = np.random.default_rng(seed).standard_normal((n, n))
    return half @ half.T + 0.1 * np.eye(n)


def test_a_well_conditioned_matrix_gets_no_jitter():
    matrix = positive(6)
    factor = linalg.cholesky(matrix)
    np.testing.assert_allclose(factor @ factor.T, matrix, rtol=1e-13, atol=1e-13)
    assert (np.triu(factor, 1) == 0).all()


def test_a_singular_matrix_is_factorised_with_little_jitter():
    matrix = np.ones((5, 5))
    factor = linalg.cholesky(matrix)
    np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-9)


@pytest.mark.parametrize("matrix", [-np.eye(3), np.full((3, 3), np.nan), np.diag([1.0, -1.0, 1.0])])
def test_a_matrix_past_help_is_an_error_that_says_so(matrix):
    with pytest.raises(NumericalError, match="covariance matrix"):
        linalg.cholesky(matrix)


def test_an_entry_that_is_not_a_number_does_not_pass():
    matrix = positive(4)
    matrix[2, 1] = matrix[1, 2] = np.nan
    with pytest.raises(NumericalError):
        linalg.cholesky(matrix)


def test_rows_are_added_to_a_factor_as_if_all_had_been_factorised_at_once():
    matrix = positive(9)
    extended = linalg.extend_cholesky(linalg.cholesky(matrix[:5, :5]), matrix[:5, 5:], matrix[5:, 5:])
    np.testing.assert_allclose(extended, linalg.cholesky(matrix), atol=1e-12)


def test_rows_are_added_to_an_empty_factor():
    matrix = positive(3)
    extended = linalg.extend_cholesky(np.zeros((0, 0)), np.zeros((0, 3)), matrix)
    np.testing.assert_allclose(extended, linalg.cholesky(matrix))


@pytest.mark.parametrize("shape", [(6,), (6, 3)])
def test_solves_undo_products(shape):
    matrix = positive(6)
    factor, right = linalg.cholesky(matrix), np.random.default_rng(1).standard_normal(shape)
    np.testing.assert_allclose(linalg.solve(factor, matrix @ right), right, rtol=1e-9)
    np.testing.assert_allclose(linalg.solve_lower(factor, factor @ right), right, rtol=1e-9)
    np.testing.assert_allclose(linalg.solve_lower_transposed(factor, factor.T @ right), right, rtol=1e-9)
    np.testing.assert_allclose(linalg.inverse(factor) @ matrix, np.eye(6), atol=1e-10)


def test_a_factor_in_a_given_place_is_the_same_also_where_jitter_is_needed():
    half = np.random.default_rng(3).standard_normal((5, 5))
    for matrix in (half @ half.T, np.ones((5, 5))):
        place = np.empty((5, 5), order="F")
        found = linalg.cholesky(matrix, place)
        assert np.shares_memory(found, place)
        np.testing.assert_allclose(found, linalg.cholesky(matrix), rtol=1e-12, atol=1e-12)


def test_the_triangle_of_an_inverse_less_a_square_multiplies_as_the_whole_does():
    rng = np.random.default_rng(4)
    half, vector, right = (rng.standard_normal(shape) for shape in ((5, 5), 5, (5, 3)))
    matrix = half @ half.T + np.eye(5)
    whole = np.linalg.inv(matrix) - np.outer(vector, vector)
    lower = linalg.inverse_less(linalg.cholesky(matrix), vector)
    np.testing.assert_allclose(lower, np.tril(whole), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(linalg.symmetric_product(lower, right), whole @ right, rtol=1e-9, atol=1e-12)
