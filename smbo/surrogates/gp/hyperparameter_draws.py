"""Draws of hyperparameters: Laplace's approximation around the most probable ones, resampled by importance.

Proposals are of a multivariate Student's t around the maximum, with the curvature of the log posterior
density there; each counts by density over proposal density, and the draws are resampled by these weights.

Sources: Gelman et al. (2013), "Bayesian Data Analysis", 10.4 (importance resampling) and 13.3 (normal and t
    approximations around a mode); Rasmussen & Williams (2006), "Gaussian Processes for Machine Learning",
    5.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smbo.errors import NumericalError
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters, Likelihood, bounds_of
from smbo.training_data import Array

_STEP = 1e-3  # of the differences of gradients, in logarithms
_DEGREES_OF_FREEDOM = 6.0
# Largest deviation of a proposal along an axis of the curvature, in deviations of the prior.
_WIDEST = 1.5


class Proposed(NamedTuple):
    """Proposed hyperparameters, and the logarithm of their posterior over their proposal density."""

    thetas: tuple[Hyperparameters, ...]
    logs: Array


def proposed_around(
    likelihood: Likelihood, mode: Hyperparameters, n: int, rng: np.random.Generator, stretch: float = 0.0
) -> Proposed:
    """Return n proposals around the most probable hyperparameters, which are the first of them.

    Args:
        stretch: added to the log density: the Jacobian of an outcome transform.
    """
    least = likelihood.priors.least_log_amplitude
    low, high = bounds_of(likelihood.n_axes, len(mode.log_warps), least).T
    centre = np.clip(mode.vector(), low, high)
    _, prior_stds = likelihood.priors.moments(likelihood.n_axes, bool(mode.log_warps))
    root, log_size = _root(_curvature(likelihood, centre), prior_stds)
    steps = rng.standard_normal((n, len(centre)))
    steps *= np.sqrt(_DEGREES_OF_FREEDOM / rng.chisquare(_DEGREES_OF_FREEDOM, n))[:, None]
    steps[0] = 0.0
    vectors = centre + steps @ root.T
    inside = ((vectors >= low) & (vectors <= high)).all(axis=1)
    inside[0] = True
    freedom = _DEGREES_OF_FREEDOM + len(centre)
    proposed = -0.5 * freedom * np.log1p((steps**2).sum(axis=1) / _DEGREES_OF_FREEDOM) - log_size
    thetas = tuple(Hyperparameters.of_vector(each, likelihood.n_axes) for each in vectors)
    logs = np.array(
        [stretch - likelihood.negative(theta) if near else -np.inf for theta, near in zip(thetas, inside)]
    )
    return Proposed(thetas, logs - proposed)


def resampled(logs: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return rows drawn n times by weights exp(logs), systematically, (n,), ascending."""
    weights = np.exp(logs - logs.max())
    rows = np.searchsorted(np.cumsum(weights) / weights.sum(), (np.arange(n) + rng.random()) / n)
    return np.minimum(rows, len(logs) - 1)


def _curvature(likelihood: Likelihood, centre: Array) -> Array:
    """Return the Hessian of minus the log density, by central differences of its gradient, (p, p)."""
    rows = []
    for step in _STEP * np.eye(len(centre)):
        try:
            up = likelihood.negative_with_gradient(centre + step)[1]
            down = likelihood.negative_with_gradient(centre - step)[1]
        except NumericalError:
            up = down = np.zeros_like(centre)
        rows.append((up - down) / (2.0 * _STEP))
    found = np.array(rows)
    return 0.5 * (found + found.T)


def _root(curvature: Array, prior_stds: Array) -> tuple[Array, float]:
    """Return F with F Fᵀ the covariance of proposals, about as wide as the prior at most, and log |F|."""
    in_priors = curvature * np.outer(prior_stds, prior_stds)
    values, axes = np.linalg.eigh(in_priors)
    widths = 1.0 / np.sqrt(np.maximum(values, _WIDEST**-2.0))
    return prior_stds[:, None] * axes * widths, float(np.log(prior_stds).sum() + np.log(widths).sum())
