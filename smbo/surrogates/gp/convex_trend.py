"""A convex quadratic trend beside a Gaussian process: near its optimum a smooth function is a bowl.

The function is a constant, a quadratic polynomial whose Hessian is positive semi-definite, and a process of
small amplitude for the rest.  Of noisy evaluations an unconstrained quadratic often has a direction that
falls to a bound, which few functions have that are searched for an optimum; the constraint takes a third
of the error of the optimum away.

Coefficients are drawn from their normal posterior, truncated to convex ones: elliptical slice sampling, with
the lowest eigenvalue of the Hessian raised to zero in steps.

Sources: Murray, Adams & MacKay (2010), "Elliptical Slice Sampling"; Au & Beck (2001), "Estimation of Small
    Failure Probabilities in High Dimensions by Subset Simulation" (the steps, and the probability).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates import linalg
from smbo.surrogates.base import LeftOut
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.hyperparameter_draws import Proposed
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.surrogates.gp.pathwise_draws import GPDraws, TrendDraws
from smbo.surrogates.gp.polynomial_basis import Polynomials, degrees
from smbo.surrogates.gp.universal_kriging import UniversalKriging
from smbo.training_data import Array, TrainingData

QUADRATIC = Polynomials(2)
_N_STEPS = 4  # of slice sampling at each threshold
_N_STEPS_FROM_STARTS = 10
_N_TRIES = 12  # of a bracket; the state stays where none is convex enough
_N_LEVELS = 40  # thresholds at most
_N_CHAINS = 96  # from which probabilities are estimated
_N_CHAINS_OF_DRAWS = 32  # at least, from which their mean is estimated


@dataclass(frozen=True, eq=False)
class ConvexTrendPosterior:
    """The posterior of constant, convex quadratic and process, which is given by draws.

    Attributes:
        process: posterior of the process alone, given values less the trend's most probable ones.
        terms: of the polynomial in each row, (n, q).
        values: latent, (n,).
        smooth: columns of unit points that are not categorical.
        centre, root: of the normal posterior of the coefficients, (q,) and (q, q).
        starts: coefficients of convex quadratics from which draws begin, (q, k); None for none.
    """

    process: GPPosterior
    terms: Array
    values: Array
    smooth: NDArray[np.intp]
    centre: Array
    root: Array
    starts: Array | None = None

    @property
    def noise(self) -> float:
        """Variance of an evaluation, latent."""
        return self.process.noise

    def left_out(self) -> LeftOut:
        """Return how each value is predicted from all others, without the constraint, latent."""
        factor = self.process.factor
        whole = linalg.cholesky(factor @ factor.T + 1.0 + self.terms @ self.terms.T)
        variances = 1.0 / linalg.inverse(whole).diagonal()
        errors = variances * linalg.solve(whole, self.values)
        return LeftOut(self.values[None], errors[None], variances[None], np.ones(1))

    def function_draws(
        self, rng: np.random.Generator, n: int, n_frequencies: int, boldness: float = 1.0
    ) -> TrendDraws:
        """Return n functions drawn from the posterior, standardized, to be evaluated together.

        Args:
            boldness: factor on the deviations of draws from their mean.
        """
        d = len(self.smooth)
        chains, _ = convex_draws(self.centre, self.root, d, max(n, _N_CHAINS_OF_DRAWS), rng, self.starts)
        mean = chains.mean(axis=1, keepdims=True)
        coefficients = mean + boldness * (chains[:, :n] - mean)
        values = self.values[:, None] - self.terms @ coefficients
        process = GPDraws.of(self.process, rng, n, n_frequencies, values=values, boldness=boldness)
        return TrendDraws(process, QUADRATIC, self.smooth, coefficients)


@dataclass(frozen=True, eq=False)
class ConvexTrend:
    """A constant, a convex quadratic and a Gaussian process, with fixed hyperparameters.

    Attributes:
        kriging: the same model without the constraint.
        starts: coefficients of convex quadratics, (q, k), drawn given the most probable hyperparameters;
            given others, draws begin there.
        log_probability: of the constraint, over that before any data.
    """

    kriging: UniversalKriging
    starts: Array | None = None
    log_probability: float = 0.0

    @classmethod
    def of(cls, kriging: UniversalKriging, data: TrainingData, rng: np.random.Generator) -> ConvexTrend:
        """Return the model with the constraint.

        Args:
            kriging: without it, with its hyperparameters fixed.
            data: that these were learned from.
        """
        posterior = cls(kriging).fit(data)
        d = len(posterior.smooth)
        starts, log_probability = convex_draws(posterior.centre, posterior.root, d, _N_CHAINS, rng)
        return cls(kriging, starts, log_probability - _log_share_convex(d))

    def proposed(self, data: TrainingData, n: int, rng: np.random.Generator) -> Proposed:
        """Return n hyperparameters proposed around the fixed ones, weighed by their posterior density."""
        found = self.kriging.proposed(data, n, rng)
        return Proposed(found.thetas, found.logs + self.log_probability)

    def with_hyperparameters(self, theta: Hyperparameters) -> ConvexTrend:
        """Return the same model with other hyperparameters."""
        return replace(self, kriging=self.kriging.with_hyperparameters(theta))

    def fit(self, data: TrainingData) -> ConvexTrendPosterior:
        """Return the posterior."""
        process: GP = self.kriging.process
        alone = process.fit(data)
        columns = [column for column, axis in enumerate(data.axes) if axis.kind != "categorical"]
        smooth = np.array(columns, dtype=np.intp)
        terms = QUADRATIC.terms(data.points[:, smooth])
        # the constant m ~ N(0, 1) is integrated out
        whole = linalg.cholesky(alone.factor @ alone.factor.T + 1.0)
        half = linalg.solve_lower(whole, terms)
        factor = linalg.cholesky(np.eye(terms.shape[1]) + half.T @ half)
        centre = linalg.solve(factor, half.T @ linalg.solve_lower(whole, alone.values))
        root = linalg.solve_lower_transposed(factor, np.eye(len(factor)))
        return ConvexTrendPosterior(alone, terms, alone.values, smooth, centre, root, self.starts)


def convex_draws(
    centre: Array, root: Array, d: int, n: int, rng: np.random.Generator, starts: Array | None = None
) -> tuple[Array, float]:
    """Return n draws of N(centre, root rootᵀ) whose quadratic is convex, (q, n), and log P(convex).

    Args:
        starts: convex quadratics from which chains begin, (q, k), in place of thresholds in steps; then the
            probability is not estimated, NaN.
    """
    states = rng.standard_normal((n, len(centre)))
    lowest = _lowest_curvature(centre, root, states, d)
    if starts is not None:
        bent = np.flatnonzero(lowest < 0.0)  # the others are draws as they are
        chosen = starts[:, rng.integers(starts.shape[1], size=len(bent))]
        states[bent] = np.linalg.solve(root, chosen - centre[:, None]).T
        lowest[bent] = np.maximum(_lowest_curvature(centre, root, states[bent], d), 0.0)
        for _ in range(_N_STEPS_FROM_STARTS):
            states, lowest = _sliced(centre, root, states, lowest, 0.0, d, rng)
        return centre[:, None] + root @ states.T, np.nan
    threshold, log_probability = -np.inf, 0.0
    for _ in range(_N_LEVELS):
        if threshold >= 0.0:
            break
        before, threshold = threshold, min(0.0, float(np.median(lowest)))
        if threshold <= before:
            threshold = min(0.0, float(np.quantile(lowest, 0.75)))
        good = np.flatnonzero(lowest >= threshold)
        log_probability += float(np.log(len(good) / n))
        copies = good[rng.integers(len(good), size=n)]
        states, lowest = states[copies], lowest[copies]
        for _ in range(_N_STEPS):
            states, lowest = _sliced(centre, root, states, lowest, threshold, d, rng)
    return centre[:, None] + root @ states.T, log_probability


def _sliced(
    centre: Array,
    root: Array,
    states: Array,
    lowest: Array,
    threshold: float,
    d: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Return the states (n, q) after a step of elliptical slice sampling, and their lowest curvatures."""
    n = len(states)
    others = rng.standard_normal(states.shape)
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    low, high = angle - 2.0 * np.pi, angle.copy()
    moved, curvature = states.copy(), lowest.copy()
    waiting = np.arange(n)
    for _ in range(_N_TRIES):
        tried = states[waiting] * np.cos(angle[waiting])[:, None]
        tried += others[waiting] * np.sin(angle[waiting])[:, None]
        found = _lowest_curvature(centre, root, tried, d)
        good = found >= threshold
        moved[waiting[good]], curvature[waiting[good]] = tried[good], found[good]
        waiting = waiting[~good]
        if len(waiting) == 0:
            break
        low[waiting] = np.where(angle[waiting] < 0.0, angle[waiting], low[waiting])
        high[waiting] = np.where(angle[waiting] >= 0.0, angle[waiting], high[waiting])
        angle[waiting] = rng.uniform(low[waiting], high[waiting])
    return moved, curvature


