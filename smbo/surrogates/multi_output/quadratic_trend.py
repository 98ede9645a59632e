"""GP with a quadratic trend: a kernel of constant, linear, quadratic and squared exponential parts.

    k(x, x') = 10 + l xᵀx' + q (xᵀx')² + a exp(-½ Σ (x_j - x'_j)² / ℓ_j²)

The bins of a histogram depend almost linearly on a generator's parameters, and mostly quadratically
beyond that; tunes have been made with quadratic interpolation alone (Buckley et
al. 2010, "Systematic event generator tuning for the LHC", arXiv:0907.2973).  The variances l, q, a and the
length scales ℓ are learned by maximum a posteriori.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from smbo.errors import NumericalError
from smbo.surrogates import linalg
from smbo.surrogates.gp.kernels import squared_distances
from smbo.training_data import Array

# Variance of the constant part, for standardised values: practically a flat prior.
CONSTANT = 10.0
# Posterior variances are at least this multiple of the prior variance, because of rounding.
_VARIANCE_FLOOR = 1e-10
# Noise variance that is always added, for standardised values: variation that no kernel part describes.
NUGGET = 1e-6
_N_OTHERS = 4  # hyperparameters beside the length scales
# Normal priors on the logarithms: amplitude, linear, quadratic, factor on the reported noise (errors of bins
# filled by the same events are correlated); then each length scale.
_PRIOR_MEANS = np.log([0.3, 1.0, 0.3, 2.0])
_PRIOR_WIDTHS = np.array([0.8, 1.0, 0.8, 0.7])
_LENGTH_MEAN, _LENGTH_WIDTH = np.log(1.0), 0.4
_LOWEST, _HIGHEST = np.log([1e-6, 1e-4, 1e-6, 0.5]), np.log([1e2, 1e3, 1e3, 1e2])
_LENGTH_BOUNDS = (np.log(0.05), np.log(30.0))
_THETA_STEP = 1e-3  # of differences of gradients
_VALUE_TOLERANCE, _SLOPE_TOLERANCE = 1e-5, 1e-2


@dataclass(frozen=True, eq=False)
class QuadraticTrendPosterior:
    """The posterior of one standardised output.

    Attributes:
        theta: logarithms of amplitude, linear, quadratic, excess of noise and length scales, shape (4 + D,).
        features: of the evaluated points, shape (n, D).
        factor: lower Cholesky factor of their covariance, (n, n).
        values: shape (n,).
        alpha: covariance⁻¹ values, (n,).
        noises: variance of each evaluation, (n,).
    """

    theta: Array
    features: Array
    factor: Array
    values: Array
    alpha: Array
    noises: Array

    def moments(self, features: Array) -> tuple[Array, Array]:
        """Return mean and variance at features (m, D), each (m,)."""
        cross = covariance(self.theta, features, self.features)
        half = linalg.solve_lower(self.factor, cross.T)
        prior = own_variance(self.theta, features)
        return cross @ self.alpha, self._floored(prior - np.einsum("ij,ij->j", half, half), prior)

    def moments_and_gradients(self, features: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), variance (m,) and their gradients by the features, each (m, D)."""
        amplitude, linear, quadratic, _ = np.exp(self.theta[:_N_OTHERS])
        inverse = np.exp(-2.0 * self.theta[_N_OTHERS:])
        inner = features @ self.features.T
        bell = amplitude * _bell(self.theta, features, self.features)
        cross = CONSTANT + linear * inner + quadratic * inner**2 + bell
        half = linalg.solve_lower(self.factor, cross.T)
        beta = linalg.solve_lower_transposed(self.factor, half).T
        prior = own_variance(self.theta, features)
        variance = prior - np.einsum("ij,ij->j", half, half)

        to_inner = linear + 2.0 * quadratic * inner
        to_mean = self.pulled(to_inner * self.alpha, bell * self.alpha, features, inverse)
        to_cross = self.pulled(to_inner * beta, bell * beta, features, inverse)
        norms = np.einsum("ij,ij->i", features, features)
        to_prior = (2.0 * linear + 4.0 * quadratic * norms)[:, None] * features
        return cross @ self.alpha, self._floored(variance, prior), to_mean, to_prior - 2.0 * to_cross

    def joint(self, features: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) at features (m, D)."""
        cross = covariance(self.theta, features, self.features)
        half = linalg.solve_lower(self.factor, cross.T)
        return cross @ self.alpha, covariance(self.theta, features, features) - half.T @ half

    def fantasized(self, features: Array) -> QuadraticTrendPosterior:
        """Return the posterior given also its own means as values at features (m, D)."""
        cross = covariance(self.theta, self.features, features)
        corner = covariance(self.theta, features, features)
        typical = float(np.median(self.noises)) if len(self.noises) else 0.0
        corner.flat[:: len(corner) + 1] += typical
        values = np.concatenate([self.values, cross.T @ self.alpha])
        factor = linalg.extend_cholesky(self.factor, cross, corner)
        return QuadraticTrendPosterior(
            self.theta,
            np.concatenate([self.features, features]),
            factor,
            values,
            linalg.solve(factor, values),
            np.concatenate([self.noises, np.full(len(features), typical)]),
        )

    def pulled(self, by_inner: Array, by_bell: Array, features: Array, inverse: Array) -> Array:
        """Return Σ_b (by_inner x_b - by_bell (x - x_b) / length²), shape (m, D)."""
        pull = by_bell @ self.features - by_bell.sum(axis=1)[:, None] * features
        return np.asarray(by_inner @ self.features + pull * inverse)

    def _floored(self, variance: Array, prior: Array) -> Array:
        return np.maximum(variance, _VARIANCE_FLOOR * prior)


def fit(theta: Array, features: Array, values: Array, variances: Array) -> QuadraticTrendPosterior:
    """Return the posterior given values (n,) with variances (n,) at features (n, D).

    Raises:
        NumericalError: no jitter makes the covariance positive definite.
    """
    noise = variances * float(np.exp(theta[_N_OTHERS - 1])) + NUGGET
    matrix = covariance(theta, features, features)
    matrix.flat[:: len(matrix) + 1] += noise
    factor = linalg.cholesky(matrix)
    return QuadraticTrendPosterior(theta, features, factor, values, linalg.solve(factor, values), noise)


def parts(theta: Array) -> tuple[float, float, float, Array]:
    """Return amplitude, linear and quadratic variance and the length scales (D,)."""
    amplitude, linear, quadratic = (float(value) for value in np.exp(theta[: _N_OTHERS - 1]))
    return amplitude, linear, quadratic, np.exp(theta[_N_OTHERS:])


def weighted(posterior: QuadraticTrendPosterior, features: Array, weights: Array) -> tuple[Array, Array]:
    """Return Σ_b weights_b k(x, x_b) at features (m, D), (m,), and its slopes (m, D)."""
    amplitude, linear, quadratic, lengths = parts(posterior.theta)
    inner = features @ posterior.features.T
    bell = amplitude * _bell(posterior.theta, features, posterior.features)
    values = (CONSTANT + linear * inner + quadratic * inner**2 + bell) @ weights
    to_inner = (linear + 2.0 * quadratic * inner) * weights
    return values, posterior.pulled(to_inner, bell * weights, features, lengths**-2.0)


def weighted_rows(posterior: QuadraticTrendPosterior, features: Array, weights: Array) -> tuple[Array, Array]:
    """Return Σ_b weights_mb k(x_m, x_b) at features (m, D), (m,), and its slopes (m, D); weights (m, n)."""
    amplitude, linear, quadratic, lengths = parts(posterior.theta)
    inner = features @ posterior.features.T
    bell = amplitude * _bell(posterior.theta, features, posterior.features)
    values = ((CONSTANT + linear * inner + quadratic * inner**2 + bell) * weights).sum(axis=1)
    to_inner = (linear + 2.0 * quadratic * inner) * weights
    return values, posterior.pulled(to_inner, bell * weights, features, lengths**-2.0)


def prior_mean(n_lengths: int) -> Array:
    """Return the prior's mean of the hyperparameters, shape (4 + n_lengths,)."""
    return np.concatenate([_PRIOR_MEANS, np.full(n_lengths, _LENGTH_MEAN)])


