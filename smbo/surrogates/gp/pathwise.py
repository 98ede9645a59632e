"""Pathwise sampling of a Gaussian process: draws that are functions, to be evaluated anywhere.

A draw of the prior by random Fourier features is conditioned on the training data by Matheron's rule (Wilson
et al. 2020, "Efficiently Sampling Functions from Gaussian Process Posteriors", eq. 9-13).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import ExactProcess
from smbo.surrogates.gp.fourier_features import FourierFeatures
from smbo.surrogates.gp.kernels import squared_distances
from smbo.training_data import Array


@dataclass(frozen=True, eq=False)
class GPDraw:
    """A draw of a Gaussian process posterior, on its latent scale.

    Attributes:
        posterior: the posterior that the function is drawn from.
        prior: the draw of the prior.
        update: K⁻¹ (values - m - prior draw - draw of the noise), (n,).
    """

    posterior: ExactProcess
    prior: FourierFeatures
    update: Array

    @classmethod
    def of(cls, posterior: ExactProcess, rng: np.random.Generator, n_frequencies: int) -> GPDraw:
        """Return a draw of the posterior."""
        n_features = posterior.scaled.shape[1]
        prior = FourierFeatures.of(posterior.kernel, posterior.amplitude, n_features, n_frequencies, rng)
        # the diagonal of L Lᵀ is σ_f² plus the noise variances
        diagonal = np.einsum("ij,ij->i", posterior.factor, posterior.factor)
        noise = np.sqrt(np.maximum(diagonal - posterior.amplitude, 0.0))
        drawn = prior(posterior.scaled) + noise * rng.standard_normal(len(noise))
        update = linalg.solve(posterior.factor, posterior.values - posterior.mean - drawn)
        return cls(posterior, prior, update)

    def __call__(self, points: Array) -> Array:
        """Return the values of the draw at unit points (m, d), (m,)."""
        scaled = self.posterior.encode(points)
        cross = self.posterior.cross_covariance(scaled)
        return np.asarray(self.posterior.mean + self.prior(scaled) + cross @ self.update)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the values (m,) and slopes (m, d) of the draw."""
        posterior = self.posterior
        scaled = posterior.encode(points)
        profile, slope = posterior.kernel.profile_and_slope(squared_distances(scaled, posterior.scaled))
        values, to_scaled = self.prior.with_slope(scaled)
        weights = 2.0 * posterior.amplitude * slope * self.update
        to_scaled += scaled * weights.sum(axis=1)[:, None] - weights @ posterior.scaled
        values += posterior.mean + posterior.amplitude * profile @ self.update
        return values, posterior.pulled_back(points, to_scaled)