def _lowest_curvature(centre: Array, root: Array, states: Array, d: int) -> Array:
    """Return the lowest eigenvalue of the Hessian at each state, (n,)."""
    rows, lefts, rights, sizes = _second_derivatives(d)
    coefficients = sizes * (centre[rows] + states @ root[rows].T)
    hessians = np.empty((len(states), d, d))
    hessians[:, lefts, rights] = hessians[:, rights, lefts] = coefficients
    return np.asarray(np.linalg.eigvalsh(hessians)[:, 0])


@lru_cache(maxsize=64)
def _second_derivatives(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], Array]:
    """Return quadratic coefficients, the place of each in the Hessian and its factor, each (d (d+1)/2,)."""
    powers = degrees(d, 2)
    rows = np.flatnonzero(powers.sum(axis=1) == 2)
    pairs = np.array([np.repeat(np.arange(d), powers[row]) for row in rows])
    # second derivatives of the products of Legendre polynomials over the unit cube
    sizes = np.where(pairs[:, 0] == pairs[:, 1], 12.0 * np.sqrt(5.0), 12.0)
    return rows, pairs[:, 0], pairs[:, 1], sizes


@lru_cache(maxsize=64)
def _log_share_convex(d: int) -> float:
    """Return the logarithm of the share of convex quadratics in the prior of the coefficients."""
    q = QUADRATIC.count(d)
    return convex_draws(np.zeros(q), np.eye(q), d, 400, np.random.default_rng(d))[1]
