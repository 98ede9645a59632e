"""Knowledge gradient: how much lower the recommended mean is expected to be after one more evaluation.

The recommended point is the evaluated one of the lowest posterior mean, the new one among them.

Source: Scott, Frazier & Powell (2011), "The Correlated Knowledge Gradient for Simulation Optimization of
    Continuous Parameters using Gaussian Process Regression", eq. 3.1; the expectation is by quadrature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from smbo.acquisition.base import Criterion
from smbo.acquisition.expected_improvement import normal
from smbo.acquisition.feasibility import Feasibility
from smbo.errors import RecipeError
from smbo.problem.hypervolume import hypervolume, nondominated, reference_by_rule
from smbo.surrogates.base import LatentObjectives, LossOfProcesses, Posterior, ReplicationPosterior
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# Nodes for expectations of piecewise linear functions of N(0, 1), with an error of a thousandth by kinks.
_Z = np.linspace(-4.5, 4.5, 61)
_WEIGHTS = np.exp(-0.5 * _Z**2) / np.exp(-0.5 * _Z**2).sum()
# Draws of several quantities; of hypervolumes, which take long, fewer.
_N_DRAWS, _N_DRAWS_OF_VOLUME = 64, 16
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
        gains = gains_of_new([self.belief], self.known, points)
        _, std = self.belief.standardized.moments(points)
        worth = np.log(np.maximum(gains, _LEAST_GAIN * std + 1e-300))
        if self.feasibility is None:
            return worth
        return np.asarray(worth + self.feasibility.log_probability(points))


@dataclass(frozen=True, eq=False)
class Worth:
    """What is minimised, as a function of q quantities at m points, in each of D draws.

    Attributes:
        nodes: standard normal changes of the quantities, (D, q).
        weights: of the draws, (D,), adding up to one.
        of_best: the worth of the best, or of all together, (k, D), of means and variances (m, k, D, q).
    """

    nodes: Array
    weights: Array
    of_best: Callable[[Array, Array], Array]


ONE = Worth(_Z[:, None], _WEIGHTS, lambda means, _: means[..., 0].min(axis=0))


def _normals(n: int, n_quantities: int) -> tuple[Array, Array]:
    """Return n draws or more, (D, q), and their weights.

    Their mean is 0 and their covariance 1, as of normal numbers: else what evaluations are expected to
    change on average, which is nothing, would pass for a gain.
    """
    half = np.random.default_rng(0).standard_normal((max(n // 2, n_quantities), n_quantities))
    half = np.linalg.qr(half)[0] * np.sqrt(len(half))
    return np.concatenate([half, -half]), np.full(2 * len(half), 0.5 / len(half))


def worth_of_loss(belief: LossOfProcesses) -> Worth:
    """Return the expected loss of vector outputs."""
    c = len(belief.processes)

    def of_best(means: Array, variances: Array) -> Array:
        flat = (each.reshape(-1, c) for each in np.broadcast_arrays(means, variances))
        return belief.loss_of_moments(*flat).reshape(means.shape[:-1]).min(axis=0)

    return Worth(*_normals(_N_DRAWS, c), of_best)


def worth_of_hypervolume(belief: LatentObjectives, data: TrainingData) -> Worth:
    """Return minus the hypervolume of the means."""
    several = data.objective_values
    assert several is not None
    told = several.values[data.feasible]
    by_rule = reference_by_rule(told[nondominated(told)])
    latent = belief.to_latent(np.where(np.isnan(several.reference), by_rule, several.reference))
    pairs = zip(latent, belief.latents)
    corner = np.array([part.scale.to_latent(np.array([at]))[0] for at, part in pairs])

    def of_best(means: Array, _: Array) -> Array:
        fronts = np.moveaxis(means, 0, 2)  # (k, D, m, q)
        return np.array([[-hypervolume(each, corner) for each in row] for row in fronts])

    return Worth(*_normals(_N_DRAWS_OF_VOLUME, len(corner)), of_best)


def gains_of_known(beliefs: Sequence[ReplicationPosterior], known: Array, worth: Worth = ONE) -> Array:
    """Return the knowledge gradients of repeats at unit points (m, d), (m,), in latent units.

    Only these points may be recommended.
    """
    if not beliefs:  # of outputs none of which stands out of the noise
        return np.zeros(len(known))
    moves = []
    for belief in beliefs:
        mean, covariance = belief.joint(known)
        variance = np.maximum(np.diagonal(covariance), 0.0)
        moves.append(_Move(mean[:, None], variance[:, None], covariance / np.sqrt(variance + belief.noise)))
    return _gains(moves, [], worth)


def gains_of_new(
    beliefs: Sequence[ReplicationPosterior], known: Array, new: Array, worth: Worth = ONE
) -> Array:
    """Return the knowledge gradients of new unit points (k, d), (k,), in latent units.

    The known points (m, d) may be recommended, and the new one once it is evaluated.
    """
    if not beliefs:
        return np.zeros(len(new))
    moves, own = [], []
    for belief in beliefs:
        bare = belief.standardized  # moments in latent units, as covariances are
        mean, std = bare.moments(known)
        mean_there, std_there = bare.moments(new)
        root = np.sqrt(std_there**2 + belief.noise)
        moves.append(_Move(mean[:, None], std[:, None] ** 2, belief.covariance(known, new) / root))
        own.append(_Move(mean_there[None], std_there[None] ** 2, (std_there**2 / root)[None]))
    return _gains(moves, own, worth)


class _Move(NamedTuple):
    """Mean and variance of a quantity, each (m, 1) or (1, k), and how k evaluations move its mean, (m, k)."""

    mean: Array
    variance: Array
    steps: Array


def _gains(moves: Sequence[_Move], own: Sequence[_Move], worth: Worth) -> Array:
    """Return the gains of k evaluations that move the means of known points, and of their own, (k,)."""
    before = (np.stack([move[part] for move in moves], axis=-1)[:, :, None] for part in (0, 1))
    parts = [_moved(each, worth) for each in (moves, own) if each]
    after = (np.concatenate(each) for each in zip(*parts))
    return np.asarray(worth.of_best(*before)[0, 0] - worth.of_best(*after) @ worth.weights)


def _moved(moves: Sequence[_Move], worth: Worth) -> tuple[Array, Array]:
    """Return means and variances of m points after each of k evaluations, in each draw, (m, k, D, q)."""
    drawn = [mean[:, :, None] + steps[:, :, None] * z for (mean, _, steps), z in zip(moves, worth.nodes.T)]
    left = [np.maximum(variance - steps**2, 0.0)[:, :, None] for _, variance, steps in moves]
    means = np.stack(drawn, axis=-1)
    return means, np.broadcast_to(np.stack(left, axis=-1), means.shape)
