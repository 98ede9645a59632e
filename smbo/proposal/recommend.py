"""Recommend a point: the posterior of a recipe, and its best feasible point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smbo.acquisition import constraint_models as constraints
from smbo.acquisition.constraint_models import SlackModel
from smbo.acquisition.feasibility import Feasibility, without_chance
from smbo.acquisition.optimize import Effort, maximize
from smbo.acquisition.thompson_sampling import drawn_criterion
from smbo.errors import ProblemError, TellError
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.claims import claim_draws
from smbo.proposal.model_data import ModelData, with_constraints
from smbo.proposal.recipe import Choice, Recipe, chosen
from smbo.proposal.transfer import with_transfer
from smbo.proposal.trust_region import RegionState, rows_of_region
from smbo.space import Space
from smbo.space.point_set import PointSet
from smbo.surrogates import Subset
from smbo.surrogates.base import (
    DifferentiablePosterior,
    Memory,
    Posterior,
    Surrogate,
    learner_of,
)
from smbo.surrogates.gp.gp import MAX_ROWS_LEARNED
from smbo.surrogates.gp.model_average import is_exact
from smbo.surrogates.subset import bounded, relevant_to
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData, served_by
from smbo.trial import Recommendation, Trial, TrialState

__all__ = [
    "Model",
    "feasibility_of",
    "lowest_mean",
    "model_of",
    "posterior_of",
    "probability_feasible",
    "recommend",
    "recommendable",
    "recommendation",
    "what_is_missing",
]

Rows = NDArray[np.intp]

_N_STARTS = 5  # evaluated points around which a lower mean is searched for
_TO_THE_END = Effort(n_candidates=1024, n_calls=100)  # a recommendation is searched for once
# Least probability of feasibility of a recommendation, where feasibility is uncertain.
_LEAST_FEASIBLE = 0.9


@dataclass(frozen=True, eq=False)
class Model:
    """A recipe's choice and posterior, for recommendations, figures and explanations.

    Attributes:
        choice: the recipe and the reason.
        data: that the surrogate was fitted to.
        posterior: None without a surrogate or with too few values.
        surrogate: with its hyperparameters fixed; None where there is no posterior.
        outliers, doubtful: numbers of the trials that are left out, see ``proposal.outliers``.
    """

    choice: Choice
    data: TrainingData
    posterior: Posterior | None
    surrogate: Surrogate | None = None
    outliers: tuple[int, ...] = ()
    doubtful: int | None = None


def model_of(recipe: Recipe, data: TrainingData, memory: Memory) -> Model:
    """Return the model of a recipe."""
    choice = chosen(recipe, data, memory)
    recipe = choice.recipe
    if recipe.region is not None and "region" in memory:
        data = rows_of_region(recipe.region, RegionState.from_json(memory["region"]), data)
    if recipe.surrogate is None or len(data) < 2 or not data.axes:
        return Model(choice, data, None)
    model = ModelData.as_measured(recipe.surrogate, data, memory)
    posterior = model.surrogate.fit(model.data)
    return Model(choice, model.data, posterior, model.surrogate, model.outliers, model.doubtful)


def posterior_of(recipe: Recipe, data: TrainingData, memory: Memory) -> Posterior | None:
    """Return the posterior for a recommendation, None where a recipe has none yet."""
    return model_of(recipe, data, memory).posterior


def recommend(
    problem: Problem,
    recipe: Recipe,
    data: TrainingData,
    memory: Memory,
    in_full: NDArray[np.bool_] | None = None,
) -> tuple[Array, float, float, int | None]:
    """Return the feasible point with the lowest posterior mean.

    Not the luckiest evaluation: the posterior averages noisy values with their neighbours.  Without a
    surrogate, or with a single value, the lowest value decides.  A model of one value is uncertain
    between evaluations, so the point is an evaluated one; a model of vector outputs is trusted over the
    whole space, and so is its lowest mean.

    Args:
        in_full: of the training data, (n,): which were evaluated at the highest fidelity, so that they
            may be recommended; None for all.

    Returns:
        unit point (d,); posterior mean and standard deviation there, minimised (without a posterior
        the value and its given standard error, or NaN); row of the training data, None for a point that
        was not evaluated.

    Raises:
        TellError: no feasible evaluation is complete.
    """
    known = with_constraints(data, memory)
    rows = recommendable(known, in_full)
    if len(data) == 0:
        raise TellError("nothing to recommend: no evaluation is complete")
    model = model_of(recipe, data, memory)
    posterior, surrogate = model.posterior, model.choice.recipe.surrogate
    if posterior is not None and Target.OUTPUTS in served_by(surrogate) and not problem.constraints:
        return _lowest_of_outputs(posterior, surrogate, data, problem.space, rows)
    if len(rows) == 0:
        raise TellError("nothing to recommend: no evaluation is complete and feasible")
    rows = _looked_at(surrogate, data, rows)
    if posterior is None:
        row = int(rows[np.argmin(data.values[rows])])
        return data.points[row], float(data.values[row]), float(data.variances[row] ** 0.5), row
    if model.doubtful is not None and len(model.outliers) == 1:
        # the only value that no other explains may be a narrow optimum as well; no model has a say in it
        (row,) = np.flatnonzero(data.numbers == model.doubtful).tolist()
        if row in rows:
            return data.points[row], float(data.values[row]), float("nan"), row
    trusted = rows[~np.isin(data.numbers[rows], model.outliers)]
    rows = trusted if len(trusted) else rows
    mean, std = _believed(model, data, rows)
    best = int(np.argmin(mean))
    return data.points[rows[best]], float(mean[best]), float(std[best]), int(rows[best])


def _believed(model: Model, data: TrainingData, rows: Rows) -> tuple[Array, Array]:
    """Return mean and standard deviation of the function at rows of the training data, each (m,).

    Values without noise are what was measured.  Else both are averaged over models: by the likeliest one
    alone the lowest mean is too low by about one of its deviations.
    """
    assert model.posterior is not None
    assert model.surrogate is not None
    mean, std = model.posterior.moments(data.points[rows])
    if served_by(model.surrogate) != ONE_VALUE or data.fidelities is not None:
        return mean, std
    if is_exact(learner_of(model.surrogate), model.data):
        return data.values[rows], std
    if len(model.data) > MAX_ROWS_LEARNED:
        return mean, std
    rng = np.random.default_rng(len(data))
    draws = claim_draws(model.surrogate, model.posterior, model.data, rng, boldness=1.0)
    if not draws:
        return mean, std
    values = np.concatenate([group.in_units(data.points[rows]) for group in draws], axis=1)
    return values.mean(axis=1), values.std(axis=1)


def _lowest_of_outputs(
    posterior: Posterior, surrogate: Surrogate | None, data: TrainingData, space: Space, in_full: Rows
) -> tuple[Array, float, float, int | None]:
    """Return the point of the lowest mean anywhere, or the evaluation in full whose mean is as low."""
    rows = _looked_at(surrogate, data, recommendable(data))
    mean, _ = posterior.moments(data.points[rows])
    starts = data.points[rows[np.argsort(mean, kind="stable")[:_N_STARTS]]]
    point = lowest_mean(posterior, data, space, starts)
    below, spread = posterior.moments(point[None])
    if len(in_full):
        in_full = _looked_at(surrogate, data, in_full)
        mean, std = posterior.moments(data.points[in_full])
        best = int(np.argmin(mean))
        if mean[best] <= below[0]:
            return data.points[in_full[best]], float(mean[best]), float(std[best]), int(in_full[best])
    return point, float(below[0]), float(spread[0]), None


def _looked_at(surrogate: Surrogate | None, data: TrainingData, rows: Rows) -> Rows:
    """Return the feasible rows that the surrogate was fitted to, or all if there are none."""
    if surrogate is None:
        return rows
    fitted = relevant_to(bounded(surrogate, data), data)
    known = rows[np.isin(data.numbers[rows], fitted.numbers)]
    return known if len(known) else rows


def lowest_mean(posterior: Posterior, data: TrainingData, space: Space, starts: Array) -> Array:
    """Return the point of the lowest posterior mean, (d,), where evaluations are likely to succeed.

    Deterministic in the arguments.

    Args:
        starts: evaluated points around which to search, (k, d).
    """
    mean, _ = posterior.moments(data.points)
    criterion = drawn_criterion(_Mean(posterior), Feasibility.of(data), float(mean.std()))
    rng = np.random.default_rng(len(data))
    return maximize(criterion, space, rng, start_points=starts, exclude=PointSet(), effort=_TO_THE_END)


@dataclass(frozen=True, eq=False)
class _Mean:
    """The posterior mean, as the function that is minimized."""

    posterior: Posterior

    def __call__(self, points: Array) -> Array:
        return self.posterior.moments(points)[0]

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        assert isinstance(self.posterior, DifferentiablePosterior)
        mean, _, slope, _ = self.posterior.moments_and_gradients(points)
        return mean, slope


def recommendable(data: TrainingData, in_full: NDArray[np.bool_] | None = None) -> Rows:
    """Return the rows that may be recommended: feasible ones, by the posterior where slacks are noisy.

    Args:
        in_full: of the data, (n,): which were evaluated at the highest fidelity; None for all.
    """
    rows = np.flatnonzero(data.feasible if in_full is None else data.feasible & in_full)
    if len(rows) == 0 or not constraints.noisy_columns(data):
        return rows
    chances = probability_feasible(data, data.points[rows])
    return rows[chances >= min(_LEAST_FEASIBLE, float(chances.max()))]


def feasibility_of(data: TrainingData, memory: Memory) -> Feasibility | None:
    """Return the model of feasibility; None where all evaluations were feasible.

    Of thousands of evaluations it is fitted to a part, as the surrogate is.
    """
    known = with_constraints(without_chance(Subset().relevant(data)), memory)
    return Feasibility.of(known.without_pending())


def probability_feasible(data: TrainingData, points: Array) -> Array:
    """Return the probability of the outcome constraints at feasible evaluated unit points (m, d), (m,).

    A constraint measured without noise holds as observed.
    """
    chances = np.ones(len(points))
    here = Subset().relevant(data.without_pending())
    for column in constraints.noisy_columns(data):
        belief = SlackModel.of(here, column)
        assert belief is not None, "noise is learned from slacks that are known"
        chances *= np.exp(belief.log_probability(points))
    return chances


def what_is_missing(problem: Problem, trials: Iterable[Trial]) -> str:
    """Return why no trial can be the best one yet, in words."""
    counts: Counter[TrialState | None] = Counter()
    for trial in trials:
        counts[trial.state if problem.space.is_present(trial.params) else None] += 1
    outside = f"; {counts[None]} trials are outside of the present space" if counts[None] else ""
    if n_complete := counts[TrialState.COMPLETE]:
        which = (
            f"none of the {n_complete} complete evaluations meets"
            if n_complete > 1
            else ("the only complete evaluation does not meet")
        )
        return f"{which} the constraints {', '.join(problem.constraints)}"
    if (n_paused := counts[TrialState.PAUSED]) and problem.fidelity is not None:
        goal = f"{problem.fidelity.name} {problem.fidelity.high:g}"
        trials_wait = (
            f"{n_paused} trials are paused at lower ones"
            if n_paused > 1
            else "one trial is paused at a lower one"
        )
        return f"no evaluation has reached {goal}; {trials_wait}"
    n_failed = counts[TrialState.FAILED]
    return "no evaluation is complete" + (f", {n_failed} failed" if n_failed else "") + outside


def recommendation(
    problem: Problem, recipe: Recipe, seed: int, trials: Iterable[Trial], memory: Memory
) -> Recommendation:
    """Return the point with the lowest posterior mean; see ``recommend``.

    Raises:
        TellError: no feasible evaluation is complete.
        ProblemError: the problem is a level set, which has no best point.
    """
    del seed  # nothing here is random
    if problem.level_set is not None:
        raise ProblemError("a level set has no best point to recommend; contour() says where the level is")
    known = {trial.number: trial for trial in trials}
    data = encode(problem, known.values(), is_in_full=True)
    in_full = np.array(
        [known[number].state is TrialState.COMPLETE for number in data.numbers.tolist()], dtype=np.bool_
    )
    try:
        point, mean, std, row = recommend(problem, with_transfer(problem, recipe), data, memory, in_full)
    except TellError:
        raise TellError(f"nothing to recommend yet: {what_is_missing(problem, known.values())}") from None
    if row is None:
        return Recommendation(problem.space.from_unit(point[None])[0], problem.sign * mean, std)
    trial = known[int(data.numbers[row])]
    mean, std = data.told(np.array([mean, std])).tolist()
    p_feasible = 1.0 if problem.constraints else None
    if data.outcome_constraints is not None:
        p_feasible = float(probability_feasible(with_constraints(data, memory), point[None])[0])
    return Recommendation(dict(trial.params), problem.sign * mean, std, trial.number, p_feasible)
