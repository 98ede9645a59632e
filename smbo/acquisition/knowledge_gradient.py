"""Knowledge gradient: how much lower the recommended mean is expected to be after one more evaluation.

The recommended point is the evaluated one of the lowest posterior mean, the new one among them.

Source: Scott, Frazier & Powell (2011), "The Correlated Knowledge Gradient for Simulation Optimization of
    Continuous Parameters using Gaussian Process Regression", eq. 3.1; the expectation is by quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from smbo.acquisition.base import Criterion
from smbo.acquisition.expected_improvement import normal
from smbo.acquisition.feasibility import Feasibility
from smbo.errors import RecipeError
from smbo.surrogates.base import Posterior, ReplicationPosterior
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# Nodes for expectations of piecewise linear functions of N(0, 1), with an error of a thousandth by kinks.
_Z = np.linspace(-4.5, 4.5, 61)
_WEIGHTS = np.exp(-0.5 * _Z**2) / np.exp(-0.5 * _Z**2).sum()
# Evaluated points of the lowest means; one more evaluation would not make others the recommendation.
_MOST_CONTENDERS = 48
# Where the quadrature sees no gain at all, the most uncertain point has the largest criterion.
_LEAST_GAIN = 1e-9  # in standard deviations at the point


@dataclass(frozen=True)
class KnowledgeGradient:
    """Logarithm of the knowledge gradient of an evaluation, plus that of the probability to succeed.

    Example: ``Recipe(GP(), KnowledgeGradient())``

    For heavy noise: an evaluation beside known points counts by what it tells of them, whether or not it is
    lower itself.  With replication known points are evaluated again where that tells more.

    >>> recipe = Recipe(GP(), KnowledgeGradient())
    """

    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_context: ClassVar[bool] = True

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised.

        Raises:
            RecipeError: the posterior is not that of a Gaussian process.
        """
        belief = normal(posterior)
        if not isinstance(belief, ReplicationPosterior):
            raise RecipeError(
                f"the knowledge gradient is of a Gaussian process, and {type(belief).__name__} is none; use "
                "recipe 'kg', or LogExpectedImprovement with this surrogate"
            )
        points = data.points[data.feasible] if data.feasible.any() else data.points
        known = np.unique(data.in_context(np.concatenate([points, data.pending])), axis=0)
        means, _ = belief.moments(known)
        kept = np.argsort(means, kind="stable")[:_MOST_CONTENDERS]
        return _LogGain(belief, known[kept], Feasibility.of(data))


@dataclass(frozen=True, eq=False)
class _LogGain:
    """The criterion of KnowledgeGradient: known points, (m, d), that may be recommended."""

    belief: ReplicationPosterior
    known: Array
    feasibility: Feasibility | None

    def __call__(self, points: Array) -> Array:
        gains = gains_of_new(self.belief, self.known, points)
        _, std = self.belief.standardized.moments(points)
        worth = np.log(np.maximum(gains, _LEAST_GAIN * std + 1e-300))
        if self.feasibility is None:
            return worth
        return np.asarray(worth + self.feasibility.log_probability(points))


def gains_of_known(belief: ReplicationPosterior, known: Array) -> Array:
    """Return the knowledge gradients of repeats at unit points (m, d), (m,), in latent units.

    Only these points may be recommended.
    """
    mean, covariance = belief.joint(known)
    steps = covariance / np.sqrt(np.maximum(np.diagonal(covariance), 0.0) + belief.noise)
    after = (mean[:, None, None] + steps[:, :, None] * _Z).min(axis=0)
    return np.asarray(mean.min() - after @ _WEIGHTS)


def gains_of_new(belief: ReplicationPosterior, known: Array, new: Array) -> Array:
    """Return the knowledge gradients of new unit points (k, d), (k,), in latent units.

    The known points (m, d) may be recommended, and the new one once it is evaluated.
    """
    bare = belief.standardized  # moments in latent units, as covariances are
    mean, _ = bare.moments(known)
    mean_there, std_there = bare.moments(new)
    root = np.sqrt(std_there**2 + belief.noise)
    steps = belief.covariance(known, new) / root
    after = (mean[:, None, None] + steps[:, :, None] * _Z).min(axis=0)
    after = np.minimum(after, mean_there[:, None] + (std_there**2 / root)[:, None] * _Z)
    return np.asarray(mean.min() - after @ _WEIGHTS)
