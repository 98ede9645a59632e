"""Acquisitions for level sets: reduce the volume that is expected to be misclassified (SUR), and straddle.

After an evaluation at x the posterior at a place u is N(m', s'²), with s' known beforehand and m' not.  What
counts is how likely u is put on the wrong side of the contour: p (1 - p) with p = P(f(u) > level).
Averaged over what the evaluation may give, and summed over the space, that is what is left to
know; the next point is the one that is expected to leave the least.

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
    """Reduces the volume that is expected to be put on the wrong side of the contours.

    Example: ``Recipe(LevelGP(), Misclassification())``

    Attributes:
        n_survey: places of the space that are looked at, a power of two.
        n_places: of these, drawn by how unsure they are, to judge candidates by.
        close: a contour that is known to within so much of the cube is known well enough: a place counts
            by how likely it is on the wrong side by more than that.  With 0 a search follows what
            it has found to the last digit, and leaves parts of the contour that nothing came near.

    >>> recipe = Recipe(Subset(LevelGP()), Misclassification())
    """

    n_survey: int = 2048
    n_places: int = 256
    close: float = 0.007
    serves: ClassVar[frozenset[Target]] = frozenset({Target.LEVEL_SET})

    def with_space(self, space: Space, rng: np.random.Generator) -> SurveyedMisclassification:
        """Return the same for a space, at places of it."""
        return SurveyedMisclassification(self, survey_of(space, self.n_survey, rng))

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        del posterior, data
        raise RecipeError("Misclassification needs to know the space: call with_space(space, rng) first")


@dataclass(frozen=True, eq=False)
class SurveyedMisclassification:
    """The same, with the places of the space at which uncertainty counts, (m, d)."""

    settings: Misclassification
    places: Array
    serves: ClassVar[frozenset[Target]] = frozenset({Target.LEVEL_SET})

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the expected reduction as a function of the next point."""
        belief = level_posterior(posterior)
        chosen, weights = self._most_telling(belief)
        return ExpectedReduction.of(belief, self.places[chosen], weights, Feasibility.of(data))

    def _most_telling(self, belief: LevelSetPosterior) -> tuple[NDArray[np.intp], Array]:
        """Return rows of the places drawn by how unsure they are, (r,), and their weights, (r,).

        Unsure by more than ``close``, to first order in the slope.  Systematic resampling: the mean over
        these of a reduction divided by what is unsure there stands for the sum over the space.
        """
        mean, std, slope = _steep_offsets(belief, self.places)
        unsure = doubt(mean / std).sum(axis=0)
        total = doubt((np.abs(mean) + self.settings.close * slope) / std).sum(axis=0)
        share = total / np.maximum(unsure, 1e-300)
        if total.sum() <= 1e-12 * len(total):  # all is sure to the last digit: look everywhere
            total = (std / std.sum(axis=1, keepdims=True)).sum(axis=0)
            share = np.ones(len(total))
        steps = (np.arange(self.settings.n_places) + 0.5) / self.settings.n_places
        rows = np.searchsorted(np.cumsum(total) / total.sum(), steps)
        rows, counts = np.unique(np.minimum(rows, len(total) - 1), return_counts=True)
        return rows, counts / total[rows] * share[rows]


@dataclass(frozen=True, eq=False)
class ExpectedReduction:
    """How much less of the space is expected to be unsure after an evaluation.

    Attributes:
        belief: on the functions.
        places: where it counts, (r, d).
        weights: of the places, (r,).
        feasibility: where evaluations succeed; None for everywhere.
        mean, std: of each function minus its level at the places, (k, r).
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
            told = covariance**2 / (spread**2 + process.noise)  # variance that the evaluation takes away
            left = np.maximum(std[:, None] ** 2 - told, 1e-12 * process.amplitude)
            total += self.weights @ (doubt(mean / std)[:, None] - expected_doubt(mean[:, None], told, left))
        score = np.log(np.maximum(total, 1e-300))
        return score if self.feasibility is None else score + self.feasibility.log_probability(points)


@dataclass(frozen=True)
class Straddle:
    """Looks where a level is within reach: 1.96 standard deviations minus the distance to it.

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
            # log Φ is not for a score of either sign: what may fail counts as nothing learned
            if feasibility is None:
                return np.asarray(score)
            return np.asarray(score + feasibility.log_probability(points))

        return criterion


def _steep_offsets(belief: LevelSetPosterior, points: Array) -> tuple[Array, Array, Array]:
    """Return mean and deviation of function minus level at unit points (m, d), and steepness, each (k, m)."""
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
    """Return about n places spread evenly over what a space allows, (m, d)."""
    if not space.axes:
        return np.zeros((1, 0))
    places = space.snap(design_rows("sobol", len(space.axes), int(rng.integers(2**32)), 0, n))
    allowed = places[space.allowed(places)]
    return allowed if len(allowed) >= min(n, _FEWEST_ALLOWED) else space.sample_unit(n, rng)


def level_posterior(posterior: Posterior) -> LevelSetPosterior:
    """Return a posterior as one of levels.

    Raises:
        RecipeError: it is another.
    """
    if not isinstance(posterior, LevelSetPosterior):
        raise RecipeError(
            f"a level is sought by a surrogate of levels; use LevelGP(), not {type(posterior).__name__}"
        )
    return posterior
