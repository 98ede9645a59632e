"""Acquisitions for level sets: reduce the volume that is expected to be misclassified (SUR), and straddle.

After an evaluation at x the posterior at a point u is N(m', s'²), with s' known beforehand and m' not.  The
uncertainty at u is the probability of misclassification, p (1 - p) with p = P(f(u) > level).  Its
expectation over the result of the evaluation, integrated over the space, is the remaining uncertainty; the
next point is the one that minimises it.

Sources: Bect et al. (2012), "Sequential design of computer experiments for the estimation of a
probability of failure" (the criterion); Chevalier et al. (2014), "Fast parallel kriging-based
stepwise uncertainty reduction with application to the identification of an excursion set" (its
evaluation at integration points drawn where it matters); Bryan et al. (2005), "Active learning for
identifying function threshold boundaries" (straddle).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Criterion
from smbo.acquisition.feasibility import Feasibility
from smbo.errors import RecipeError
from smbo.space import Space
from smbo.space.designs import design_rows
from smbo.surrogates.base import LevelSetPosterior, Posterior
from smbo.training_data import Array, Target, TrainingData

# Φ(z) (1 - Φ(z)) = exp(-2 z² / π) / 4 to fourth order in z, and within 0.011 everywhere.  Unlike the
# product itself its mean over a normal z has a closed form without bivariate probabilities.
_STEEPNESS = 2.0 / np.pi
_FEWEST_ALLOWED = 256


@dataclass(frozen=True)
class Misclassification:
    """Minimise the expected volume on the wrong side of the contours (SUR).

    Example: ``Recipe(LevelGP(), Misclassification())``

    Attributes:
        n_survey: points of the space at which misclassification is computed, a power of two.
        n_places: integration points among them, drawn by their misclassification.
        close: tolerated distance to the contour, as a share of the cube's edge: a point counts by the
            probability that it is on the wrong side by more than that.  With 0 a search refines the
            known part of the contour to the last digit, and misses other parts.

    >>> recipe = Recipe(Subset(LevelGP()), Misclassification())
    """

    n_survey: int = 2048
    n_places: int = 256
    close: float = 0.007
    serves: ClassVar[frozenset[Target]] = frozenset({Target.LEVEL_SET})

    def with_space(self, space: Space, rng: np.random.Generator) -> SurveyedMisclassification:
        """Return the acquisition for a space, with integration points drawn from it."""
        return SurveyedMisclassification(self, survey_of(space, self.n_survey, rng))

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        del posterior, data
        raise RecipeError("Misclassification needs to know the space: call with_space(space, rng) first")


@dataclass(frozen=True, eq=False)
class SurveyedMisclassification:
    """``Misclassification`` with the points of the space over which it integrates, (m, d)."""

    settings: Misclassification
    places: Array
    serves: ClassVar[frozenset[Target]] = frozenset({Target.LEVEL_SET})

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the expected reduction of misclassification as a function of the next point."""
        belief = level_posterior(posterior)
        chosen, weights = self._most_telling(belief)
        return ExpectedReduction.of(belief, self.places[chosen], weights, Feasibility.of(data))

    def _most_telling(self, belief: LevelSetPosterior) -> tuple[NDArray[np.intp], Array]:
        """Return rows of integration points drawn by their misclassification, (r,), and weights, (r,).

        Misclassification by more than ``close``, to first order in the slope.  Systematic resampling: the
        mean of reduction / misclassification over the drawn points estimates the sum over the space.
        """
        mean, std, slope = _steep_offsets(belief, self.places)
        unsure = doubt(mean / std).sum(axis=0)
        total = doubt((np.abs(mean) + self.settings.close * slope) / std).sum(axis=0)
        share = total / np.maximum(unsure, 1e-300)
        if total.sum() <= 1e-12 * len(total):  # no misclassification left: draw by standard deviation
            total = (std / std.sum(axis=1, keepdims=True)).sum(axis=0)
            share = np.ones(len(total))
        steps = (np.arange(self.settings.n_places) + 0.5) / self.settings.n_places
        rows = np.searchsorted(np.cumsum(total) / total.sum(), steps)
        rows, counts = np.unique(np.minimum(rows, len(total) - 1), return_counts=True)
        return rows, counts / total[rows] * share[rows]


