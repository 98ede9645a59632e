"""Random Fourier features: draws of a stationary GP prior as sums of cosines and sines.

What is left of a prior draw once it is conditioned on data is made of frequencies beyond those that the data
resolve.  Drawn from the spectral density alone a few hundred frequencies hold a few of them or none, and
draws between the data of a smooth function are by a third to three times as wide as the posterior.  So half
of the frequencies come from a wider density (importance sampling, by the balance heuristic), radii are
stratified and directions orthogonal.

Sources: Rahimi & Recht (2007), "Random Features for Large-Scale Kernel Machines"; Sutherland & Schneider
    (2015), "On the Error of Random Fourier Features", for pairs of cosine and sine without random phases;
    Yu et al. (2016), "Orthogonal Random Features"; Veach & Guibas (1995), "Optimally Combining Sampling
    Techniques for Monte Carlo Rendering", for the balance heuristic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtri, gammaincinv, gammaln

from smbo.errors import RecipeError
from smbo.surrogates.gp.kernels import Kernel, Matern32, Matern52, SquaredExponential
from smbo.training_data import Array

# The spectral density of a Matérn kernel with ν is Student's t with 2ν degrees of freedom; that of the
# squared exponential is its limit, the normal distribution.
_DEGREES_OF_FREEDOM: dict[type[Kernel], float] = {Matern32: 3.0, Matern52: 5.0, SquaredExponential: np.inf}
_WIDE_DEGREES = 3.0


@dataclass(frozen=True, eq=False)
class FourierFeatures:
    """Draws of a stationary Gaussian process with mean zero: sums of cosines and sines.

    Attributes:
        frequencies: by scaled feature, (D, l).
        weights: coefficients of the cosines, then of the sines, (2l,), or (2l, k) of k draws.
    """

    frequencies: Array
    weights: Array

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        amplitude: float,
        n_features: int,
        n_frequencies: int,
        rng: np.random.Generator,
        n_draws: int | None = None,
    ) -> FourierFeatures:
        """Return a draw of the prior, or several that share their frequencies.

        Raises:
            RecipeError: the kernel's spectral density is not implemented.
        """
        frequencies, shares = spectrum(kernel, n_features, n_frequencies, rng)
        # cos a cos b + sin a sin b = cos(a - b): with pairs the variance is the same at all points
        sizes = np.sqrt(amplitude * np.concatenate([shares, shares]))
        if n_draws is None:
            return cls(frequencies, sizes * rng.standard_normal(len(sizes)))
        return cls(frequencies, sizes[:, None] * rng.standard_normal((len(sizes), n_draws)))

    def __call__(self, scaled: Array) -> Array:
        """Return the values at scaled features (m, D), shape (m,) or (m, k)."""
        phases = scaled @ self.frequencies
        even, odd = np.split(self.weights, 2)
        return np.asarray(np.cos(phases) @ even + np.sin(phases) @ odd)

    def with_slope(self, scaled: Array) -> tuple[Array, Array]:
        """Return the values (m,) and slopes by scaled features (m, D), of one draw."""
        phases = scaled @ self.frequencies
        cosine, sine = np.cos(phases), np.sin(phases)
        even, odd = np.split(self.weights, 2)
        return cosine @ even + sine @ odd, (cosine * odd - sine * even) @ self.frequencies.T


def spectrum(
    kernel: Kernel, n_features: int, n_frequencies: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return random frequencies (D, l) and their shares (l,) of a kernel's variance, of sum one.

    Raises:
        RecipeError: the kernel's spectral density is not implemented.
    """
    if type(kernel) not in _DEGREES_OF_FREEDOM:
        known = ", ".join(kind.__name__ for kind in _DEGREES_OF_FREEDOM)
        raise RecipeError(f"no spectral density is known for {kernel!r}; Thompson sampling takes {known}")
    degrees = _DEGREES_OF_FREEDOM[type(kernel)]
    wide_scale = max(2.0, 6.0 / np.sqrt(n_features))  # rows are closer together on few axes
    n_wide = n_frequencies // 2
    n_own = n_frequencies - n_wide
    squares = np.concatenate(
        [
            _squared_radii(n_features, degrees, 1.0, _strata(n_own, rng)),
            _squared_radii(n_features, _WIDE_DEGREES, wide_scale, _strata(n_wide, rng)),
        ]
    )
    squares = squares[rng.permutation(n_frequencies)]
    excess = _log_density(squares, n_features, _WIDE_DEGREES, wide_scale)
    excess -= _log_density(squares, n_features, degrees, 1.0)
    shares = 1.0 / (n_own + n_wide * np.exp(np.minimum(excess, 700.0)))  # beyond it exp overflows
    n_bases = -(-n_frequencies // n_features)
    bases, _ = np.linalg.qr(rng.standard_normal((n_bases, n_features, n_features)))
    directions = bases.transpose(1, 0, 2).reshape(n_features, -1)[:, :n_frequencies]
    return directions * np.sqrt(squares), shares / shares.sum()


def _strata(n: int, rng: np.random.Generator) -> Array:
    """Return one random number in each of n equal parts of (0, 1)."""
    return (np.arange(n) + rng.random(n)) / n


def _squared_radii(d: int, degrees: float, scale: float, levels: Array) -> Array:
    """Return quantiles of the squared length of Student's t in d dimensions."""
    if np.isinf(degrees):
        return np.asarray(scale**2 * 2.0 * gammaincinv(0.5 * d, levels))
    return np.asarray(scale**2 * d * fdtri(d, degrees, levels))


def _log_density(squares: Array, d: int, degrees: float, scale: float) -> Array:
    """Return the log density of Student's t in d dimensions at squared lengths, less d/2 log(1/π)."""
    squares = squares / scale**2
    if np.isinf(degrees):
        return np.asarray(-0.5 * d * np.log(2.0) - 0.5 * squares - d * np.log(scale))
    size = gammaln(0.5 * (degrees + d)) - gammaln(0.5 * degrees) - 0.5 * d * np.log(degrees)
    return np.asarray(size - 0.5 * (degrees + d) * np.log1p(squares / degrees) - d * np.log(scale))
