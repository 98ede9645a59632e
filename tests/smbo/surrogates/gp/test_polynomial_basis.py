"""Legendre polynomials over the unit cube: orthonormal, with the slopes of finite differences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from smbo.surrogates.gp.polynomial_basis import Polynomials


def test_polynomials_are_orthonormal_over_the_cube_but_for_their_number():
    nodes, weights = np.polynomial.legendre.leggauss(6)
    nodes, weights = (nodes + 1.0) / 2.0, weights / 2.0
    points = np.array(list(product(nodes, repeat=3)))
    terms = Polynomials(4).terms(points)
    gram = (terms.T * np.array([np.prod(each) for each in product(weights, repeat=3)])) @ terms
    assert terms.shape[1] == Polynomials(4).count(3) == 34
    assert gram == pytest.approx(np.eye(34) / 34, abs=1e-12)


def test_slopes_are_those_of_finite_differences():
    points = np.random.default_rng(0).random((5, 3))
    terms, slopes = Polynomials(4).terms_and_slopes(points)
    assert terms == pytest.approx(Polynomials(4).terms(points), rel=1e-12)
    for column, step in enumerate(1e-5 * np.eye(3)):
        ahead, behind = (Polynomials(4).terms(points + sign * step) for sign in (1, -1))
        # central differences of polynomials err by the third derivative (about 1e3) times step²
        assert slopes[:, column] == pytest.approx((ahead - behind) / 2e-5, abs=1e-6)


def test_the_variance_is_the_diagonal_of_the_covariance_and_one_on_average():
    points = np.random.default_rng(1).random((6, 2))
    polynomials = Polynomials(3)
    covariance = polynomials.covariance(points, points)
    assert polynomials.variance(points) == pytest.approx(np.diagonal(covariance), rel=1e-12)
    # Gauss-Legendre quadrature of four nodes is exact for squares of polynomials of degree three
    nodes, weights = np.polynomial.legendre.leggauss(4)
    grid = np.array(list(product((nodes + 1.0) / 2.0, repeat=2)))
    average = polynomials.variance(grid) @ np.outer(weights, weights).ravel() / 4.0
    assert average == pytest.approx(1.0, rel=1e-12)
