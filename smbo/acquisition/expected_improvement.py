"""Expected improvement, probability of improvement and the lower confidence bound, for one value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr

from smbo.acquisition.base import Criterion, DifferentiableCriterion
from smbo.acquisition.feasibility import Feasibility
from smbo.surrogates.base import (
    DifferentiablePosterior,
    Posterior,
    QuickMeans,
    StackablePosterior,
    WarpedPosterior,
)
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))
_ROOT_HALF, _ROOT_HALF_PI = math.sqrt(0.5), math.sqrt(0.5 * math.pi)
# Beyond these deviations from the incumbent the improvement's formula is replaced by its limits.
_FAR, _LARGE = -1e4, 25.0

# (mean, std, incumbent) to (score, d score / d mean, d score / d std), each (m,)
Score = Callable[[Array, Array, float | Array], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class LogExpectedImprovement:
    """Logarithm of the expected improvement: the same optimum, and gradients where EI underflows.

    Example: ``Recipe(GP(), LogExpectedImprovement(margin=0.1))``

    Attributes:
        margin: subtracted from the incumbent, in standard deviations of the posterior means of the
            evaluated points.  Above 0 small gains near the incumbent do not count.

    Source: Ament et al. (2023), "Unexpected Improvements to Expected Improvement for Bayesian
        Optimization", eq. 9; the margin is Lizotte's (2008, "Practical Bayesian Optimization").

    >>> recipe = Recipe(GP(), LogExpectedImprovement())
    """

    margin: float = 0.0
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_context: ClassVar[bool] = True

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        latent = normal(posterior)
        target = incumbent(latent, data)
        if self.margin:
            target -= self.margin * _spread(latent, data)
        return _criterion(latent, target, _log_expected_improvement, Feasibility.of(data))


def improvement_on(posterior: Posterior, best: float, data: TrainingData) -> Criterion:
    """Return the logarithm of the expected improvement on a given value, of a posterior that is normal."""
    return _criterion(posterior, best, _log_expected_improvement, Feasibility.of(data))


@dataclass(frozen=True)
class ExpectedImprovement:
    """Expected improvement on the incumbent.

    Example: ``Recipe(GP(), ExpectedImprovement())``

    >>> recipe = Recipe(GP(), ExpectedImprovement())
    """

    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_context: ClassVar[bool] = True

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        return _exponential(LogExpectedImprovement().build(posterior, data))


@dataclass(frozen=True)
class ProbabilityOfImprovement:
    """Logarithm of the probability to improve on the incumbent by a margin.

    Example: ``Recipe(GP(), ProbabilityOfImprovement())``

    Attributes:
        margin: in standard deviations of the posterior means of the evaluated points.

    >>> recipe = Recipe(GP(), ProbabilityOfImprovement())
    """

    margin: float = 0.01
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_context: ClassVar[bool] = True

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        latent = normal(posterior)
        target = incumbent(latent, data) - self.margin * _spread(latent, data)
        return _criterion(latent, target, _log_probability, Feasibility.of(data))


@dataclass(frozen=True)
class LowerConfidenceBound:
    """Minus the lower confidence bound: -(mean - weight * std).

    Example: ``Recipe(GP(), LowerConfidenceBound(weight=3.0))``

    >>> recipe = Recipe(GP(), LowerConfidenceBound())
    """

    weight: float = 2.0
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_context: ClassVar[bool] = True

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""

        def score(mean: Array, std: Array, _best: float | Array) -> tuple[Array, Array, Array]:
            return self.weight * std - mean, -np.ones_like(mean), np.full_like(std, self.weight)

        # the bound is in units of the values, so the log feasibility is scaled to them
        latent = normal(posterior)
        return _criterion(latent, 0.0, score, Feasibility.of(data), _spread(latent, data))


def normal(posterior: Posterior) -> Posterior:
    """Return the posterior on the latent scale of the values, where it is normal.

    Improvement is computed there: on the scale of the values a skewed posterior's standard deviation
    comes from its far, bad tail, and does not reflect the chance to improve.
    """
    return posterior.latent if isinstance(posterior, WarpedPosterior) else posterior


def _spread(posterior: Posterior, data: TrainingData) -> float:
    return float(means(posterior, data.points).std())


def means(posterior: Posterior, points: Array) -> Array:
    """Return the means at unit points (m, d), shape (m,)."""
    if isinstance(posterior, QuickMeans):
        return posterior.means_only(points)
    return posterior.moments(points)[0]


def incumbent(posterior: Posterior, data: TrainingData) -> float:
    """Return the lowest posterior mean at feasible evaluated points and at pending ones.

    The mean, and not the observed value: with noise the lowest value is the luckiest one.  Pending
    points count, since their fantasies are in the posterior: otherwise a promising one would be
    proposed again.  Without a feasible point all evaluated points count.  Of a contextual problem they are
    what these points promise in the present context (the profile expected improvement of Ginsbourger et
    al. 2014, "Bayesian Adaptive Reconstruction of Profile Optima and Optimizers", for one context).
    """
    points = data.points[data.feasible] if data.feasible.any() else data.points
    here = data.in_context(np.concatenate([points, data.pending]))
    if data.context is not None and (feasibility := Feasibility.of(data)) is not None:
        chances = feasibility.log_probability(here)  # feasible in its own context is not feasible in this one
        here = here[chances >= min(math.log(0.5), float(chances.max()))]
    return float(means(posterior, here).min())


def log_expected_improvement(mean: Array, std: Array, best: float) -> Array:
    """Return log E[max(best - f, 0)] for f ~ N(mean, std²).

    Args:
        mean, std: posterior moments, shape (n,), in objective units; std > 0.
        best: the value to improve on, in the same units.

    Returns:
        Shape (n,); finite however small the improvement is.

    Source: Ament et al. (2023), eq. 9.
    """
    return np.asarray(np.log(std) + _log_h((best - mean) / std))


def _log_h(z: Array) -> Array:
    """Return log(φ(z) + z Φ(z)), shape (n,)."""
    if _is_moderate(z):
        return np.asarray(_log_density(z) + np.log1p(z * _mills_ratio(z)))
    far, large = z < _FAR, z > _LARGE
    inside = np.where(far | large, 0.0, z)
    log_h = _log_density(inside) + np.log1p(inside * _mills_ratio(inside))
    # for large z φ is nothing beside z; far out 1 + z Φ/φ loses its digits and tends to 1/z²: from z = -1e4
    # on 1/z² itself is closer (there both err by 3e-8)
    log_h = np.where(large, np.log(np.maximum(z, 1.0)), log_h)
    return np.where(far, _log_density(z) - 2.0 * np.log(np.maximum(-z, 1.0)), log_h)


def _is_moderate(z: Array) -> bool:
    return z.size > 0 and z.min() >= _FAR and z.max() <= _LARGE


def _log_density(z: Array) -> Array:
    return -0.5 * z**2 - _LOG_ROOT_TWO_PI


def _mills_ratio(z: Array) -> Array:
    """Return Φ(z) / φ(z), (n,): φ(z) alone underflows below z = -38."""
    return np.asarray(_ROOT_HALF_PI * erfcx(z * -_ROOT_HALF))


def _log_expected_improvement(mean: Array, std: Array, best: float | Array) -> tuple[Array, Array, Array]:
    z = (best - mean) / std
    # d EI / d mean = -Φ(z) and d EI / d std = φ(z); over EI = std * h
    if _is_moderate(z):
        mills = _mills_ratio(z)
        excess = z * mills
        by_std = 1.0 / ((1.0 + excess) * std)
        return np.log(std) + _log_density(z) + np.log1p(excess), -mills * by_std, by_std
    log_h = _log_h(z)
    # far out the difference of the logarithms is rounding alone, and may overflow; the ratios tend to |z|, z²
    far = z < _FAR
    share, density = log_ndtr(z) - log_h, _log_density(z) - log_h
    to_mean = -np.where(far, -z, np.exp(np.where(far, 0.0, share))) / std
    to_std = np.where(far, z**2, np.exp(np.where(far, 0.0, density))) / std
    return np.log(std) + log_h, to_mean, to_std


def _log_probability(mean: Array, std: Array, best: float | Array) -> tuple[Array, Array, Array]:
    z = (best - mean) / std
    log_p = log_ndtr(z)
    # φ(z) / Φ(z), without the difference of two logarithms that are large for z far below 0
    hazard = np.sqrt(2.0 / np.pi) / erfcx(-z / np.sqrt(2.0))
    return log_p, -hazard / std, -hazard * z / std


@dataclass(frozen=True, eq=False)
class _Scored:
    """A score of mean and standard deviation, plus a weight times log feasibility."""

    posterior: Posterior
    best: float
    score: Score
    feasibility: Feasibility | None
    weight: float

    def __call__(self, points: Array) -> Array:
        mean, std = self.posterior.moments(points)
        worth = self.score(mean, _positive(std, mean, self.best), self.best)[0]
        if self.feasibility is None:
            return worth
        return worth + self.weight * self.feasibility.log_probability(points)


@dataclass(frozen=True, eq=False)
class _DifferentiableScored(_Scored):
    posterior: DifferentiablePosterior

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        return self.scored(points, self.posterior.moments_and_gradients(points), self.best)

    def scored(
        self, points: Array, moments: tuple[Array, Array, Array, Array], best: float | Array
    ) -> tuple[Array, Array]:
        """Return the criterion (m,) and its gradient (m, d) from moments; one incumbent or one each."""
        mean, std, mean_slope, std_slope = moments
        worth, to_mean, to_std = self.score(mean, _positive(std, mean, best), best)
        slope = to_mean[:, None] * mean_slope + to_std[:, None] * std_slope
        if self.feasibility is None:
            return worth, slope
        log_p, log_p_slope = self.feasibility.with_gradient(points)
        return worth + self.weight * log_p, slope + self.weight * log_p_slope


@dataclass(frozen=True, eq=False)
class _Stackable(_DifferentiableScored):
    """A differentiable score of a posterior whose fantasies are its last rows: it can be stacked."""

    posterior: StackablePosterior

    def batched(self, criteria: Sequence[Criterion]) -> _BatchedScores:
        """Return the criteria of a batch's points, in the order of their selection, stacked."""
        mine = [one for one in criteria if isinstance(one, _Stackable)]
        n_known = np.array([one.posterior.n_rows for one in mine])
        return _BatchedScores(mine[-1], n_known, np.array([one.best for one in mine]))