def learn(start: Array | None, features: Array, values: Array, variances: Array, n_iterations: int) -> Array:
    """Return the most probable hyperparameters, searched from ``start`` or from the prior's mean.

    Args:
        features, values, variances: shapes (n, D), (n,) and (n,).
        n_iterations: of L-BFGS.
    """
    n_lengths = features.shape[1]
    means, _ = _prior(n_lengths)
    lowest = np.concatenate([_LOWEST, np.full(n_lengths, _LENGTH_BOUNDS[0])])
    highest = np.concatenate([_HIGHEST, np.full(n_lengths, _LENGTH_BOUNDS[1])])
    bounds: list[tuple[float, float]] = [(float(a), float(b)) for a, b in zip(lowest, highest)]

    def negative(theta: Array) -> tuple[float, Array]:
        return _negative(theta, features, values, variances)

    first = means if start is None or len(start) != len(means) else start
    found = minimize(
        negative,
        np.clip(first, lowest, highest),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": n_iterations, "ftol": _VALUE_TOLERANCE, "gtol": _SLOPE_TOLERANCE},
    )
    return np.asarray(found.x)


def redrawn(
    posterior: QuadraticTrendPosterior, n: int, rng: np.random.Generator
) -> list[QuadraticTrendPosterior]:
    """Return n posteriors whose hyperparameters are drawn: Laplace's approximation around the learned ones.

    Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", 5.2.
    """
    variances = (posterior.noises - NUGGET) / float(np.exp(posterior.theta[_N_OTHERS - 1]))
    told = posterior.features, posterior.values, variances
    steps = _THETA_STEP * np.eye(len(posterior.theta))
    rows = [
        (_negative(posterior.theta + step, *told)[1] - _negative(posterior.theta - step, *told)[1])
        for step in steps
    ]
    curvature = np.array(rows) / (2.0 * _THETA_STEP)
    _, widths = _prior(posterior.features.shape[1])
    # in units of the prior, than which no direction is wider
    squares, axes = np.linalg.eigh(0.5 * (curvature + curvature.T) * np.outer(widths, widths))
    root = widths[:, None] * axes / np.sqrt(np.maximum(squares, 1.0))
    thetas = posterior.theta + rng.standard_normal((n, len(widths))) @ root.T
    return [fit(theta, *told) for theta in thetas]


