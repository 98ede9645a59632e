"""Replication: evaluate a known point again where its knowledge gradient is above that of new points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.acquisition.base import Search
from smbo.acquisition.expected_improvement import normal
from smbo.acquisition.fantasies import posterior_with_fantasies
from smbo.acquisition.feasibility import Feasibility
from smbo.acquisition.knowledge_gradient import gains_of_known, gains_of_new
from smbo.errors import RecipeError
from smbo.plain_values import finite_number, make_fields_plain, shown
from smbo.space.fixed import rows_in
from smbo.space.point_set import PointSet
from smbo.surrogates.base import ReplicationPosterior
from smbo.training_data import Array, TrainingData

# Evaluated points of the lowest means; one more evaluation would not make others the recommendation.
_MOST_CONTENDERS = 48
# New points, besides the proposed one, whose largest knowledge gradient a repeat has to exceed: from the
# whole space, and around each of so many known points.
_N_EVERYWHERE, _N_CENTRES, _N_NEAR = 128, 4, 24


@dataclass(frozen=True)
class Replication:
    """Evaluate a known point again where its knowledge gradient is above that of new points.

    The knowledge gradient of an evaluation is the expected decrease of the mean at the point that is
    recommended afterwards: the lowest posterior mean of the evaluated points, the new one among them.  A
    repeat replaces a proposed point where its knowledge gradient is above that of the proposed point and of
    all other new points compared; else the proposed point stays.  New points are weighted by their
    probability to succeed.

    Source: Scott, Frazier & Powell (2011), "The Correlated Knowledge Gradient for Simulation Optimization
        of Continuous Parameters using Gaussian Process Regression", eq. 3.1.

    Attributes:
        margin: factor by which a repeat's knowledge gradient must exceed that of the best new point.

    Raises:
        RecipeError: a margin below 0.

    >>> Recipe(GP(), replication=Replication()).replication is None
    False
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        make_fields_plain(self, "margin")
        margin = finite_number(self.margin)
        if self.margin != float("inf") and (margin is None or margin < 0):
            raise RecipeError(f"Replication(margin={shown(self.margin)}): a number from 0 up is needed")


def with_repeats(rule: Replication, search: Search, points: Array) -> Array:
    """Return unit points (n, d), each replaced by a repeat that has a larger knowledge gradient.

    Args:
        rule: of the recipe.
        search: that found the points; its data has all failures.
        points: selected by the acquisition, (n, d).

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
    """Return the ``search.n`` evaluated unit points with the largest knowledge gradients, (n, d).

    Used where no new point is left; None without a feasible point, or where evaluations are exact.
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
    """Known points (m, d) that may be repeated, pending points, and the posterior with their fantasies."""

    belief: ReplicationPosterior
    known: Array
    under_way: Array

    @classmethod
    def of(cls, search: Search) -> _Contest | None:
        """Return the contest of a search; None without a feasible point, or where evaluations are exact."""
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
        """The known points, then the pending ones."""
        return np.concatenate([self.known, self.under_way])

    def best(self) -> tuple[Array, float]:
        """Return the known point with the largest knowledge gradient, (d,), and that gradient."""
        gains = gains_of_known(self.belief, self.recommendable)[: len(self.known)]
        best = int(np.argmax(gains))
        return self.known[best], float(gains[best])

    def with_point(self, point: Array) -> _Contest:
        """Return the contest with one more pending point."""
        new = point[None]
        return replace(
            self, belief=self.belief.fantasize(new), under_way=np.concatenate([self.under_way, new])
        )


def _others(search: Search, known: Array) -> Array:
    """Return new points from the whole space and around the best known ones, (m, d)."""
    space, data, rng = search.space, search.data, search.rng
    near = np.repeat(known[:_N_CENTRES], _N_NEAR, axis=0)
    moved = near + 10.0 ** rng.uniform(-2.5, -0.5, (len(near), 1)) * rng.standard_normal(near.shape)
    moved = space.snap(np.clip(moved, 0.0, 1.0))
    found = np.concatenate([space.sample_unit(_N_EVERYWHERE, rng, known), moved[space.allowed(moved)]])
    taken = PointSet([data.points, data.failed, data.pending])
    return np.asarray(found[~taken.hits(found)])


def is_exact(data: TrainingData) -> bool:
    """Return whether a point has the same value twice, to the last bit, without a given error: no noise."""
    repeats = data.replicates
    if repeats is None:
        return False
    rows, values = repeats.rows[np.isnan(repeats.variances)], repeats.values[np.isnan(repeats.variances)]
    return len(np.unique(np.column_stack([rows, values]), axis=0)) < len(rows)
