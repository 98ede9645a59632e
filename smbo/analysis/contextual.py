"""Recommend a point for a context: the lowest posterior mean there, wherever evaluations were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from smbo.acquisition.feasibility import Feasibility
from smbo.errors import ProblemError, TellError
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.model_data import with_constraints
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import lowest_mean, model_of, what_is_missing
from smbo.proposal.transfer import with_transfer
from smbo.space.context import checked_context
from smbo.space.fixed import subspace
from smbo.surrogates.base import Memory
from smbo.trial import Recommendation, Trial

_N_STARTS = 5  # evaluated points around which a lower mean is searched for


def recommended_in_context(
    problem: Problem,
    recipe: Recipe,
    trials: Iterable[Trial],
    memory: Memory,
    context: Mapping[str, Any] | None,
) -> Recommendation:
    """Return the point of the lowest posterior mean in a context, which need not have been observed.

    Raises:
        AskError: the context is missing, not of the problem, or out of its range.
        TellError: no feasible evaluation is complete, or no surrogate can be fitted.
        ProblemError: the problem is a level set, which has no best point.
    """
    present = checked_context(problem.space, problem.context, context, "recommend")
    if problem.level_set is not None:
        raise ProblemError("a level set has no best point to recommend; contour() says where the level is")
    trials = list(trials)
    data = encode(problem, trials)
    if not data.feasible.any():
        raise TellError(f"nothing to recommend yet: {what_is_missing(problem, trials)}")
    space = subspace(problem.space, present)
    known = with_constraints(data, memory)
    posterior = model_of(with_transfer(problem, recipe), known, memory).posterior
    if posterior is None:
        raise TellError(
            "nothing to recommend: what is best in a context follows from a surrogate, and the recipe has "
            "none, or fewer than two evaluations to fit it to"
        )
    moved = space.snap(data.points[data.feasible])
    moved = moved[space.allowed(moved)]
    starts = moved[np.argsort(posterior.moments(moved)[0], kind="stable")[:_N_STARTS]]
    point = lowest_mean(posterior, known, space, starts)[None]
    mean, std = (float(each[0]) for each in posterior.moments(point))
    mean, std = data.told(np.array([mean, std])).tolist()
    feasibility = Feasibility.of(known)
    chance = None if feasibility is None else float(np.exp(feasibility.log_probability(point)[0]))
    p_feasible = (1.0 if chance is None else chance) if problem.constraints else None
    return Recommendation(space.from_unit(point)[0], problem.sign * mean, std, None, p_feasible)
