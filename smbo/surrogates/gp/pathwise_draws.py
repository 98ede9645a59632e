"""Many pathwise draws of one Gaussian process, evaluated together; see ``pathwise``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates import linalg
from smbo.surrogates.base import ExactProcess
from smbo.surrogates.gp.fourier_features import FourierFeatures
from smbo.surrogates.gp.kernels import squared_distances
from smbo.surrogates.gp.polynomial_basis import Polynomials
from smbo.training_data import Array


@dataclass(frozen=True, eq=False)
class GPDraws:
    """k draws of a Gaussian process posterior, on its latent scale.

    They share their frequencies and differ in everything else; the constant mean is drawn too.

    Attributes:
        posterior: the posterior that the functions are drawn from.
        prior: draws of the prior, weights (2l, k).
        levels: constant means, (k,).
        updates: K⁻¹ (values - m - prior draw - draw of the noise), times ``shown``, (n, k).
    """

    posterior: ExactProcess
    prior: FourierFeatures
    levels: Array
    updates: Array

    @classmethod
    def of(
        cls,
        posterior: ExactProcess,
        rng: np.random.Generator,
        k: int,
        n_frequencies: int,
        shown: Array | None = None,
        values: Array | None = None,
        boldness: float = 1.0,
    ) -> GPDraws:
        """Return k draws of the posterior.

        Args:
            values: of the rows, for each draw, (n, k); None for the posterior's own.
            boldness: factor on the deviations of draws from their mean.
            shown: factor on the function in each row, (n,), where a row shows more than the function and
                noise of its own (rows at lower fidelities); None for 1.
        """
        n, factor = len(posterior.values), posterior.factor
        n_features = posterior.scaled.shape[1]
        prior = FourierFeatures.of(
            posterior.kernel, posterior.amplitude, n_features, n_frequencies, rng, n_draws=k
        )
        values = posterior.values[:, None] if values is None else values
        # m ~ N(0, 1) beforehand
        ones = linalg.solve(factor, np.ones(n))
        precision = 1.0 + float(ones.sum())
        level = ones @ values / precision
        levels = level + rng.standard_normal(k) / np.sqrt(precision)
        drawn, normals = prior(posterior.scaled), rng.standard_normal((n, k))
        if shown is None:
            noise = np.einsum("ij,ij->i", factor, factor) - posterior.amplitude
            drawn += np.sqrt(np.maximum(noise, 0.0))[:, None] * normals
        else:
            rest = factor @ factor.T - shown[:, None] * posterior.cross_covariance(posterior.scaled)
            drawn = shown[:, None] * drawn + linalg.cholesky(rest) @ normals
        updates = linalg.solve(factor, values - levels - drawn)
        if boldness != 1.0:
            most_probable = linalg.solve(factor, values - level)
            updates = most_probable + boldness * (updates - most_probable)
            levels = level + boldness * (levels - level)
            prior = replace(prior, weights=boldness * prior.weights)
        return cls(posterior, prior, levels, updates if shown is None else shown[:, None] * updates)

    def __len__(self) -> int:
        return len(self.levels)

    def in_units(self, points: Array) -> Array:
        """Return the values of all draws at unit points (m, d) in the training data's units, (m, k)."""
        return np.asarray(self.posterior.scale.from_latent(self(points)))

    def __call__(self, points: Array) -> Array:
        """Return the values of all draws at unit points (m, d), (m, k)."""
        posterior = self.posterior
        scaled = posterior.encode(points)
        profile = posterior.kernel.profile(squared_distances(scaled, posterior.scaled))
        return np.asarray(self.levels + self.prior(scaled) + posterior.amplitude * profile @ self.updates)

    def of_rows(self, points: Array, draws: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return values (m,) and slopes (m, d) at unit points (m, d), of one draw at each, (m,)."""
        posterior = self.posterior
        scaled = posterior.encode(points)
        profile, slope = posterior.kernel.profile_and_slope(squared_distances(scaled, posterior.scaled))
        phases = scaled @ self.prior.frequencies
        cosine, sine = np.cos(phases), np.sin(phases)
        even, odd = np.split(self.prior.weights[:, draws].T, 2, axis=1)
        updates = self.updates[:, draws].T
        values = self.levels[draws] + (cosine * even + sine * odd).sum(axis=1)
        values += posterior.amplitude * (profile * updates).sum(axis=1)
        to_scaled = (cosine * odd - sine * even) @ self.prior.frequencies.T
        weights = 2.0 * posterior.amplitude * slope * updates
        to_scaled += scaled * weights.sum(axis=1)[:, None] - weights @ posterior.scaled
        return values, posterior.pulled_back(points, to_scaled)


@dataclass(frozen=True, eq=False)
class TrendDraws:
    """k draws of a polynomial and of a process beside it.

    Attributes:
        process: draws of the process.
        polynomials: basis of the polynomial.
        smooth: columns of unit points that are not categorical.
        coefficients: (q, k).
    """

    process: GPDraws
    polynomials: Polynomials
    smooth: NDArray[np.intp]
    coefficients: Array

    def __len__(self) -> int:
        return len(self.process)

    def in_units(self, points: Array) -> Array:
        """Return the values of all draws at unit points (m, d) in the training data's units, (m, k)."""
        return np.asarray(self.process.posterior.scale.from_latent(self(points)))

    def __call__(self, points: Array) -> Array:
        """Return the values of all draws at unit points (m, d), (m, k)."""
        return self.process(points) + self.polynomials.terms(points[:, self.smooth]) @ self.coefficients

    def of_rows(self, points: Array, draws: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return values (m,) and slopes (m, d) at unit points (m, d), of one draw at each, (m,)."""
        values, slopes = self.process.of_rows(points, draws)
        terms, by_point = self.polynomials.terms_and_slopes(points[:, self.smooth])
        mine = self.coefficients[:, draws].T
        slopes[:, self.smooth] += np.einsum("mdq,mq->md", by_point, mine)
        return values + (terms * mine).sum(axis=1), slopes
