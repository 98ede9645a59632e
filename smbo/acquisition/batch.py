"""Several points at once, aware of each other and of every pending one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from smbo.acquisition.base import Acquisition, Batchable, Criterion
from smbo.acquisition.expected_improvement import means, normal
from smbo.acquisition.optimize import Effort, Excluded, Found, best_of, maximize, polish, search
from smbo.errors import SpaceExhausted
from smbo.space import Space
from smbo.surrogates.base import (
    ConditionablePosterior,
    ExtendablePosterior,
    MultiObjectivePosterior,
    Posterior,
    Surrogate,
)
from smbo.training_data import Array, TrainingData

# Of every eight points the first gets the whole search.  Later ones are looked for among what that
# found promising, for their criterion changed around the earlier ones only: this is what makes
# eight points cost less than twice one.
_BLOCK = 8
# Where the criteria of later points stack they are picked, then moved, so many at a time.  Two that move
# at once do not see each other move: with seven of them some end at one place.
_GROUP, _N_CALLS = 4, 4
# Elsewhere each has a short search of its own.
_LATER = Effort(n_candidates=0, n_local=0, n_starts=2, n_calls=4, n_rounds=1)
# What promises nothing lies above the lowest mean by so many deviations of its own (an expected improvement
# of less than a hundredth of one) and by so much of the range of all means: without that share 12 to 14 of
# 15 evaluations fail beside a cliff, with three times as much as many as with this.
_HOPELESS_STDS, _HOPELESS_SHARE = 2.0, 0.1
# Evaluated points around which the search looks closer.
_N_CENTRES = 4


def select(
    surrogate: Surrogate,
    acquisition: Acquisition,
    data: TrainingData,
    space: Space,
    n: int,
    rng: np.random.Generator,
    *,
    taken: Array | None = None,
) -> Array:
    """Return n unit points (n, d), distinct from each other and from pending and evaluated ones.

    A pending point enters the posterior with the value that the posterior expects there (its
    mean): uncertainty goes away around it, and what the surrogate believes stays.

    Args:
        surrogate: with its hyperparameters fixed; one that has to learn does so once here.
        acquisition: what makes a point worth evaluating.
        data: at least one value, unless all of the points are to be random.
        n: how many points.
        taken: points that may not come again, where the training data is a part of all there is, (m, d).

    Raises:
        SpaceExhausted: fewer than n points of a finite space are left.
        NumericalError: no posterior could be found.
    """
    if taken is None:
        taken = np.concatenate([data.points, data.failed, data.pending])
    if len(data) == 0:
        return _random(space, taken, n, rng)
    posterior = believed(surrogate, data)
    batch = _Batch(surrogate, acquisition, space, posterior, data, taken)
    centres, effort = _centres(posterior, data), Effort.affordable(len(data))
    chosen, found = np.zeros((0, len(space.axes))), None
    while True:
        find = partial(search, space=space, rng=rng, start_points=centres, exclude=batch.taken)
        criterion, place = batch.criterion(), len(chosen) % _BLOCK
        new = None
        if found is not None and len(found.promising) and isinstance(criterion, Batchable):
            most = min(n - len(chosen), _BLOCK - place, _GROUP)
            new = _several(batch, criterion, found.promising, most) if place else None
        elif found is not None:
            found = _one_more(partial(find, criterion), found.promising)
            new = None if found is None else found.point[None]
        if new is None:
            found = find(criterion, effort=effort)
            new = found.point[None]
        chosen = np.concatenate([chosen, new])
        if len(chosen) == n:
            return chosen
        batch = batch.with_points(new)


@dataclass(frozen=True, eq=False)
class _Batch:
    """What is believed and taken, given the points of a batch so far."""

    surrogate: Surrogate
    acquisition: Acquisition
    space: Space
    posterior: Posterior
    data: TrainingData
    taken: Array

    def criterion(self) -> Criterion:
        return self.acquisition.build(self.posterior, self.data)

    def with_points(self, points: Array) -> _Batch:
        """Return the batch with more points, (m, d)."""
        return replace(
            self,
            posterior=with_fantasies(self.surrogate, self.posterior, self.data, points),
            data=replace(self.data, pending=np.concatenate([self.data.pending, points])),
            taken=np.concatenate([self.taken, points]),
        )


def _several(batch: _Batch, criterion: Batchable, promising: Array, n: int) -> Array | None:
    """Return up to n new points, (m, d), None where none of the promising ones is new.

    Each is picked given those before it; then all move at once, each by its own criterion, for a
    call that serves all costs little more than one for a single point.
    """
    before = excluded = Excluded.of(batch.taken)
    criteria, picks = [criterion], [best_of(criterion, promising, excluded)]
    while len(picks) < n and picks[-1] is not None:
        batch = batch.with_points(picks[-1][None])
        excluded = excluded.with_points(picks[-1][None])
        following = batch.criterion()
        assert isinstance(following, Batchable)
        criteria.append(following)
        picks.append(best_of(following, promising, excluded))
    found = [pick for pick in picks if pick is not None]
    if not found:
        return None
    starts = np.stack(found)
    moved = polish(criterion.batched(criteria[: len(found)]), batch.space, starts, _N_CALLS)
    # two may have come to the same corner
    is_new = len(Excluded.of(moved).rows) == len(moved) and not before.hits(moved).any()
    return moved if is_new else starts


def _one_more(find: Callable[..., Found], promising: Array) -> Found | None:
    """Return what a short search near promising points finds, None where they are used up."""
    try:
        return find(effort=_LATER, promising=promising)
    except SpaceExhausted:
        return None


def believed(surrogate: Surrogate, data: TrainingData) -> Posterior:
    """Return the posterior given also its own mean at pending points, and nothing to gain at failed ones.

    Where an evaluation failed there is nothing to be had, whatever the successes promise: see ``_shown``.
    It is what the search is shown, never what is learned from, recommended or reported.
    """
    posterior = surrogate.fit(data)
    bare = replace(data, failed=data.failed[:0], pending=data.pending[:0])
    if isinstance(posterior, MultiObjectivePosterior) and len(data.failed) and len(data):
        posterior = posterior.discouraged(data.failed, _usable(data))
    elif len(data.failed) and len(data):
        shown = _shown(posterior, data.failed, _usable(data))
        posterior = _given(surrogate, posterior, bare, data.failed, shown)
    return with_fantasies(surrogate, posterior, replace(bare, failed=data.failed), data.pending)


def _shown(posterior: Posterior, failed: Array, usable: Array) -> Array:
    """Return the values that the search is shown at failed points (m, d): what promises nothing, (m,).

    A search that comes to its end beside a cliff finds the improvement that it imagines beyond it worth
    any risk, unless it is shown a worse value there.  One far worse than what is believed reaches far: a
    dozen failures in places of which little was known held a search of Ackley's function off the middle of
    the space for good.  So it is no worse than it takes, and the mean itself where that promises nothing.
    """
    told, _ = posterior.moments(usable)
    means, stds = posterior.moments(failed)
    lowest, highest = float(told.min()), float(told.max())
    hopeless = lowest + _HOPELESS_STDS * stds + _HOPELESS_SHARE * (highest - lowest)
    return np.maximum(means, np.minimum(hopeless, highest))


def _usable(data: TrainingData) -> Array:
    """Return the feasible evaluated points, or all where none is, (k, d)."""
    return data.points[data.feasible] if data.feasible.any() else data.points


def _given(
    surrogate: Surrogate, posterior: Posterior, data: TrainingData, points: Array, values: Array
) -> Posterior:
    """Return the posterior given also these values (m,) at points (m, d)."""
    if isinstance(posterior, ConditionablePosterior):
        return posterior.condition_on(points, values)
    if isinstance(posterior, ExtendablePosterior):  # of several outputs: one value does not tell them
        return posterior.fantasize(points)
    return surrogate.fit(_with_values(data, points, values))


def with_fantasies(
    surrogate: Surrogate, posterior: Posterior, data: TrainingData, points: Array
) -> Posterior:
    """Return the posterior given also its own mean at points (m, d).

    Args:
        data: what the posterior was fitted to, with any points of earlier fantasies failed or
            pending; used where the posterior itself cannot be extended.
    """
    if len(points) == 0:
        return posterior
    if isinstance(posterior, ExtendablePosterior):
        return posterior.fantasize(points)
    known = np.concatenate([data.failed, data.pending, points])
    means, _ = posterior.moments(known)
    return surrogate.fit(_with_values(data, known, means))


def _with_values(data: TrainingData, points: Array, values: Array) -> TrainingData:
    """Return the training data as if these values had been told."""
    m = len(points)
    first = int(data.numbers[-1]) + 1 if len(data.numbers) else 0
    unknown = np.full(m, np.nan)
    return replace(
        data,
        numbers=np.concatenate([data.numbers, np.arange(first, first + m)]),
        points=np.concatenate([data.points, points]),
        values=np.concatenate([data.values, values]),
        variances=np.concatenate([data.variances, unknown]),
        costs=np.concatenate([data.costs, unknown]),
        feasible=np.concatenate([data.feasible, np.ones(m, dtype=np.bool_)]),
        outcome_constraints=None
        if data.outcome_constraints is None
        else data.outcome_constraints.with_unknown(m),
    )


def _centres(posterior: Posterior, data: TrainingData) -> Array:
    """Return the evaluated points with the lowest posterior means, feasible ones first, (k, d)."""
    if isinstance(posterior, MultiObjectivePosterior):
        return posterior.centres(data)
    points = _usable(data)
    mean = means(normal(posterior), points)
    return np.asarray(points[np.argsort(mean, kind="stable")[:_N_CENTRES]])


def _random(space: Space, taken: Array, n: int, rng: np.random.Generator) -> Array:
    """Return n random points that are not taken."""
    chosen: list[Array] = []
    for _ in range(n):
        point = maximize(
            lambda points: np.zeros(len(points)),
            space,
            rng,
            start_points=np.zeros((0, len(space.axes))),
            exclude=taken,
            effort=Effort(n_candidates=16, n_local=0, n_starts=1, n_calls=0, n_rounds=0),
        )
        chosen.append(point)
        taken = np.concatenate([taken, point[None, :]])
    return np.stack(chosen)
