"""Minima of functions drawn from a posterior: the distribution of the optimum.

All draws are minimised together.  One set of candidates, over the whole space and around good points, is
evaluated for every draw; from the best few of each, distant from each other, a projected BFGS ascent leads
on, as in the search for a proposal.  So every basin that a draw has is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.gradient_ascent import ascend
from smbo.acquisition.optimize import Effort, candidates, steerable
from smbo.space import Space
from smbo.surrogates.base import FunctionDraws
from smbo.training_data import Array

_N_STARTS = 3  # of each draw
_N_CALLS = 25
# Starts of one draw are at least so far apart, times the root of the number of axes.
_APART = 0.1
_EFFORT = Effort(n_candidates=512, n_local=32)
_EFFORT_AROUND = Effort(n_candidates=0, n_local=8)  # candidates around the minima, where axes have levels


def minima_of(
    groups: Sequence[FunctionDraws], space: Space, rng: np.random.Generator, centres: Array
) -> Array:
    """Return the unit point at which each draw is lowest, (k, d), for the draws of all groups.

    Args:
        centres: evaluated points around which candidates are concentrated, (c, d).
    """
    draws = AllDraws(tuple(groups))
    points = np.unique(candidates(space, rng, centres, _EFFORT), axis=0)
    values = draws(points)
    starts, owners = _starts(points, values)
    best, lowest = _descended(draws, space, starts, owners)
    if any(axis.levels is not None for axis in space.axes):
        around = np.unique(candidates(space, rng, np.unique(best, axis=0), _EFFORT_AROUND), axis=0)
        values = draws(around)
        rows = values.argmin(axis=0)
        better = values.min(axis=0) < lowest
        best = np.where(better[:, None], around[rows], best)
        best, _ = _descended(draws, space, best, np.arange(len(best)))
    return best


@dataclass(frozen=True, eq=False)
class AllDraws:
    """The draws of several posteriors in turn."""

    groups: tuple[FunctionDraws, ...]

    def __call__(self, points: Array) -> Array:
        """Return the values of all draws at unit points (m, d), (m, k)."""
        return np.concatenate([group(points) for group in self.groups], axis=1)

    def of_rows(self, points: Array, draws: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return values (m,) and slopes (m, d) at unit points (m, d), of one draw at each, (m,)."""
        values, slopes = np.empty(len(points)), np.empty(points.shape)
        first = 0
        for group in self.groups:
            mine = np.flatnonzero((draws >= first) & (draws < first + len(group)))
            if len(mine):
                values[mine], slopes[mine] = group.of_rows(points[mine], draws[mine] - first)
            first += len(group)
        return values, slopes


@dataclass(frozen=True, eq=False)
class _Negative:
    """Minus one draw for each row, as the stacked criteria that an ascent takes."""

    draws: AllDraws
    owners: NDArray[np.intp]

    def __call__(self, points: Array) -> Array:
        return -self.draws.of_rows(points, self.owners)[0]

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        values, slopes = self.draws.of_rows(points, self.owners)
        return -values, -slopes

    def of_rows(self, rows: NDArray[np.intp]) -> _Negative:
        return _Negative(self.draws, self.owners[rows])


def _starts(points: Array, values: Array) -> tuple[Array, NDArray[np.intp]]:
    """Return the starts of all draws, (s, d), and the draw of each, (s,)."""
    apart = (_APART**2) * points.shape[1]
    rows, owners = [], []
    left = values.copy()
    everyone = np.arange(values.shape[1])
    for _ in range(_N_STARTS):
        best = left.argmin(axis=0)
        going = np.isfinite(left[best, everyone])
        rows.append(best[going])
        owners.append(everyone[going])
        gaps = points[:, None] - points[best][None]
        left[np.einsum("mkd,mkd->mk", gaps, gaps) <= apart] = np.inf
    return points[np.concatenate(rows)], np.concatenate(owners)


def _descended(draws: AllDraws, space: Space, starts: Array, owners: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return the lowest point of each draw reached from its starts, (k, d), and its value, (k,)."""
    criterion = _Negative(draws, owners)
    before = draws.of_rows(starts, owners)[0]
    ends, _ = ascend(criterion, starts, *steerable(space, starts), _N_CALLS)
    ends = space.snap(ends)
    after = draws.of_rows(ends, owners)[0]
    better = (after < before) & space.allowed(ends)
    points, values = np.where(better[:, None], ends, starts), np.where(better, after, before)
    order = np.lexsort((values, owners))
    _, first = np.unique(owners[order], return_index=True)
    return points[order[first]], values[order[first]]