@dataclass(frozen=True, eq=False)
class _BatchedScores:
    """Stacked criteria of the points of a batch.

    Each criterion has the fantasies of the points before its own, so that the last posterior serves all.

    Attributes:
        last: the criterion with the most fantasies.
        n_known: how many rows of the last posterior each criterion has, (k,).
        best: incumbent of each, (k,).
    """

    last: _Stackable
    n_known: NDArray[np.intp]
    best: Array

    def of_rows(self, rows: NDArray[np.intp]) -> _BatchedScores:
        """Return the criteria of these rows."""
        return replace(self, n_known=self.n_known[rows], best=self.best[rows])

    def __call__(self, points: Array) -> Array:
        return self.with_gradient(points)[0]

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        moments = self.last.posterior.moments_and_gradients(points, self.n_known)
        return self.last.scored(points, moments, self.best)


@dataclass(frozen=True, eq=False)
class _Exponential:
    """The exponential of a criterion."""

    logarithm: Criterion

    def __call__(self, points: Array) -> Array:
        return np.exp(self.logarithm(points))


@dataclass(frozen=True, eq=False)
class _DifferentiableExponential(_Exponential):
    logarithm: DifferentiableCriterion

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        log_worth, slope = self.logarithm.with_gradient(points)
        worth = np.exp(log_worth)
        return worth, worth[:, None] * slope


def _exponential(logarithm: Criterion) -> Criterion:
    if isinstance(logarithm, DifferentiableCriterion):
        return _DifferentiableExponential(logarithm)
    return _Exponential(logarithm)


def _criterion(
    posterior: Posterior,
    best: float,
    score: Score,
    feasibility: Feasibility | None,
    weight: float = 1.0,
) -> Criterion:
    if isinstance(posterior, StackablePosterior):
        return _Stackable(posterior, best, score, feasibility, weight)
    if isinstance(posterior, DifferentiablePosterior):
        return _DifferentiableScored(posterior, best, score, feasibility, weight)
    return _Scored(posterior, best, score, feasibility, weight)


def _positive(std: Array, mean: Array, best: float | Array) -> Array:
    # a forest whose trees agree has a standard deviation of 0, where z is undefined; the floor keeps
    # |z| below 1e10, whose square is finite
    return np.maximum(std, 1e-10 * np.abs(best - mean) + 1e-150)