def _prior(n_lengths: int) -> tuple[Array, Array]:
    """Return means and widths of the prior of the hyperparameters, each (4 + n_lengths,)."""
    return prior_mean(n_lengths), np.concatenate([_PRIOR_WIDTHS, np.full(n_lengths, _LENGTH_WIDTH)])


def _negative(theta: Array, features: Array, values: Array, variances: Array) -> tuple[float, Array]:
    """Return minus the log posterior density of the hyperparameters and its gradient, (4 + D,)."""
    means, widths = _prior(features.shape[1])
    try:
        log_density, slope = log_likelihood(theta, features, values, variances)
    except NumericalError:
        return 1e10, np.zeros_like(theta)
    off = (theta - means) / widths
    return 0.5 * float(off @ off) - log_density, off / widths - slope


def log_likelihood(theta: Array, features: Array, values: Array, variances: Array) -> tuple[float, Array]:
    """Return log p(values) and its gradient by theta, shape (4 + D,).

    Source: Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning", eq. 2.30 and 5.9.

    Raises:
        NumericalError: the covariance is not positive definite.
    """
    amplitude, linear, quadratic, excess = np.exp(theta[:_N_OTHERS])
    inner = features @ features.T
    bell = amplitude * _bell(theta, features, features)
    matrix = CONSTANT + linear * inner + quadratic * inner**2 + bell
    matrix.flat[:: len(matrix) + 1] += excess * variances + NUGGET
    factor = linalg.cholesky(matrix)
    alpha = linalg.solve(factor, values)
    log_density = -0.5 * float(values @ alpha) - float(np.log(np.diagonal(factor)).sum())
    log_density -= 0.5 * len(values) * float(np.log(2.0 * np.pi))

    weights = 0.5 * (np.outer(alpha, alpha) - linalg.inverse(factor))
    on_bell = weights * bell
    # Σ_ab w_ab (x_a - x_b)² by coordinate, without an array of all differences
    sums = 2.0 * ((features**2 * on_bell.sum(axis=1)[:, None]).sum(axis=0))
    sums -= 2.0 * np.einsum("aj,ab,bj->j", features, on_bell, features, optimize=True)
    slope = np.concatenate(
        [
            [
                on_bell.sum(),
                linear * (weights * inner).sum(),
                quadratic * (weights * inner**2).sum(),
                excess * float(np.diagonal(weights) @ variances),
            ],
            sums * np.exp(-2.0 * theta[_N_OTHERS:]),
        ]
    )
    return log_density, slope


def covariance(theta: Array, left: Array, right: Array) -> Array:
    """Return the covariance of the noiseless output between features (m, D) and (n, D), (m, n)."""
    amplitude, linear, quadratic, _ = np.exp(theta[:_N_OTHERS])
    inner = left @ right.T
    return np.asarray(
        CONSTANT + linear * inner + quadratic * inner**2 + amplitude * _bell(theta, left, right)
    )


def own_variance(theta: Array, features: Array) -> Array:
    """Return the prior variance of the noiseless output at features (m, D), (m,)."""
    amplitude, linear, quadratic, _ = np.exp(theta[:_N_OTHERS])
    norms = np.einsum("ij,ij->i", features, features)
    return np.asarray(CONSTANT + linear * norms + quadratic * norms**2 + amplitude)


def _bell(theta: Array, left: Array, right: Array) -> Array:
    lengths = np.exp(theta[_N_OTHERS:])
    return np.exp(-0.5 * squared_distances(left / lengths, right / lengths))
