"""Where the optimum is: an interval for each parameter, by the minima of functions drawn for claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition.minima_of_draws import minima_of
from smbo.acquisition.optimize import Effort, candidates
from smbo.analysis.parameters import Parameter, parameters
from smbo.errors import ProblemError
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.claims import N_DRAWS, N_FREQUENCIES, claim_draws
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import Model, feasibility_of, model_of, recommendation
from smbo.proposal.transfer import with_transfer
from smbo.space import Space
from smbo.surrogates import linalg
from smbo.surrogates.base import (
    DrawnPosterior,
    FunctionDraws,
    FunctionsPosterior,
    JointPosterior,
    Memory,
    Posterior,
)
from smbo.training_data import Array
from smbo.trial import Recommendation, Trial

# (unit points (m, d), n, generator) -> n joint draws of whether an evaluation there succeeds, shape (m, n)
Drawn: TypeAlias = Callable[[Array, int, np.random.Generator], NDArray[np.bool_]]

_N_CENTRES = 8  # evaluated points of the lowest means, around which minima are looked for
_AROUND = Effort(n_candidates=512, n_local=48)  # where minima are looked for among candidates alone


def optimum(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    trials: Iterable[Trial],
    memory: Memory,
    *,
    recommended: Recommendation | None = None,
    baseline: Mapping[str, Any] | None = None,
) -> list[Parameter]:
    """Return the parameters of the recommended point with the intervals of the optimum.

    The one source of these for the page, `smbo show`, `smbo tune` and files; deterministic in the trials.

    Args:
        recommended: the recommendation, if it is known.
        baseline: point to compare with, in the user's units.

    Raises:
        TellError: no feasible evaluation is complete.
        ProblemError: the problem has no best point: a level set, or several objectives.
    """
    if problem.multi_objective is not None:
        raise ProblemError("several objectives have no single optimum; pareto() returns the trade-offs")
    if problem.context:
        raise ProblemError("the optimum depends on the context; recommend(context={...}) returns that of one")
    trials = list(trials)
    if recommended is None:
        recommended = recommendation(problem, recipe, seed, trials, memory)
    data = encode(problem, trials, is_in_full=True)
    model = model_of(with_transfer(problem, recipe), data, memory)
    feasibility = feasibility_of(data, memory)
    rng = np.random.default_rng(len(data))
    optima = optima_of(
        problem.space, model, recommended.params, rng, None if feasibility is None else feasibility.draws
    )
    return parameters(problem.space, recommended.params, optima, baseline)


def optima_of(
    space: Space,
    model: Model,
    params: Mapping[str, Any],
    rng: np.random.Generator,
    well: Drawn | None = None,
) -> Array | None:
    """Return unit points at which functions drawn for claims are lowest, (k, d); None without a posterior."""
    if model.posterior is None:
        return None
    mean, _ = model.posterior.moments(model.data.points)
    lowest = model.data.points[np.argsort(mean, kind="stable")[:_N_CENTRES]]
    draws = claim_draws(model.surrogate, model.posterior, model.data, rng)
    return minima(space, model.posterior, draws, params, rng, lowest, well)


def optimum_samples(
    space: Space,
    posterior: Posterior,
    params: Mapping[str, Any],
    rng: np.random.Generator,
    *,
    n_samples: int = N_DRAWS,
    well: Drawn | None = None,
) -> Array | None:
    """Return unit points at which functions drawn from one posterior are lowest, (n_samples, d).

    With what else is uncertain, the model and its hyperparameters, see ``optimum``.  None when nothing can
    be drawn from the posterior.
    """
    draws: tuple[FunctionDraws, ...] = ()
    if isinstance(posterior, FunctionsPosterior):
        draws = (posterior.function_draws(rng, n_samples, N_FREQUENCIES),)
    return minima(space, posterior, draws, params, rng, np.zeros((0, len(space.axes))), well, n_samples)


def minima(
    space: Space,
    posterior: Posterior,
    draws: Sequence[FunctionDraws],
    params: Mapping[str, Any],
    rng: np.random.Generator,
    centres: Array,
    well: Drawn | None = None,
    n_samples: int = N_DRAWS,
) -> Array | None:
    """Return unit points at which draws are lowest, (k, d); None where nothing can be drawn.

    Args:
        draws: functions; where there are none, values are drawn jointly at candidates.
        params: the recommended point.
        centres: good points, around which minima are looked for, (c, d).
        well: draws of where evaluations succeed and meet the constraints; each draw of the function has
            its optimum where the same draw of this is true, or at ``params`` where it is true nowhere.
        n_samples: number of draws where there are no functions.
    """
    center = space.to_unit([params])[0]
    centres = np.unique(np.vstack([center[None], centres]), axis=0)
    if draws and well is None:
        return minima_of(draws, space, rng, centres)
    points = np.unique(np.vstack([centres, candidates(space, rng, centres, _AROUND)]), axis=0)
    if draws:
        points = np.unique(np.vstack([points, minima_of(draws, space, rng, centres)]), axis=0)
        values = np.concatenate([group(points) for group in draws], axis=1)
    elif isinstance(posterior, DrawnPosterior):
        values = posterior.draws(points, n_samples, rng)
    elif isinstance(posterior, JointPosterior):
        values = linalg.draws(*posterior.joint(points), n_samples, rng)
    else:
        return None
    if well is None:
        return points[np.argmin(values, axis=0)]
    holds = well(points, values.shape[1], rng)
    best = np.argmin(np.where(holds, values, np.inf), axis=0)
    return np.where(np.any(holds, axis=0, keepdims=True).T, points[best], center)
