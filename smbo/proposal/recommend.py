"""What a recipe believes of the evidence, and what it recommends by that."""

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
from smbo.proposal.transfer import informed
from smbo.proposal.trust_region import RegionState, evidence_of
from smbo.surrogates import Memory, Posterior, Selective, Surrogate, Trainable
from smbo.surrogates.multi_output.composite_posterior import VectorPosterior
from smbo.training_data import Array, Evidence
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
        evidence: that the surrogate was given.
        posterior: None where too little is known for one.
    """

    choice: Choice
    evidence: Evidence
    posterior: Posterior | None


def model_of(recipe: Recipe, evidence: Evidence, memory: Memory) -> Model:
    """Return what a recipe believes."""
    choice = chosen(recipe, evidence, memory)
    recipe = choice.recipe
    if recipe.region is not None and "region" in memory:
        evidence = evidence_of(recipe.region, RegionState.from_json(memory["region"]), evidence)
    if recipe.surrogate is None or len(evidence) < 2 or not evidence.axes:
        return Model(choice, evidence, None)
    # no penalties here: what was measured is reported, feasible or not
    evidence = as_told(recipe.surrogate, evidence)
    surrogate, _ = trained(recipe.surrogate, evidence, memory)
    return Model(choice, relevant(recipe.surrogate, evidence), surrogate.fit(evidence))


def posterior_of(recipe: Recipe, evidence: Evidence, memory: Memory) -> Posterior | None:
    """Return the posterior that a recommendation rests on, None where too little is known for one."""
    return model_of(recipe, evidence, memory).posterior


def as_told(surrogate: Surrogate, evidence: Evidence) -> Evidence:
    """Return the evidence as a surrogate is told it: repeats in one row where it honours them."""
    return merged(evidence) if takes_repeats(surrogate) else evidence


def trained(surrogate: Surrogate, evidence: Evidence, memory: Memory) -> tuple[Surrogate, Mapping[str, Any]]:
    if not isinstance(surrogate, Trainable):
        return surrogate, {}
    trained, learned = surrogate.train(evidence, memory.get("surrogate", {}))
    return trained, {"surrogate": dict(learned)}


def relevant(surrogate: Surrogate, evidence: Evidence) -> Evidence:
    return surrogate.relevant(evidence) if isinstance(surrogate, Selective) else evidence


def recommend(
    problem: Problem, recipe: Recipe, evidence: Evidence, memory: Memory
) -> tuple[Array, float, float, int | None]:
    """Return the feasible point that the posterior takes for the best.

    Not the luckiest evaluation: where they are noisy, the posterior weighs each against its
    neighbours.  Without a surrogate, or with a single value, the lowest value decides.  A value alone
    says little of where nothing was evaluated, so the point is one of the evaluated; vector outputs
    say much, and the point is the lowest of the whole space.

    Returns:
        unit point (d,); posterior mean and standard deviation there, minimised (without a posterior
        the value and its given standard error, or NaN); row of the evidence, None for a point that
        was not evaluated.

    Raises:
        TellError: no feasible evaluation is complete.
    """
    rows = recommendable(with_constraints(evidence, memory))
    if len(rows) == 0:
        raise TellError("nothing to recommend: no evaluation is complete and feasible yet")
    posterior = posterior_of(recipe, evidence, memory)
    rows = _looked_at(recipe, evidence, memory, rows)
    if posterior is None:
        row = int(rows[np.argmin(evidence.values[rows])])
        return evidence.points[row], float(evidence.values[row]), float(evidence.variances[row] ** 0.5), row
    mean, std = posterior.moments(evidence.points[rows])
    best = int(np.argmin(mean))
    if isinstance(posterior, VectorPosterior) and not problem.constraints:
        starts = evidence.points[rows[np.argsort(mean, kind="stable")[:_N_STARTS]]]
        point = lowest_mean(posterior, evidence, problem.space, starts)
        below, spread = posterior.moments(point[None])
        if below[0] < mean[best]:
            return point, float(below[0]), float(spread[0]), None
    return evidence.points[rows[best]], float(mean[best]), float(std[best]), int(rows[best])


def _looked_at(recipe: Recipe, evidence: Evidence, memory: Memory, rows: Rows) -> Rows:
    """Return those of the feasible rows of which the surrogate knows, or all if it knows none."""
    surrogate = chosen(recipe, evidence, memory).recipe.surrogate
    if not isinstance(surrogate, Selective):
        return rows
    known = rows[np.isin(evidence.numbers[rows], surrogate.relevant(evidence).numbers)]
    return known if len(known) else rows


def with_penalties(evidence: Evidence) -> Evidence:
    """Return the evidence with infeasible points no better than the worst feasible one.

    The surrogate learns to stay away, at a price that the user's own values set.  A failed point has no
    value, good or bad: it counts for the probability of success alone.  Where a slack says why a point
    is infeasible its value is told as it is: the best points lie on the boundary, between such neighbours.
    """
    if evidence.several is not None:  # what an infeasible point measured is true of each objective
        return evidence
    feasible = went_well(evidence)
    if feasible.all() or not feasible.any():
        return evidence
    worst = float(evidence.values[feasible].max())
    return replace(evidence, values=np.where(feasible, evidence.values, np.maximum(evidence.values, worst)))


def with_constraints(evidence: Evidence, memory: Memory) -> Evidence:
    """Return the evidence with what is learned of its slacks, feasible where that is believed."""
    if evidence.slacks is None:
        return evidence
    known = constraints.learned(evidence, memory.get("constraints", ()))
    return replace(known, feasible=constraints.believed_feasible(known))


def recommendable(evidence: Evidence) -> Rows:
    """Return the rows that may be recommended: feasible ones, surely so where what is told may be luck."""
    rows = np.flatnonzero(evidence.feasible)
    if len(rows) == 0 or not constraints.noisy_columns(evidence):
        return rows
    chances = probability_feasible(evidence, evidence.points[rows])
    return rows[chances >= min(_SURE, float(chances.max()))]


def feasibility_of(evidence: Evidence, memory: Memory) -> Feasibility | None:
    """Return how likely evaluations succeed and meet the constraints; None where all of them did."""
    known = with_constraints(without_chance(evidence), memory)
    return Feasibility.of(replace(known, pending=known.pending[:0]))


def probability_feasible(evidence: Evidence, points: Array) -> Array:
    """Return how likely the outcome constraints hold at feasible evaluated unit points (m, d), (m,).

    One that is measured without noise holds as it was told.
    """
    chances = np.ones(len(points))
    here = replace(evidence, pending=evidence.pending[:0])
    for column in constraints.noisy_columns(evidence):
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
    evidence = encode(problem, known.values(), is_in_full=True)
    point, mean, std, row = recommend(problem, informed(problem, recipe), evidence, memory)
    if row is None:
        return Recommendation(problem.space.from_unit(point[None])[0], problem.sign * mean, std)
    trial = known[int(evidence.numbers[row])]
    p_feasible = 1.0 if problem.constraints else None
    if evidence.slacks is not None:
        p_feasible = float(probability_feasible(with_constraints(evidence, memory), point[None])[0])
    return Recommendation(dict(trial.params), problem.sign * mean, std, trial.number, p_feasible)
