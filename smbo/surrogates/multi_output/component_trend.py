"""Trend of the components of vector outputs: what emulators of source studies predict, times a weight each.

An emulator is the posterior of a source study's own components z_s, so that its outputs vary by
loadings_s z_s(x); of the components z = readerᵀ (y - centre) of this study the trend is

    t(x) = Σ_s w_s readerᵀ loadings_s z_s(x) + constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.multi_output.pca import Basis
from smbo.surrogates.multi_output.quadratic_trend import QuadraticTrendPosterior, weighted
from smbo.training_data import Array


class Emulator(Protocol):
    """A posterior of the components of a source study's outputs; see ``CompositePosterior``."""

    @property
    def basis(self) -> Basis: ...
    @property
    def encoder(self) -> Features: ...
    @property
    def components(self) -> Sequence[QuadraticTrendPosterior]: ...


@dataclass(frozen=True, eq=False)
class ComponentTrend:
    """A function of unit points, for each of c components.

    Attributes:
        emulators: of the source studies of non-zero weight.
        projections: from the components of each to those of this study, times its weight, (c, c_s) each.
        held: of each, see ``SourceData.held``.
        constant: shape (c,).
    """

    emulators: Sequence[Emulator]
    projections: Sequence[Array]
    held: Sequence[Array]
    constant: Array

    def __call__(self, points: Array) -> tuple[Array, Array]:
        """Return the trend at unit points (m, d), (m, c), and its slopes by features, (c, m, D)."""
        means, slopes = np.tile(self.constant, (len(points), 1)), np.zeros(())
        for emulator, onto, held in zip(self.emulators, self.projections, self.held):
            if not emulator.components:  # outputs that did not vary
                continue
            is_free, encoder = np.isnan(held), emulator.encoder
            features = encoder.encode(np.where(is_free, points, held))
            found = [weighted(each, features, each.alpha) for each in emulator.components]
            means = means + np.array([mean for mean, _ in found]).T @ onto.T
            by_mean = np.array([slope for _, slope in found]) * is_free[encoder.columns]
            slopes = slopes + np.tensordot(onto, by_mean, 1)
        return means, slopes
