"""Random Fourier features: draws of a stationary GP prior as sums of cosines and sines.

Sources: Rahimi & Recht (2007), "Random Features for Large-Scale Kernel Machines"; Sutherland & Schneider
    (2015), "On the Error of Random Fourier Features", for pairs of cosine and sine without random phases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smbo.errors import RecipeError
from smbo.surrogates.gp.kernels import Kernel, Matern32, Matern52, SquaredExponential
from smbo.training_data import Array

# The spectral density of a Matérn kernel with ν is Student's t with 2ν degrees of freedom; that of the
# squared exponential is its limit, the normal distribution.
_DEGREES_OF_FREEDOM: dict[type[Kernel], float] = {Matern32: 3.0, Matern52: 5.0, SquaredExponential: np.inf}


@dataclass(frozen=True, eq=False)
class FourierFeatures:
    """A draw of a stationary Gaussian process with mean zero: a sum of cosines and sines.

    Attributes:
        frequencies: by scaled feature, (D, l).
        weights: coefficients of the cosines, then of the sines, (2l,).
    """

    frequencies: Array
    weights: Array

    @classmethod
    def of(
        cls, kernel: Kernel, amplitude: float, n_features: int, n_frequencies: int, rng: np.random.Generator
    ) -> FourierFeatures:
        """Return a draw of the prior.

        Raises:
            RecipeError: the kernel's spectral density is not implemented.
        """
        if type(kernel) not in _DEGREES_OF_FREEDOM:
            known = ", ".join(kind.__name__ for kind in _DEGREES_OF_FREEDOM)
            raise RecipeError(f"no spectral density is known for {kernel!r}; Thompson sampling takes {known}")
        degrees = _DEGREES_OF_FREEDOM[type(kernel)]
        frequencies = rng.standard_normal((n_features, n_frequencies))
        if np.isfinite(degrees):
            frequencies /= np.sqrt(rng.chisquare(degrees, n_frequencies) / degrees)
        # cos a cos b + sin a sin b = cos(a - b): with pairs the variance is the same at all points
        weights = rng.standard_normal(2 * n_frequencies) * np.sqrt(amplitude / n_frequencies)
        return cls(frequencies, weights)

    def __call__(self, scaled: Array) -> Array:
        """Return the values at scaled features (m, D), shape (m,)."""
        phases = scaled @ self.frequencies
        even, odd = np.split(self.weights, 2)
        return np.asarray(np.cos(phases) @ even + np.sin(phases) @ odd)

    def with_slope(self, scaled: Array) -> tuple[Array, Array]:
        """Return the values (m,) and slopes by scaled features (m, D)."""
        phases = scaled @ self.frequencies
        cosine, sine = np.cos(phases), np.sin(phases)
        even, odd = np.split(self.weights, 2)
        return cosine @ even + sine @ odd, (cosine * odd - sine * even) @ self.frequencies.T
