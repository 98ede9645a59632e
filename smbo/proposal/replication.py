"""Replication: evaluate a known point again where its knowledge gradient is above that of new points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.base import Acquisition, Criterion, Search
from smbo.acquisition.expected_improvement import normal
from smbo.acquisition.fantasies import posterior_with_fantasies, with_pending
from smbo.acquisition.feasibility import Feasibility
from smbo.acquisition.knowledge_gradient import (
    ONE,
    Worth,
    gains_of_known,
    gains_of_new,
    worth_of_hypervolume,
    worth_of_loss,
)
from smbo.errors import RecipeError
from smbo.plain_values import finite_number, make_fields_plain, shown
from smbo.problem.hypervolume import fronts_first
from smbo.space.fixed import rows_in
from smbo.space.point_set import PointSet
from smbo.surrogates.base import (
    LatentObjectives,
    LevelSetPosterior,
    LossOfProcesses,
    Posterior,
    ReplicationPosterior,
)
from smbo.training_data import Array, TrainingData

# The share of its gain in full that an evaluation reveals per cost, at unit points (m, d), (m,).
Reveals = Callable[[Array], Array]

# Evaluated points of the lowest means; one more evaluation would not make others the recommendation.
_MOST_CONTENDERS = 48
# With several quantities there are fewer contenders, and every so many-th new point.
_MOST_OF_SEVERAL, _THINNING = 16, 12
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

    Of vector outputs the mean is that of their loss.  Of several objectives the gain is that of the
    hypervolume of the means, and of a level set the acquisition's own: the expected reduction of
    misclassification.  With fidelities it is the share of the gain that is revealed, per cost.

    Sources: Scott, Frazier & Powell (2011), "The Correlated Knowledge Gradient for Simulation Optimization
        of Continuous Parameters using Gaussian Process Regression", eq. 3.1; Zhang & Golovin (2020), "Random
        Hypervolume Scalarizations for Provable Multi-Objective Black Box Optimization", lemma 5.

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


def with_repeats(
    rule: Replication, search: Search, points: Array, acquisition: Acquisition, reveals: Reveals | None = None
) -> Array:
    """Return unit points (n, d), each replaced by a repeat that has a larger knowledge gradient.

    Args:
        rule: of the recipe.
        search: that found the points; its data has all failures.
        points: selected by the acquisition, (n, d).
        reveals: with fidelities, see ``Reveals``.

    Raises:
        RecipeError: the posterior is not that of Gaussian processes.
    """
    contest = _contest_of(search, acquisition)
    if contest is None:
        return points
    others = _others(search, contest.known)[:: contest.thinning]
    chosen: list[Array] = []
    for point in points:
        new = np.concatenate([point[None], others])
        of_new, of_known = contest.gains_of_new(new), contest.gains_of_known()
        if reveals is not None:
            of_new, of_known = of_new * reveals(new), of_known * reveals(contest.known)
        best = int(np.argmax(of_known))
        is_better = float(of_known[best]) > rule.margin * max(float(of_new.max()), 0.0)
        chosen.append(contest.known[best] if is_better else point)
        contest = contest.with_point(chosen[-1])
    return np.array(chosen)


def repeats_alone(search: Search, acquisition: Acquisition) -> Array | None:
    """Return the ``search.n`` evaluated unit points with the largest knowledge gradients, (n, d).

    Used where no new point is left; None without a feasible point, or where evaluations are exact.
    """
    contest = _contest_of(search, acquisition)
    if contest is None:
        return None
    chosen: list[Array] = []
    while len(chosen) < search.n:
        chosen.append(contest.known[int(np.argmax(contest.gains_of_known()))])
        contest = contest.with_point(chosen[-1])
    return np.array(chosen)


def _contest_of(search: Search, acquisition: Acquisition) -> _ByAcquisition | _ByMeans | None:
    """Return the contest of a search; None without a feasible point, or where evaluations are exact."""
    data = search.data
    rows = rows_in(search.space, data.points[data.feasible])
    known, counts = np.unique(rows, axis=0, return_counts=True)
    if len(known) == 0 or is_exact(data):
        return None
    known = known[np.argsort(counts, kind="stable")]  # of equal gains that of the point known least
    belief = posterior_with_fantasies(search.surrogate, data)
    if isinstance(belief, LevelSetPosterior):
        return _ByAcquisition(replace(search, posterior=belief), acquisition, known)
    beliefs, worth, rank = _judged(belief, data)
    order = np.argsort(rank(known), kind="stable")
    most, thinning = (_MOST_CONTENDERS, 1) if len(beliefs) == 1 else (_MOST_OF_SEVERAL, _THINNING)
    return _ByMeans(beliefs, worth, known[order[:most]], data.pending, Feasibility.of(data), thinning)


def _judged(
    belief: Posterior, data: TrainingData
) -> tuple[tuple[ReplicationPosterior, ...], Worth, Callable[[Array], Array]]:
    """Return the quantities of a posterior, what their means are worth, and the rank of points by them.

    Raises:
        RecipeError: they are not Gaussian processes.
    """
    beliefs: Sequence[Posterior] = (normal(belief),)
    worth, means = ONE, beliefs[0]
    if isinstance(belief, LossOfProcesses):
        beliefs, means = belief.processes, belief
        worth = worth_of_loss(belief)
    elif isinstance(belief, LatentObjectives):
        beliefs = belief.latents
        worth = worth_of_hypervolume(belief, data)

    def rank(points: Array) -> Array:
        if isinstance(belief, LatentObjectives):
            return np.argsort(fronts_first(belief.latent_means(points))).astype(np.float64)
        return means.moments(points)[0]

    quantities = tuple(each for each in beliefs if isinstance(each, ReplicationPosterior))
    if len(quantities) < len(beliefs):
        names = sorted({type(each).__name__ for each in beliefs})
        raise RecipeError(
            f"repeats are weighed by a Gaussian process, and {', '.join(names)} is none; use recipe 'auto', "
            "'gp' or 'noisy', or replication=None"
        )
    return quantities, worth, rank


@dataclass(frozen=True, eq=False)
class _ByAcquisition:
    """A contest by the acquisition, for those that say what a repeat is worth: of level sets."""

    search: Search
    acquisition: Acquisition
    known: Array
    thinning: int = 1

    @property
    def _criterion(self) -> Criterion:
        return self.acquisition.build(self.search.posterior, self.search.data)

    def gains_of_known(self) -> Array:
        return np.exp(self._criterion(self.known))

    def gains_of_new(self, new: Array) -> Array:
        return np.exp(self._criterion(new))

    def with_point(self, point: Array) -> _ByAcquisition:
        return replace(self, search=with_pending(self.search, point[None]))


@dataclass(frozen=True, eq=False)
class _ByMeans:
    """A contest by the knowledge gradient of the means of known and pending points."""

    beliefs: tuple[ReplicationPosterior, ...]
    worth: Worth
    known: Array
    under_way: Array
    feasibility: Feasibility | None
    thinning: int

    @property
    def _recommendable(self) -> Array:
        return np.concatenate([self.known, self.under_way])

    def gains_of_known(self) -> Array:
        return gains_of_known(self.beliefs, self._recommendable, self.worth)[: len(self.known)]

    def gains_of_new(self, new: Array) -> Array:
        gains = gains_of_new(self.beliefs, self._recommendable, new, self.worth)
        if self.feasibility is not None:
            gains = gains * np.exp(self.feasibility.log_probability(new))
        return gains

    def with_point(self, point: Array) -> _ByMeans:
        new = point[None]
        beliefs = tuple(belief.fantasize(new) for belief in self.beliefs)
        return replace(self, beliefs=beliefs, under_way=np.concatenate([self.under_way, new]))


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
    """Return whether a point has the same result twice, to the last bit, without a given error: no noise."""
    measured = data if data.fidelities is None else data.fidelities.data
    where: list[NDArray[Any]] = [measured.points]
    if data.fidelities is not None:
        where.append(data.fidelities.fidelity_gaps)
    values, variances = measured.values, measured.variances
    if (repeats := measured.replicates) is not None:
        where, values, variances = [repeats.rows], repeats.values, repeats.variances
    elif (several := measured.objective_values) is not None:
        values, variances = several.values, several.variances
    elif measured.outputs is not None:
        values, variances = measured.outputs.values, measured.outputs.variances
    is_unknown = (np.isnan(variances) | (variances == 0.0)).reshape(len(values), -1).all(axis=1)
    rows = np.column_stack([*where, values])[is_unknown]
    return len(np.unique(rows, axis=0)) < len(rows)