@dataclass(frozen=True, eq=False)
class ExpectedReduction:
    """The expected reduction of misclassification by an evaluation.

    Attributes:
        belief: posterior of the functions.
        places: integration points, (r, d).
        weights: of the integration points, (r,).
        feasibility: probability that evaluations succeed; None for everywhere.
        mean, std: of each function minus its level at the integration points, (k, r).
    """

    belief: LevelSetPosterior
    places: Array
    weights: Array
    feasibility: Feasibility | None
    mean: Array
    std: Array

    @classmethod
    def of(
        cls, belief: LevelSetPosterior, places: Array, weights: Array, feasibility: Feasibility | None
    ) -> ExpectedReduction:
        return cls(belief, places, weights, feasibility, *belief.offsets(places))

    def __call__(self, points: Array) -> Array:
        """Return the log of the expected reduction at unit points (m, d), shape (m,)."""
        total = np.zeros(len(points))
        for process, mean, std in zip(self.belief.processes, self.mean, self.std):
            covariance = process.covariance(self.places, points)
            _, spread = process.moments(points)
            told = covariance**2 / (spread**2 + process.noise)  # reduction of the variance by the evaluation
            left = np.maximum(std[:, None] ** 2 - told, 1e-12 * process.amplitude)
            total += self.weights @ (doubt(mean / std)[:, None] - expected_doubt(mean[:, None], told, left))
        score = np.log(np.maximum(total, 1e-300))
        return score if self.feasibility is None else score + self.feasibility.log_probability(points)


@dataclass(frozen=True)
class Straddle:
    """Straddle: 1.96 standard deviations minus the distance of the mean to the level.

    Example: ``Recipe(LevelGP(), Straddle())``

    >>> recipe = Recipe(Subset(LevelGP()), Straddle())
    """

    width: float = 1.96
    serves: ClassVar[frozenset[Target]] = frozenset({Target.LEVEL_SET})

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        belief = level_posterior(posterior)
        sizes = np.array([np.sqrt(process.amplitude) for process in belief.processes])[:, None]
        feasibility = Feasibility.of(data)

        def criterion(points: Array) -> Array:
            mean, std = belief.offsets(points)
            score = ((self.width * std - np.abs(mean)) / sizes).max(axis=0)
            # a score of either sign has no logarithm: log Φ is a penalty, in units of the amplitudes
            if feasibility is None:
                return np.asarray(score)
            return np.asarray(score + feasibility.log_probability(points))

        return criterion


def _steep_offsets(belief: LevelSetPosterior, points: Array) -> tuple[Array, Array, Array]:
    """Return mean and std of function minus level at unit points (m, d), and slope norm, each (k, m)."""
    found = [process.moments_and_gradients(points)[:3] for process in belief.processes]
    mean = np.array([mean for mean, _, _ in found]) - belief.levels[:, None]
    steepness = [np.linalg.norm(slope, axis=1) for _, _, slope in found]
    return mean, np.array([std for _, std, _ in found]), np.array(steepness)


def doubt(z: Array) -> Array:
    """Return p (1 - p) for p = Φ(z), to within 0.011, same shape."""
    return np.asarray(0.25 * np.exp(-_STEEPNESS * z**2))


def expected_doubt(mean: Array, told: Array, left: Array) -> Array:
    """Return E[doubt(m' / s')] for m' ~ N(mean, told) and s'² = left, broadcast.

    E[exp(-a m'²)] = exp(-a mean² / (1 + 2 a told)) / √(1 + 2 a told), here with a = steepness / left.
    """
    wider = left + 2.0 * _STEEPNESS * told
    return np.asarray(0.25 * np.sqrt(left / wider) * np.exp(-_STEEPNESS * mean**2 / wider))


def survey_of(space: Space, n: int, rng: np.random.Generator) -> Array:
    """Return about n points spread evenly over the allowed part of a space, (m, d)."""
    if not space.axes:
        return np.zeros((1, 0))
    places = space.snap(design_rows("sobol", len(space.axes), int(rng.integers(2**32)), 0, n))
    allowed = places[space.allowed(places)]
    return allowed if len(allowed) >= min(n, _FEWEST_ALLOWED) else space.sample_unit(n, rng)


def level_posterior(posterior: Posterior) -> LevelSetPosterior:
    """Return the posterior, checked to be one of a level set.

    Raises:
        RecipeError: the posterior is another one.
    """
    if not isinstance(posterior, LevelSetPosterior):
        raise RecipeError(
            f"a level is sought by a surrogate of levels; use LevelGP(), not {type(posterior).__name__}"
        )
    return posterior
