"""Several points at once, aware of each other and of every pending one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from smbo.acquisition.base import Acquisition
from smbo.acquisition.improvement import means, normal
from smbo.errors import SpaceExhausted
from smbo.evidence import Array, Evidence
from smbo.maximize import Effort, Found, maximize, search
from smbo.space import Space
from smbo.surrogates.base import ExtendablePosterior, Posterior, Surrogate

# The first point of a batch gets the whole search.  Later ones are looked for among what that found
# promising, for their criterion changed around the earlier ones only: this is what makes eight
# points cost about twice one.
_LATER = Effort(n_candidates=0, n_local=0, n_starts=2, n_iterations=2, n_rounds=1)
# Evaluated points around which the search looks closer.
_N_CENTRES = 4


def select(
    surrogate: Surrogate,
    acquisition: Acquisition,
    evidence: Evidence,
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
        evidence: at least one value, unless all of the points are to be random.
        n: how many points.
        taken: points that may not come again, where the evidence is a part of all there is, (m, d).

    Raises:
        SpaceExhausted: fewer than n points of a finite space are left.
        NumericalError: no posterior could be found.
    """
    if taken is None:
        taken = np.concatenate([evidence.points, evidence.failed, evidence.pending])
    if len(evidence) == 0:
        return _random(space, taken, n, rng)
    posterior = with_fantasies(surrogate, surrogate.fit(evidence), evidence, evidence.pending)
    centres = _centres(posterior, evidence)
    chosen: list[Array] = []
    promising: Array | None = None
    while True:
        criterion = acquisition.prepare(posterior, evidence)
        find = partial(search, criterion, space, rng, start_points=centres, exclude=taken)
        found = None if promising is None else _one_more(find, promising)
        if found is None:
            found = find(effort=Effort.affordable(len(evidence)))
        promising = found.promising
        new = found.point[None, :]
        chosen.append(found.point)
        if len(chosen) == n:
            return np.stack(chosen)
        taken = np.concatenate([taken, new])
        posterior = with_fantasies(surrogate, posterior, evidence, new)
        evidence = replace(evidence, pending=np.concatenate([evidence.pending, new]))


def _one_more(find: Callable[..., Found], promising: Array) -> Found | None:
    """Return what a short search near promising points finds, None where they are used up."""
    try:
        return find(effort=_LATER, promising=promising)
    except SpaceExhausted:
        return None


def with_fantasies(
    surrogate: Surrogate, posterior: Posterior, evidence: Evidence, points: Array
) -> Posterior:
    """Return the posterior given also its own mean at points (m, d).

    Args:
        evidence: what the posterior was fitted to, with any points of earlier fantasies pending;
            used where the posterior itself cannot be extended.
    """
    if len(points) == 0:
        return posterior
    if isinstance(posterior, ExtendablePosterior):
        return posterior.fantasise(points)
    known = np.concatenate([evidence.pending, points]) if points is not evidence.pending else points
    means, _ = posterior.moments(known)
    return surrogate.fit(_with_values(evidence, known, means))


def _with_values(evidence: Evidence, points: Array, values: Array) -> Evidence:
    """Return the evidence as if these values had been told."""
    m = len(points)
    first = int(evidence.numbers[-1]) + 1 if len(evidence.numbers) else 0
    unknown = np.full(m, np.nan)
    return replace(
        evidence,
        numbers=np.concatenate([evidence.numbers, np.arange(first, first + m)]),
        points=np.concatenate([evidence.points, points]),
        values=np.concatenate([evidence.values, values]),
        variances=np.concatenate([evidence.variances, unknown]),
        costs=np.concatenate([evidence.costs, unknown]),
        feasible=np.concatenate([evidence.feasible, np.ones(m, dtype=np.bool_)]),
    )


def _centres(posterior: Posterior, evidence: Evidence) -> Array:
    """Return the evaluated points with the lowest posterior means, feasible ones first, (k, d)."""
    points = evidence.points[evidence.feasible] if evidence.feasible.any() else evidence.points
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
            effort=Effort(n_candidates=16, n_local=0, n_starts=1, n_iterations=0, n_rounds=0),
        )
        chosen.append(point)
        taken = np.concatenate([taken, point[None, :]])
    return np.stack(chosen)
