"""Local search: a second surrogate of the evaluations around the best one, within a box.

Source: Eriksson et al. (2019), "Scalable Global Optimization via Local Bayesian Optimization" (TuRBO), whose
box this is; here its edge follows from the evaluations alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from smbo.acquisition import Acquisition, LogExpectedImprovement, SecondSurrogate
from smbo.acquisition.base import Criterion, Search
from smbo.acquisition.fantasies import search_posterior
from smbo.acquisition.second_surrogate import PROMISE, answered
from smbo.proposal.progress import n_without_gain
from smbo.proposal.trust_region import TrustRegion, select_within
from smbo.surrogates import GP, Memory, Noiseless
from smbo.surrogates.base import Posterior, Trainable
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

_REGION = TrustRegion()
# Key of the memory under which the box and its surrogate's hyperparameters are carried.
_MEMORY = "local_surrogate"
# Lowest values this far from each other along an axis count as basins of their own; so many are searched in
# turn, in so many boxes each.
_APART, _N_BASINS, _BOXES_OF_BASIN = 0.15, 4, 3


@dataclass(frozen=True)
class LocalSurrogate:
    """Select points in a box around the best one, by a surrogate of the rows around it.

    Near the best point a function is simpler than over the whole space: few rows suffice, in which neither a
    transform of the values nor noise can be learned.  What is learned is kept for the next point of the box.

    Attributes:
        second: surrogate and acquisition within the box, and the recipe's own acquisition.
        length, rank: of the box's edge, and of the basin that it is in; see ``edge_and_rank``.
    """

    second: SecondSurrogate = field(
        default_factory=lambda: SecondSurrogate(Noiseless(GP(bend_values=False)), LogExpectedImprovement())
    )
    length: float = _REGION.first_length
    rank: int = 0
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def with_acquisitions(self, change: Callable[[Acquisition], Acquisition]) -> LocalSurrogate:
        """Return the same with the acquisitions changed."""
        return replace(self, second=self.second.with_acquisitions(change))

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion of the recipe's own acquisition."""
        return self.second.build(posterior, data)

    def select(self, search: Search) -> tuple[Array, Memory]:
        """Return ``search.n`` new unit points, (n, d), the box with what was learned, and whose turn it was.

        Raises:
            SpaceExhausted: no n new points were found.
        """
        data, surrogate = rows_around(search.data, self.length, self.rank), self.second.surrogate
        learned: Memory = {}
        best = int(data.numbers[np.argmin(data.values)])
        if isinstance(surrogate, Trainable):
            known = search.memory.get(_MEMORY, {})
            is_same = (known.get("best"), known.get("length")) == (best, self.length)
            surrogate, learned = surrogate.train(data, known.get("surrogate", {}) if is_same else {})
        within = replace(search, surrogate=surrogate, posterior=search_posterior(surrogate, data), data=data)
        points = select_within(within, self.second.acquisition, self.length)
        box = {"best": best, "length": self.length, "surrogate": dict(learned)}
        return points, {_MEMORY: box, PROMISE: answered(search.memory, is_local=True)}


def rows_around(data: TrainingData, length: float, rank: int = 0) -> TrainingData:
    """Return the rows of a basin within ``length`` of its lowest value along each axis, and 4 d + 4.

    Args:
        rank: 0 for the lowest value; k for the lowest that lies farther than ``_APART`` from those of lower
            ranks, without the rows that are nearer to them.  Where there are fewer, ranks begin anew.
    """
    values = np.where(data.feasible, data.values, np.inf) if data.feasible.any() else data.values
    is_free, lowest = np.isfinite(values), [int(np.argmin(values))]
    while len(lowest) <= rank:
        is_free &= np.abs(data.points - data.points[lowest[-1]]).max(axis=1) > _APART
        if not is_free.any():
            break
        lowest.append(int(np.argmin(np.where(is_free, values, np.inf))))
    gaps = data.points[:, None] - data.points[lowest]
    squares = np.einsum("nkj,nkj->nk", gaps, gaps)
    basin = rank % len(lowest)
    is_own = squares[:, : basin + 1].argmin(axis=1) == basin
    near = np.argsort(np.where(is_own, squares[:, basin], np.inf), kind="stable")
    is_chosen = np.abs(gaps[:, basin]).max(axis=1) <= length
    is_chosen[near[: 4 * len(data.axes) + 4]] = True
    return data.rows(np.flatnonzero(is_chosen & is_own))


def edge_and_rank(data: TrainingData, *, is_exhausted: bool) -> tuple[float, int]:
    """Return the edge of the box, and the rank of the basin: those of a region that began with the last gain.

    Args:
        is_exhausted: whether the first surrogate expects nothing more of the best basin: others then have
            their turns.  Else the box shrinks around the best point, and begins anew at the end.
    """
    n_failures = n_without_gain(data) // max(4, len(data.axes))
    first = _REGION.first_length
    if not is_exhausted:
        n_halvings = int(np.log2(first / _REGION.least_length)) + 1
        return first * 0.5 ** (n_failures % n_halvings), 0
    n_basins, n_halvings = divmod(n_failures, _BOXES_OF_BASIN)
    rank = n_basins % _N_BASINS
    return (_APART if rank else first) * 0.5**n_halvings, rank
