"""Noisy expected improvement: expected improvement averaged over draws of the uncertain incumbent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from smbo.acquisition.base import Acquisition, Criterion, check_draws
from smbo.acquisition.expected_improvement import LogExpectedImprovement, log_expected_improvement, normal
from smbo.acquisition.feasibility import Feasibility
from smbo.errors import RecipeError
from smbo.surrogates import linalg
from smbo.surrogates.base import ExactProcess, Posterior, ResidualPosterior
from smbo.surrogates.gp.kernels import squared_distances
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class NoisyLogExpectedImprovement:
    """Logarithm of the expected improvement, averaged over draws of the function at the known points.

    Example: ``Recipe(GP(), NoisyLogExpectedImprovement())``

    The function's values at evaluated and pending points are drawn from the posterior; each draw
    has its own incumbent and, being noiseless, its own posterior.  All share one Cholesky factor.

    Source: Letham et al. (2019), "Constrained Bayesian Optimization with Noisy Experiments",
        sec. 3; its logarithm as in Ament et al. (2023).

    Attributes:
        seed: of the draws; a proposal sets its own.
        n_draws: even; half of them mirror the other half.

    >>> recipe = Recipe(GP(), NoisyLogExpectedImprovement())
    """

    seed: int = 0
    n_draws: int = 16
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def __post_init__(self) -> None:
        check_draws(self.n_draws)

    def seeded(self, seed: int) -> NoisyLogExpectedImprovement:
        """Return the same acquisition with other draws."""
        return replace(self, seed=seed)

    def for_posterior(self, posterior: Posterior) -> Acquisition:
        """Return this acquisition, or the noiseless one where the GP with a trend cannot be drawn alone."""
        return LogExpectedImprovement() if isinstance(posterior, ResidualPosterior) else self

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised.

        Raises:
            RecipeError: the posterior is not that of a Gaussian process.
        """
        belief = normal(posterior)
        if not isinstance(belief, ExactProcess):
            raise RecipeError(
                f"noisy expected improvement draws from a Gaussian process, and {type(belief).__name__} is "
                "none; use LogExpectedImprovement with this surrogate"
            )
        rng = np.random.default_rng([self.seed, len(data.pending)])
        half = rng.standard_normal((len(belief.values), self.n_draws // 2))
        errors = rng.standard_normal(half.shape)
        return NoisyImprovement.of(
            belief,
            data,
            np.concatenate([half, -half], axis=1),
            np.concatenate([errors, -errors], axis=1),
        )


class Draws(NamedTuple):
    """Draws of the function at a posterior's own rows.

    Attributes:
        factor: of the function's covariance at the rows, without noise, (n, n).
        weights: of the rows in the posterior mean given each draw, (n, k).
        values: at the rows, latent, (n, k).
    """

    factor: Array
    weights: Array
    values: Array


def draws_at_rows(posterior: ExactProcess, normals: Array, errors: Array) -> Draws:
    """Return draws made of standard normal numbers, each (n, k)."""
    covariance = posterior.cross_covariance(posterior.scaled)
    factor = linalg.cholesky(covariance)
    noise = np.einsum("ij,ij->i", posterior.factor, posterior.factor) - posterior.amplitude
    prior = factor @ normals
    told = prior + np.sqrt(np.maximum(noise, 0.0))[:, None] * errors
    # Matheron's rule, at the rows themselves; K⁻¹ of a draw needs no second, ill-conditioned solve
    update = linalg.solve(posterior.factor, (posterior.values - posterior.mean)[:, None] - told)
    values = posterior.mean + prior + covariance @ update
    return Draws(factor, linalg.solve_lower_transposed(factor, normals) + update, values)


@dataclass(frozen=True, eq=False)
class NoisyImprovement:
    """The criterion of NoisyLogExpectedImprovement.

    Attributes:
        posterior: latent, whose rows are the evaluated, the failed and the pending points.
        factor: of the function's covariance at these rows, without noise, (n, n).
        weights: of the rows in the posterior mean given each draw, (n, k).
        incumbents: lowest value of each draw, (k,).
        feasibility: of evaluations, None where all were feasible.
    """

    posterior: ExactProcess
    factor: Array
    weights: Array
    incumbents: Array
    feasibility: Feasibility | None

    @classmethod
    def of(
        cls, posterior: ExactProcess, data: TrainingData, normals: Array, errors: Array
    ) -> NoisyImprovement:
        """Return the criterion of draws made of standard normal numbers, each (n, k)."""
        factor, weights, values = draws_at_rows(posterior, normals, errors)
        usable = np.ones(len(values), dtype=np.bool_)
        n = len(data)
        usable[:n] = data.feasible if data.feasible.any() else True
        usable[n : n + len(data.failed)] = False  # failed points have no value
        return cls(posterior, factor, weights, values[usable].min(axis=0), Feasibility.of(data))

    def __call__(self, points: Array) -> Array:
        belief = self.posterior
        cross = belief.cross_covariance(belief.encode(points))
        half = linalg.solve_lower(self.factor, cross.T)
        logs, _ = self._logs(cross, self._std(half), self.draws)
        worth = _log_sums(logs) - np.log(logs.shape[1])
        if self.feasibility is None:
            return np.asarray(worth)
        return np.asarray(worth + self.feasibility.log_probability(points))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the criterion (m,) and its gradient (m, d)."""
        return self.judged(points, self.draws)

    def batched(self, criteria: Sequence[Criterion]) -> BatchedNoisyImprovements:
        """Return the criteria of a batch's points, in the order of their selection, stacked."""
        mine = [one for one in criteria if isinstance(one, NoisyImprovement)]
        return BatchedNoisyImprovements(mine[-1], _DrawsOfEach.of([one.draws for one in mine]))

    @property
    def draws(self) -> _Draws:
        """Weights and lowest values of the draws."""
        return _Draws(self.weights, self.incumbents)

    def judged(self, points: Array, draws: _Draws | _DrawsOfEach) -> tuple[Array, Array]:
        """Return the criterion (m,) and its gradient (m, d) by draws for all points, or for each."""
        belief = self.posterior
        scaled = belief.encode(points)
        profile, slope = belief.kernel.profile_and_slope(squared_distances(scaled, belief.scaled))
        cross = belief.amplitude * profile
        # of a prefix of the rows: a triangular solve's first entries do not depend on later rows
        half = draws.known(linalg.solve_lower(self.factor, cross.T))
        beta = linalg.solve_lower_transposed(self.factor, half).T
        std = self._std(half)
        logs, means = self._logs(cross, std, draws)
        total = _log_sums(logs)
        shares = np.exp(logs - total[:, None])
        z = (draws.incumbents - means) / std[:, None]
        log_h = logs - np.log(std)[:, None]
        to_means = -shares * np.exp(log_ndtr(z) - log_h) / std[:, None]
        to_std = (shares * np.exp(-0.5 * z**2 - _LOG_ROOT_TWO_PI - log_h)).sum(axis=1) / std
        # d mean / d cross = weights and d std / d cross = -beta / std, of each row
        to_cross = draws.to_cross(to_means) - (to_std / std)[:, None] * beta
        pairs = 2.0 * belief.amplitude * slope * to_cross
        to_scaled = scaled * pairs.sum(axis=1)[:, None] - pairs @ belief.scaled
        gradient = belief.pulled_back(points, to_scaled)
        worth = total - np.log(logs.shape[1])
        if self.feasibility is None:
            return np.asarray(worth), gradient
        log_p, log_p_slope = self.feasibility.with_gradient(points)
        return np.asarray(worth + log_p), gradient + log_p_slope

    def _logs(self, cross: Array, std: Array, draws: _Draws | _DrawsOfEach) -> tuple[Array, Array]:
        """Return the log improvement and the mean by point and draw, each (m, k)."""
        means = self.posterior.mean + draws.of_cross(cross)
        flat_std = np.repeat(std, means.shape[1])
        gaps = (draws.incumbents - means).ravel()
        logs = log_expected_improvement(-gaps, flat_std, 0.0).reshape(means.shape)
        return logs, means

    def _std(self, half: Array) -> Array:
        amplitude = self.posterior.amplitude
        variance = amplitude - np.einsum("ij,ij->j", half, half)
        return np.sqrt(np.maximum(variance, linalg.VARIANCE_FLOOR * amplitude))


@dataclass(frozen=True, eq=False)
class BatchedNoisyImprovements:
    """Stacked criteria of the points of a batch, one for each point.

    Attributes:
        last: the criterion with the most rows.
        draws: of each criterion.
    """

    last: NoisyImprovement
    draws: _DrawsOfEach

    def of_rows(self, rows: NDArray[np.intp]) -> BatchedNoisyImprovements:
        """Return the criteria of these rows."""
        return replace(self, draws=self.draws.of_rows(rows))

    def __call__(self, points: Array) -> Array:
        return self.with_gradient(points)[0]

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return each point's own criterion (m,) and its gradient (m, d)."""
        return self.last.judged(points, self.draws)


@dataclass(frozen=True, eq=False)
class _Draws:
    """Draws shared by all points: weights of the rows (n, k), lowest values (k,)."""

    weights: Array
    incumbents: Array

    def known(self, half: Array) -> Array:
        return half

    def of_cross(self, cross: Array) -> Array:
        return np.asarray(cross @ self.weights)

    def to_cross(self, to_means: Array) -> Array:
        return np.asarray(to_means @ self.weights.T)


@dataclass(frozen=True, eq=False)
class _DrawsOfEach:
    """Draws of m criteria: weights (m, n, k), 0 at later rows; lowest values (m, k).

    Attributes:
        is_known: whether a row is among those of a criterion, (n, m).
    """

    weights: Array
    incumbents: Array
    is_known: NDArray[np.bool_]

    @classmethod
    def of(cls, draws: Sequence[_Draws]) -> _DrawsOfEach:
        n_known = np.array([len(one.weights) for one in draws])
        weights = np.zeros((len(draws), n_known.max(), draws[0].weights.shape[1]))
        for mine, one in zip(weights, draws):
            mine[: len(one.weights)] = one.weights
        is_known = np.arange(weights.shape[1])[:, None] < n_known
        return cls(weights, np.stack([one.incumbents for one in draws]), is_known)

    def of_rows(self, rows: NDArray[np.intp]) -> _DrawsOfEach:
        return _DrawsOfEach(self.weights[rows], self.incumbents[rows], self.is_known[:, rows])

    def known(self, half: Array) -> Array:
        return np.where(self.is_known, half, 0.0)

    def of_cross(self, cross: Array) -> Array:
        return np.einsum("mn,mnk->mk", cross, self.weights)

    def to_cross(self, to_means: Array) -> Array:
        return np.einsum("mk,mnk->mn", to_means, self.weights)


def _log_sums(logs: Array) -> Array:
    """Return log Σ_b exp(logs_ab), (m,), of finite logarithms; scipy's logsumexp would dominate the cost."""
    top = logs.max(axis=1)
    return np.asarray(top + np.log(np.exp(logs - top[:, None]).sum(axis=1)))
