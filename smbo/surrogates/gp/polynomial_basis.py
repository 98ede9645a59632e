"""Polynomial basis of universal kriging: products of Legendre polynomials, orthonormal over the unit cube.

The covariance Σ φ(x) φ(x') / q over q basis functions φ is that of a polynomial with independent coefficients
N(0, 1/q): together they have the variance of standardised values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from smbo.training_data import Array


@dataclass(frozen=True)
class Polynomials:
    """All products of Legendre polynomials of total degree one to ``degree``.

    Attributes:
        degree: highest total degree.
    """

    degree: int

    @property
    def mean_variance(self) -> float:
        """Variance, averaged over the cube."""
        return 1.0

    def count(self, d: int) -> int:
        """Return the number q of basis functions for d axes."""
        return comb(d + self.degree, d) - 1

    def covariance(self, left: Array, right: Array) -> Array:
        """Return the covariance between unit points (m, d) and (n, d), (m, n); 1 on average at a point."""
        return np.asarray(self.terms(left) @ self.terms(right).T)

    def variance(self, points: Array) -> Array:
        """Return the variance at unit points (m, d), (m,)."""
        terms = self.terms(points)
        return np.asarray(np.einsum("ij,ij->i", terms, terms))

    def terms(self, points: Array) -> Array:
        """Return the basis functions over √q at unit points (m, d), (m, q)."""
        powers = degrees(points.shape[1], self.degree)
        factors = np.take_along_axis(self._of_each_axis(points), powers.T[None], axis=2)
        return np.asarray(np.prod(factors, axis=1) / np.sqrt(len(powers)))

    def terms_and_slopes(self, points: Array) -> tuple[Array, Array]:
        """Return the basis functions over √q, (m, q), and their derivatives by the points, (m, d, q)."""
        powers = degrees(points.shape[1], self.degree)
        size = np.sqrt(len(powers))
        factors = np.take_along_axis(self._of_each_axis(points), powers.T[None], axis=2)
        slopes = np.take_along_axis(self._slopes_of_each_axis(points), powers.T[None], axis=2)
        for j in range(points.shape[1]):
            slopes[:, j] *= np.prod(np.delete(factors, j, axis=1), axis=1)
        return np.prod(factors, axis=1) / size, slopes / size

    def pulled(self, points: Array, others: Array, weights: Array) -> Array:
        """Return Σ_b weights_ab dc(x_a, x_b) / dx_a of the covariance c at unit points (m, d), (m, d)."""
        _, slopes = self.terms_and_slopes(points)
        return np.asarray((slopes @ (weights @ self.terms(others))[:, :, None])[:, :, 0])

    def variance_slopes(self, points: Array) -> Array:
        """Return the derivatives of the variance by unit points (m, d), (m, d)."""
        terms, slopes = self.terms_and_slopes(points)
        return np.asarray(2.0 * np.einsum("mdq,mq->md", slopes, terms))

    def _of_each_axis(self, points: Array) -> Array:
        """Return the polynomials of each axis by degree, (m, d, degree + 1)."""
        return np.asarray(legendre.legvander(2.0 * points - 1.0, self.degree) * self._sizes())

    def _slopes_of_each_axis(self, points: Array) -> Array:
        by_degree = 2.0 * legendre.legder(np.eye(self.degree + 1), axis=0)
        slopes = legendre.legval(2.0 * points - 1.0, by_degree)
        return np.asarray(np.moveaxis(slopes, 0, -1) * self._sizes())

    def _sizes(self) -> Array:
        # the mean square of the Legendre polynomial of degree k over [-1, 1] is 1 / (2 k + 1)
        return np.sqrt(2.0 * np.arange(self.degree + 1) + 1.0)


@lru_cache(maxsize=64)
def degrees(d: int, highest: int) -> NDArray[np.intp]:
    """Return the degree in each of d axes of every product, (q, d)."""
    rows = [
        np.bincount(np.array(axes), minlength=d)
        for total in range(1, highest + 1)
        for axes in combinations_with_replacement(range(d), total)
    ]
    return np.array(rows, dtype=np.intp)
