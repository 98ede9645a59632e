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

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

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
# Misclassification due to hidden structure far from the level, where it would have to be of any height: once
# evaluations near the level have ruled it out there, they spread.
_ANY_HEIGHT = 0.01
_NO_REDUCTION = 1e-300  # of misclassification: beyond, its logarithm loses its order


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
    takes_context: ClassVar[bool] = True

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

    def build(self, posterior: Posterior, data: TrainingData) -> ExpectedReduction | Farthest:
        """Return the expected reduction of misclassification as a function of the next point.

        Where no evaluation reduces any, and some fail, it is the distance to the points that are
        evaluated or under way: the probability of success alone would ask beside one point again and again.
        """
        belief = level_posterior(posterior)
        chosen, weights, left = self._most_telling(belief)
        feasibility = Feasibility.of(data)
        places = self.places[chosen]
        if left or feasibility is None:
            hidden = self._hidden(belief, data, left)
            results = data.fidelities if belief.beliefs else None
            cheapest = None if results is None else results.cheapest
            moments = belief.offsets(places)
            return ExpectedReduction(belief, places, weights, feasibility, *moments, *hidden, cheapest)
        found = ExpectedReduction.of(belief, places, weights, feasibility)
        if (found.reduction(self.places) > _NO_REDUCTION).any():
            return found
        return Farthest(np.concatenate([data.points, data.failed, data.pending]), feasibility)

    def _hidden(self, belief: LevelSetPosterior, data: TrainingData, left: float) -> tuple[Array, Array]:
        """Return points drawn by the misclassification due to hidden structure, (h, d), and weights, (h,).

        Args:
            left: misclassification in all that the processes know of, the unit of the weights; if 0 nothing
                else is left to learn, and the unit does not matter.
        """
        mean, std = belief.offsets(self.places)
        hidden = belief.hidden(self.places)
        if len(data.failed):  # an evaluation that failed there will fail again
            hidden *= np.prod(1.0 - belief.seen(self.places, data.failed), axis=1)
        near = doubt(mean / np.hypot(std, belief.height)).sum(axis=0)
        total = np.maximum(hidden * (near + _ANY_HEIGHT), 1e-300)
        rows, counts = _resampled(total, self.settings.n_places)
        return self.places[rows], counts * (total.sum() / (left or 1.0))

    def _most_telling(self, belief: LevelSetPosterior) -> tuple[NDArray[np.intp], Array, float]:
        """Return rows of integration points drawn by their misclassification, (r,), and weights, (r,).

        The third is what of misclassification is left; if 0, they are drawn by standard deviation.

        Misclassification by more than ``close``, to first order in the slope.  Systematic resampling: the
        mean of reduction / misclassification over the drawn points estimates the sum over the space.
        """
        mean, std, slope = _steep_offsets(belief, self.places)
        unsure = doubt(mean / std).sum(axis=0)
        total = doubt((np.abs(mean) + self.settings.close * slope) / std).sum(axis=0)
        share = total / np.maximum(unsure, 1e-300)
        left = float(total.sum())
        if left <= 1e-12 * len(total):
            total = (std / std.sum(axis=1, keepdims=True)).sum(axis=0)
            share, left = np.ones(len(total)), 0.0
        rows, counts = _resampled(total, self.settings.n_places)
        return rows, counts / total[rows] * share[rows], left


@dataclass(frozen=True, eq=False)
class ExpectedReduction:
    """The expected reduction of misclassification by an evaluation: by the processes and by hidden structure.

    Attributes:
        belief: posterior of the functions.
        places: integration points, (r, d).
        weights: of the integration points, (r,).
        feasibility: probability that evaluations succeed; None for everywhere.
        mean, std: of each function minus its level at the integration points, (k, r).
        hidden_places: integration points of hidden structure, (h, d); see ``HiddenStructure``.
        hidden_weights: misclassification due to hidden structure there, (h,).
        fidelity: fidelity gap and noise growth of the evaluation; None for one in full.
    """

    belief: LevelSetPosterior
    places: Array
    weights: Array
    feasibility: Feasibility | None
    mean: Array
    std: Array
    hidden_places: Array
    hidden_weights: Array
    fidelity: tuple[float, float] | None = None

    @classmethod
    def of(
        cls, belief: LevelSetPosterior, places: Array, weights: Array, feasibility: Feasibility | None
    ) -> ExpectedReduction:
        """Return the reduction by what the processes know of alone."""
        return cls(belief, places, weights, feasibility, *belief.offsets(places), places[:0], np.zeros(0))

    def at_fidelity(self, fidelity_gap: float, growth: float) -> ExpectedReduction:
        """Return the reduction by an evaluation at a fidelity, see ``FidelityResults``."""
        return replace(self, fidelity=(fidelity_gap, growth))

    def __call__(self, points: Array) -> Array:
        """Return the log of the expected reduction at unit points (m, d), shape (m,)."""
        score = np.log(np.maximum(self.reduction(points), _NO_REDUCTION))
        return score if self.feasibility is None else score + self.feasibility.log_probability(points)

    def reduction(self, points: Array) -> Array:
        """Return the expected reduction by an evaluation that succeeds, at unit points (m, d), shape (m,)."""
        total = np.zeros(len(points))
        for k, (process, mean, std) in enumerate(zip(self.belief.processes, self.mean, self.std)):
            if self.fidelity is None:
                covariance = process.covariance(self.places, points)
                _, spread = process.moments(points)
                told = covariance**2 / (spread**2 + process.noise)  # reduction of the variance
            else:
                told = self.belief.beliefs[k].one_more(points, *self.fidelity, places=self.places) ** 2
            left = np.maximum(std[:, None] ** 2 - told, 1e-12 * process.amplitude)
            total += self.weights @ (doubt(mean / std)[:, None] - expected_doubt(mean[:, None], told, left))
        if len(self.hidden_weights):
            total += self.hidden_weights @ self.belief.seen(self.hidden_places, points)
        return total


@dataclass(frozen=True, eq=False)
class Farthest:
    """The log of the distance to the nearest of some points, and of the probability of success.

    Attributes:
        known: unit points, (k, d).
        feasibility: probability that evaluations succeed.
    """

    known: Array
    feasibility: Feasibility

    def at_fidelity(self, fidelity_gap: float, growth: float) -> Farthest:
        """Return the same criterion: distance is all that is left to go by."""
        del fidelity_gap, growth
        return self

    def __call__(self, points: Array) -> Array:
        """Return the criterion at unit points (m, d), shape (m,)."""
        score = np.log(np.maximum(cdist(points, self.known).min(axis=1), 1e-12))
        return score + self.feasibility.log_probability(points)


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


def _resampled(weights: Array, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows drawn n times by systematic resampling, (r,), and how often each, (r,)."""
    steps = (np.arange(n) + 0.5) / n
    rows = np.searchsorted(np.cumsum(weights) / weights.sum(), steps)
    return np.unique(np.minimum(rows, len(weights) - 1), return_counts=True)


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
            "a level set is sought by the surrogate LevelGP, and the posterior is "
            f"{type(posterior).__name__}; use recipe 'auto', which chooses it"
        )
    return posterior
