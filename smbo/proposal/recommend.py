"""What a recipe believes of the training data, and what it recommends by that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition import constraint_models as constraints
from smbo.acquisition.constraint_models import SlackBelief
from smbo.acquisition.feasibility import Feasibility, went_well, without_chance
from smbo.errors import ProblemError, TellError
from smbo.history.encode import encode
from smbo.history.replicates import merged
from smbo.problem import Problem
from smbo.proposal.recipe import Choice, Recipe, chosen
from smbo.proposal.replication import takes_repeats
from smbo.proposal.strategies import lowest_mean
from smbo.proposal.transfer import with_transfer
from smbo.proposal.trust_region import RegionState, training_data_of
from smbo.surrogates import Memory, Posterior, Selective, Surrogate, Trainable
from smbo.surrogates.multi_output.composite_posterior import CompositePosterior
from smbo.training_data import Array, TrainingData
from smbo.trial import Recommendation, Trial

__all__ = [
    "Model",
    "as_told",
    "feasibility_of",
    "model_of",
    "posterior_of",
    "probability_feasible",
    "recommend",
    "recommendable",
    "recommendation",
    "relevant",
    "trained",
    "with_constraints",
    "with_penalties",
]

Rows = NDArray[np.intp]

_N_STARTS = 5  # evaluated points from which a lower mean is looked for
_SURE = 0.9  # probability of feasibility that a recommendation is to have where feasibility is uncertain


@dataclass(frozen=True, eq=False)
class Model:
    """What a recipe believes, for people: recommendations, figures, explanations.

    Attributes:
        choice: the recipe that was followed, and why.
        data: that the surrogate was given.
        posterior: None where too little is known for one.
    """

    choice: Choice
    data: TrainingData
    posterior: Posterior | None


def model_of(recipe: Recipe, data: TrainingData, memory: Memory) -> Model:
    """Return what a recipe believes."""
    choice = chosen(recipe, data, memory)
    recipe = choice.recipe
    if recipe.region is not None and "region" in memory:
        data = training_data_of(recipe.region, RegionState.from_json(memory["region"]), data)
    if recipe.surrogate is None or len(data) < 2 or not data.axes:
        return Model(choice, data, None)
    # no penalties here: what was measured is reported, feasible or not
    data = as_told(recipe.surrogate, data)
    surrogate, _ = trained(recipe.surrogate, data, memory)
    return Model(choice, relevant(recipe.surrogate, data), surrogate.fit(data))


def posterior_of(recipe: Recipe, data: TrainingData, memory: Memory) -> Posterior | None:
    """Return the posterior that a recommendation rests on, None where too little is known for one."""
    return model_of(recipe, data, memory).posterior


def as_told(surrogate: Surrogate, data: TrainingData) -> TrainingData:
    """Return the training data as a surrogate is told it: repeats in one row where it honours them."""
    return merged(data) if takes_repeats(surrogate) else data


def trained(surrogate: Surrogate, data: TrainingData, memory: Memory) -> tuple[Surrogate, Mapping[str, Any]]:
    if not isinstance(surrogate, Trainable):
        return surrogate, {}
    trained, learned = surrogate.train(data, memory.get("surrogate", {}))
    return trained, {"surrogate": dict(learned)}


def relevant(surrogate: Surrogate, data: TrainingData) -> TrainingData:
    return surrogate.relevant(data) if isinstance(surrogate, Selective) else data


def recommend(
    problem: Problem, recipe: Recipe, data: TrainingData, memory: Memory
) -> tuple[Array, float, float, int | None]:
    """Return the feasible point that the posterior takes for the best.

    Not the luckiest evaluation: where they are noisy, the posterior weighs each against its
    neighbours.  Without a surrogate, or with a single value, the lowest value decides.  A value alone
    says little of where nothing was evaluated, so the point is one of the evaluated; vector outputs
    say much, and the point is the lowest of the whole space.

    Returns:
        unit point (d,); posterior mean and standard deviation there, minimised (without a posterior
        the value and its given standard error, or NaN); row of the training data, None for a point that
        was not evaluated.

    Raises:
        TellError: no feasible evaluation is complete.
    """
    rows = recommendable(with_constraints(data, memory))
    if len(rows) == 0:
        raise TellError("nothing to recommend: no evaluation is complete and feasible yet")
    posterior = posterior_of(recipe, data, memory)
    rows = _looked_at(recipe, data, memory, rows)
    if posterior is None:
        row = int(rows[np.argmin(data.values[rows])])
        return data.points[row], float(data.values[row]), float(data.variances[row] ** 0.5), row
    mean, std = posterior.moments(data.points[rows])
    best = int(np.argmin(mean))
    if isinstance(posterior, CompositePosterior) and not problem.constraints:
        starts = data.points[rows[np.argsort(mean, kind="stable")[:_N_STARTS]]]
        point = lowest_mean(posterior, data, problem.space, starts)
        below, spread = posterior.moments(point[None])
        if below[0] < mean[best]:
            return point, float(below[0]), float(spread[0]), None
    return data.points[rows[best]], float(mean[best]), float(std[best]), int(rows[best])


def _looked_at(recipe: Recipe, data: TrainingData, memory: Memory, rows: Rows) -> Rows:
    """Return those of the feasible rows of which the surrogate knows, or all if it knows none."""
    surrogate = chosen(recipe, data, memory).recipe.surrogate
    if not isinstance(surrogate, Selective):
        return rows
    known = rows[np.isin(data.numbers[rows], surrogate.relevant(data).numbers)]
    return known if len(known) else rows


def with_penalties(data: TrainingData) -> TrainingData:
    """Return the training data with infeasible points no better than the worst feasible one.

    The surrogate learns to stay away, at a price that the user's own values set.  A failed point has no
    value, good or bad: it counts for the probability of success alone.  Where a slack says why a point
    is infeasible its value is told as it is: the best points lie on the boundary, between such neighbours.
    """
    if data.objective_values is not None:  # what an infeasible point measured is true of each objective
        return data
    feasible = went_well(data)
    if feasible.all() or not feasible.any():
        return data
    worst = float(data.values[feasible].max())
    return replace(data, values=np.where(feasible, data.values, np.maximum(data.values, worst)))


def with_constraints(data: TrainingData, memory: Memory) -> TrainingData:
    """Return the training data with what is learned of its slacks, feasible where that is believed."""
    if data.outcome_constraints is None:
        return data
    known = constraints.learned(data, memory.get("constraints", ()))
    return replace(known, feasible=constraints.believed_feasible(known))


def recommendable(data: TrainingData) -> Rows:
    """Return the rows that may be recommended: feasible ones, surely so where what is told may be luck."""
    rows = np.flatnonzero(data.feasible)
    if len(rows) == 0 or not constraints.noisy_columns(data):
        return rows
    chances = probability_feasible(data, data.points[rows])
    return rows[chances >= min(_SURE, float(chances.max()))]


def feasibility_of(data: TrainingData, memory: Memory) -> Feasibility | None:
    """Return how likely evaluations succeed and meet the constraints; None where all of them did."""
    known = with_constraints(without_chance(data), memory)
    return Feasibility.of(replace(known, pending=known.pending[:0]))


def probability_feasible(data: TrainingData, points: Array) -> Array:
    """Return how likely the outcome constraints hold at feasible evaluated unit points (m, d), (m,).

    One that is measured without noise holds as it was told.
    """
    chances = np.ones(len(points))
    here = replace(data, pending=data.pending[:0])
    for column in constraints.noisy_columns(data):
        belief = SlackBelief.of(here, column)
        assert belief is not None, "noise is learned from slacks that are known"
        chances *= np.exp(belief.log_probability(points))
    return chances


def recommendation(
    problem: Problem, recipe: Recipe, seed: int, trials: Iterable[Trial], memory: Memory
) -> Recommendation:
    """Return the point that the posterior takes for the best; see ``propose.recommend``.

    Raises:
        TellError: no feasible evaluation is complete.
        ProblemError: a level is sought, which has no best point.
    """
    del seed  # nothing here is random
    if problem.level_set is not None:
        raise ProblemError("a level set has no best point to recommend; contour() says where the level is")
    known = {trial.number: trial for trial in trials}
    data = encode(problem, known.values(), is_in_full=True)
    point, mean, std, row = recommend(problem, with_transfer(problem, recipe), data, memory)
    if row is None:
        return Recommendation(problem.space.from_unit(point[None])[0], problem.sign * mean, std)
    trial = known[int(data.numbers[row])]
    p_feasible = 1.0 if problem.constraints else None
    if data.outcome_constraints is not None:
        p_feasible = float(probability_feasible(with_constraints(data, memory), point[None])[0])
    return Recommendation(dict(trial.params), problem.sign * mean, std, trial.number, p_feasible)
