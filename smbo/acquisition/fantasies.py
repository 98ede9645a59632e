"""Fantasies: made-up values at pending points (kriging believer) and pessimistic ones at failed points.

Source: Ginsbourger, Le Riche & Carraro (2010), "Kriging is well-suited to parallelize optimization".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smbo.acquisition.base import Search
from smbo.surrogates.base import (
    ConditionablePosterior,
    ExtendablePosterior,
    MultiObjectivePosterior,
    Posterior,
    Surrogate,
)
from smbo.training_data import Array, TrainingData

# A pessimistic value exceeds the lowest mean by so many standard deviations at its point (an expected
# improvement below a hundredth of one) and by this share of the range of the means: without the share 12 to
# 14 of 15 evaluations fail beside a cliff; with three times the share as many as with this one.
_PESSIMISTIC_STDS, _PESSIMISTIC_SHARE = 2.0, 0.1


def search_posterior(surrogate: Surrogate, data: TrainingData) -> Posterior:
    """Return the posterior given also pessimistic values at failed points.

    See ``_pessimistic_values``.  This posterior is for the search only, not for learning hyperparameters,
    recommending or reporting.
    """
    posterior = surrogate.fit(data)
    if not len(data.failed) or not len(data):
        return posterior
    if isinstance(posterior, MultiObjectivePosterior):
        return posterior.with_pessimistic_values(data.failed, feasible_points(data))
    values = _pessimistic_values(posterior, data.failed, feasible_points(data))
    bare = replace(data, failed=data.failed[:0], pending=data.pending[:0])
    return _given(surrogate, posterior, bare, data.failed, values)


def posterior_with_fantasies(surrogate: Surrogate, data: TrainingData) -> Posterior:
    """Return ``search_posterior`` given also its own mean at pending points (kriging believer)."""
    fitted = data.without_pending()
    return with_fantasies(surrogate, search_posterior(surrogate, data), fitted, data.pending)


def pending_posterior(search: Search) -> Posterior:
    """Return a search's posterior given also its own mean at pending points."""
    fitted = search.data.without_pending()
    return with_fantasies(search.surrogate, search.posterior, fitted, search.data.pending)


def with_pending(search: Search, points: Array) -> Search:
    """Return a search (its posterior with all fantasies) with more pending points (m, d) and theirs."""
    data = search.data
    return replace(
        search,
        posterior=with_fantasies(search.surrogate, search.posterior, data, points),
        data=data.with_pending(points),
        taken=search.taken.with_points(points),
    )


def _pessimistic_values(posterior: Posterior, failed: Array, feasible: Array) -> Array:
    """Return values at failed points (m, d) with almost no expected improvement, (m,).

    Next to a region that fails, expected improvement within it outweighs any probability of failure, unless
    the posterior has a worse value there.  A value far above the mean acts far away: a dozen failures
    early on kept a search of Ackley's function out of the middle of the space for good.  So the value is
    as low as suffices, and the posterior mean where that is higher.
    """
    told, _ = posterior.moments(feasible)
    means, stds = posterior.moments(failed)
    lowest, highest = float(told.min()), float(told.max())
    pessimistic = lowest + _PESSIMISTIC_STDS * stds + _PESSIMISTIC_SHARE * (highest - lowest)
    return np.maximum(means, np.minimum(pessimistic, highest))


def feasible_points(data: TrainingData) -> Array:
    """Return the feasible evaluated points, or all where none is, (k, d)."""
    return data.points[data.feasible] if data.feasible.any() else data.points


def _given(
    surrogate: Surrogate, posterior: Posterior, data: TrainingData, points: Array, values: Array
) -> Posterior:
    """Return the posterior given also these values (m,) at points (m, d)."""
    if isinstance(posterior, ConditionablePosterior):
        return posterior.condition_on(points, values)
    if isinstance(posterior, ExtendablePosterior):  # of several outputs, which one value cannot condition
        return posterior.fantasize(points)
    return surrogate.fit(_with_values(data, points, values))


def with_fantasies(
    surrogate: Surrogate, posterior: Posterior, data: TrainingData, points: Array
) -> Posterior:
    """Return the posterior given also its own mean at points (m, d).

    Args:
        data: that the posterior was fitted to, with the points of earlier fantasies as failed or
            pending; used where the posterior itself cannot be conditioned.
    """
    if len(points) == 0:
        return posterior
    if isinstance(posterior, ExtendablePosterior):
        return posterior.fantasize(points)
    known = np.concatenate([data.failed, data.pending, points])
    means, _ = posterior.moments(known)
    return surrogate.fit(_with_values(data, known, means))


def _with_values(data: TrainingData, points: Array, values: Array) -> TrainingData:
    """Return the training data with these values added as evaluations."""
    m = len(points)
    first = int(data.numbers[-1]) + 1 if len(data.numbers) else 0
    unknown = np.full(m, np.nan)
    return replace(
        data,
        numbers=np.concatenate([data.numbers, np.arange(first, first + m)]),
        points=np.concatenate([data.points, points]),
        values=np.concatenate([data.values, values]),
        variances=np.concatenate([data.variances, unknown]),
        feasible=np.concatenate([data.feasible, np.ones(m, dtype=np.bool_)]),
        outcome_constraints=None
        if data.outcome_constraints is None
        else data.outcome_constraints.with_unknown(m),
    )
