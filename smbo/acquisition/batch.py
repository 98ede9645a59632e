"""Select a batch point by point, with fantasies at the points selected before (kriging believer)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from smbo.acquisition.base import Acquisition, Batchable, Criterion, Search
from smbo.acquisition.expected_improvement import means, normal
from smbo.acquisition.fantasies import feasible_points, pending_posterior, with_pending
from smbo.acquisition.optimize import Effort, Found, best_of, find_maximum, polish
from smbo.errors import SpaceExhausted
from smbo.space.point_set import PointSet
from smbo.surrogates.base import MultiObjectivePosterior, Posterior
from smbo.training_data import Array, TrainingData

# Of every eight points the first gets the whole search.  Later ones are searched for among its promising
# candidates, since the criterion changed near the earlier points only: so eight points cost less than
# twice one.
_POINTS_PER_SEARCH = 8
# Where the criteria of later points stack, so many points are picked, then moved by gradient ascent at a
# time.  Points that move together have fantasies at each other's old places: with seven some coincide.
_MOST_AT_ONCE, _N_CALLS = 4, 4
# Where criteria do not stack, each later point has a short search of its own.
_EFFORT_OF_LATER = Effort(n_candidates=0, n_local=0, n_starts=2, n_calls=4, n_rounds=1)
# Evaluated points around which local candidates are drawn.
_N_CENTRES = 4


def select(search: Search, acquisition: Acquisition) -> Array:
    """Return ``search.n`` unit points (n, d), distinct from each other and from those taken.

    A pending point enters the posterior with the posterior mean there: the standard deviation around
    the point shrinks, and the mean stays.

    Args:
        search: with at least one observed value.
        acquisition: of the recipe.

    Raises:
        SpaceExhausted: fewer than n points of a finite space are left.
        NumericalError: no posterior could be found.
    """
    n, search = search.n, replace(search, posterior=pending_posterior(search))
    centres, effort = _centres(search.posterior, search.data), Effort.affordable(len(search.data))
    if n == 1:
        effort = effort.of_one(search.space.axes)
    chosen, found = np.zeros((0, len(search.space.axes))), None
    while True:
        find = partial(
            find_maximum, space=search.space, rng=search.rng, start_points=centres, exclude=search.taken
        )
        criterion, place = acquisition.build(search.posterior, search.data), len(chosen) % _POINTS_PER_SEARCH
        new = None
        if found is not None and len(found.promising) and isinstance(criterion, Batchable):
            most = min(n - len(chosen), _POINTS_PER_SEARCH - place, _MOST_AT_ONCE)
            new = _several(search, acquisition, criterion, found.promising, most) if place else None
        elif found is not None:
            found = _one_more(partial(find, criterion), found.promising)
            new = None if found is None else found.point[None]
        if new is None:
            found = find(criterion, effort=effort)
            new = found.point[None]
        chosen = np.concatenate([chosen, new])
        if len(chosen) == n:
            return chosen
        search = with_pending(search, new)


def _several(
    search: Search, acquisition: Acquisition, criterion: Criterion, promising: Array, n: int
) -> Array | None:
    """Return up to n new points, (m, d), None where none of the promising ones is new.

    Each is picked given those before it; then all move at once, each by its own criterion, since
    one call of the stacked criteria costs little more than a call for a single point.

    Args:
        criterion: of the first new point; ``Batchable``, as all of this acquisition are.
    """
    taken = search.taken
    criteria: list[Batchable] = []
    found: list[Array] = []
    while len(found) < n:
        assert isinstance(criterion, Batchable)
        point = best_of(criterion, promising, search.taken)
        if point is None:
            break
        criteria.append(criterion)
        found.append(point)
        if len(found) < n:
            search = with_pending(search, point[None])
            criterion = acquisition.build(search.posterior, search.data)
    if not found:
        return None
    starts = np.stack(found)
    moved = polish(criteria[0].batched(criteria), search.space, starts, _N_CALLS)
    # two points may have moved to the same corner
    is_new = len(PointSet([moved])) == len(moved) and not taken.hits(moved).any()
    return moved if is_new else starts


def _one_more(find: Callable[..., Found], promising: Array) -> Found | None:
    """Return the result of a short search near promising points, None where none of them is new."""
    try:
        return find(effort=_EFFORT_OF_LATER, promising=promising)
    except SpaceExhausted:
        return None


def _centres(posterior: Posterior, data: TrainingData) -> Array:
    """Return the evaluated points with the lowest posterior means, feasible ones first, (k, d)."""
    if isinstance(posterior, MultiObjectivePosterior):
        return posterior.centres(data)
    points = feasible_points(data)
    mean = means(normal(posterior), points)
    return np.asarray(points[np.argsort(mean, kind="stable")[:_N_CENTRES]])
