"""Replication: evaluate a known point again where its knowledge gradient is above that of new points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.acquisition.base import Search
from smbo.acquisition.expected_improvement import normal
from smbo.acquisition.fantasies import posterior_with_fantasies
from smbo.acquisition.feasibility import Feasibility
from smbo.errors import RecipeError
from smbo.space.fixed import rows_in
from smbo.space.point_set import PointSet
from smbo.surrogates.base import ReplicationPosterior
from smbo.training_data import Array, TrainingData

# Of the evaluated points those of the lowest means; others are not recommended after one evaluation more.
_MOST_CONTENDERS = 48
# New points beside the proposed one by which is judged what a new one is worth: from everywhere, and
# around each of so many contenders.
_N_EVERYWHERE, _N_CENTRES, _N_NEAR = 128, 4, 24
# Expectations of piecewise linear functions of N(0, 1): so close that the kinks cost a thousandth.
_Z = np.linspace(-4.5, 4.5, 61)
_WEIGHTS = np.exp(-0.5 * _Z**2) / np.exp(-0.5 * _Z**2).sum()


@dataclass(frozen=True)
class Replication:
    """Asks for an evaluated point again where that is worth more than a new one.

    An evaluation is worth by how much it is expected to lower the mean at the point that is recommended
    after it: the lowest posterior mean of the evaluated points, the new one among them.  A repeat takes
    the place of a proposed point where it is worth more than that and than any other new point that was
    looked at; else the proposed point stays, whatever the acquisition chose it for.  New points count as
    likely as they are to succeed.

    Source: Scott, Frazier & Powell (2011), "The Correlated Knowledge Gradient for Simulation Optimization
        of Continuous Parameters using Gaussian Process Regression", eq. 3.1.

    Attributes:
        margin: how many times as much as the best new point a repeat must be worth.

    Raises:
        RecipeError: a margin below 0.

    >>> Recipe(GP(), replication=Replication()).replication is None
    False
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.margin, bool) or not isinstance(self.margin, int | float) or not self.margin >= 0:
            raise RecipeError(f"Replication(margin={self.margin!r}): a number from 0 up is needed")


def with_repeats(rule: Replication, search: Search, points: Array) -> Array:
    """Return new unit points (n, d), those of less worth than a repeat replaced by it.

    Args:
        rule: of the recipe.
        search: by which the points were found; its data has all failures.
        points: of the acquisition.

    Raises:
        RecipeError: the posterior is not that of a Gaussian process.
    """
    contest = _Contest.of(search)
    if contest is None:
        return points
    feasibility = Feasibility.of(search.data)
    others = _others(search, contest.known)
    chosen: list[Array] = []
    for point in points:
        new = np.concatenate([point[None], others])
        of_new = gains_of_new(contest.belief, contest.recommendable, new)
        if feasibility is not None:
            of_new = of_new * np.exp(feasibility.log_probability(new))
        best, gain = contest.best()
        is_better = gain > rule.margin * max(float(of_new.max()), 0.0)
        chosen.append(best if is_better else point)
        contest = contest.with_point(chosen[-1])
    return np.array(chosen)


def repeats_alone(search: Search) -> Array | None:
    """Return the ``search.n`` evaluated unit points whose repeats are worth most, (n, d).

    For where no new point is left; None where a repeat would tell nothing.
    """
    contest = _Contest.of(search)
    if contest is None:
        return None
    chosen: list[Array] = []
    while len(chosen) < search.n:
        point, _ = contest.best()
        chosen.append(point)
        contest = contest.with_point(point)
    return np.array(chosen)


@dataclass(frozen=True, eq=False)
class _Contest:
    """Known points (m, d) that may be asked for again, and what is believed, points under way included."""

    belief: ReplicationPosterior
    known: Array
    under_way: Array

    @classmethod
    def of(cls, search: Search) -> _Contest | None:
        """Return it for a search; None where there is nothing to repeat or to learn from it."""
        data = search.data
        known = np.unique(rows_in(search.space, data.points[data.feasible]), axis=0)
        if len(known) == 0 or is_exact(data):
            return None
        belief = normal(posterior_with_fantasies(search.surrogate, data))
        if not isinstance(belief, ReplicationPosterior):
            raise RecipeError(
                f"repeats are weighed by a Gaussian process, and {type(belief).__name__} is none; use recipe "
                "'auto', 'gp' or 'noisy', or replication=None"
            )
        means, _ = belief.moments(known)
        kept = np.argsort(means, kind="stable")[:_MOST_CONTENDERS]
        return cls(belief, known[kept], data.pending)

    @property
    def recommendable(self) -> Array:
        """The known points, then those that will be known."""
        return np.concatenate([self.known, self.under_way])

    def best(self) -> tuple[Array, float]:
        """Return the known point whose repeat is worth most, (d,), and its worth."""
        gains = gains_of_known(self.belief, self.recommendable)[: len(self.known)]
        best = int(np.argmax(gains))
        return self.known[best], float(gains[best])

    def with_point(self, point: Array) -> _Contest:
        """Return the same once a point is under way too."""
        new = point[None]
        return replace(
            self, belief=self.belief.fantasize(new), under_way=np.concatenate([self.under_way, new])
        )


def _others(search: Search, known: Array) -> Array:
    """Return new points from everywhere and around the best known ones, (m, d)."""
    space, data, rng = search.space, search.data, search.rng
    near = np.repeat(known[:_N_CENTRES], _N_NEAR, axis=0)
    moved = near + 10.0 ** rng.uniform(-2.5, -0.5, (len(near), 1)) * rng.standard_normal(near.shape)
    moved = space.snap(np.clip(moved, 0.0, 1.0))
    found = np.concatenate([space.sample_unit(_N_EVERYWHERE, rng), moved[space.allowed(moved)]])
    taken = PointSet([data.points, data.failed, data.pending])
    return np.asarray(found[~taken.hits(found)])


def is_exact(data: TrainingData) -> bool:
    """Return whether a point gave the same value twice, to the last bit, and no error was told: no noise."""
    repeats = data.replicates
    if repeats is None:
        return False
    rows, values = repeats.rows[np.isnan(repeats.variances)], repeats.values[np.isnan(repeats.variances)]
    return len(np.unique(np.column_stack([rows, values]), axis=0)) < len(rows)


def gains_of_known(belief: ReplicationPosterior, known: Array) -> Array:
    """Return what one more evaluation of each of the unit points (m, d) is worth, (m,), latent.

    Those points alone may be recommended.
    """
    mean, covariance = belief.joint(known)
    steps = covariance / np.sqrt(np.maximum(np.diagonal(covariance), 0.0) + belief.noise)
    after = (mean[:, None, None] + steps[:, :, None] * _Z).min(axis=0)
    return np.asarray(mean.min() - after @ _WEIGHTS)


def gains_of_new(belief: ReplicationPosterior, known: Array, new: Array) -> Array:
    """Return what an evaluation of each new unit point (k, d) is worth, (k,), latent.

    The known ones (m, d) may be recommended, and the new one once it is evaluated.
    """
    bare = belief.standardized  # moments in latent units, as covariances are
    mean, _ = bare.moments(known)
    mean_there, std_there = bare.moments(new)
    root = np.sqrt(std_there**2 + belief.noise)
    steps = belief.covariance(known, new) / root
    after = (mean[:, None, None] + steps[:, :, None] * _Z).min(axis=0)
    after = np.minimum(after, mean_there[:, None] + (std_there**2 / root)[:, None] * _Z)
    return np.asarray(mean.min() - after @ _WEIGHTS)
