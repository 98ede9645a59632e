"""Multi-objective results: Pareto set, hypervolume and the knee point that is recommended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from smbo.analysis.contextual import recommended_in_context
from smbo.errors import ProblemError, TellError
from smbo.history.encode import encode
from smbo.history.table import best_trial, feasible_trials
from smbo.problem import Problem
from smbo.problem.hypervolume import closest, history, hypervolume, knee, nondominated
from smbo.problem.multi_objective import MultiObjective
from smbo.proposal.model_data import with_constraints
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import (
    posterior_of,
    probability_feasible,
    recommendable,
    recommendation,
    what_is_missing,
)
from smbo.surrogates.base import Memory, MultiObjectivePosterior
from smbo.training_data import Array
from smbo.trial import Recommendation, Trial


@dataclass(frozen=True, eq=False)
class ParetoSet:
    """The Pareto set of a multi-objective study, in the user's signs and units.

    Attributes:
        directions: "min" or "max", by objective.
        observed: trials whose observed values no other trial dominates, the best in the first objective
            first.
        predicted: evaluated points whose posterior means no other evaluated point dominates, in the same
            order, with means and standard deviations by objective (standard deviations NaN where there is
            no posterior).
        knee: index into ``predicted`` of the recommended point.
        reference: reference point of the hypervolume, by objective.
        numbers: numbers of the complete feasible trials, ascending, n of them.
        history: hypervolume of the observed values up to each of these trials, n of them.
    """

    directions: Mapping[str, str]
    observed: tuple[Trial, ...]
    predicted: tuple[Recommendation, ...]
    knee: int
    reference: Mapping[str, float]
    numbers: tuple[int, ...]
    _values: Array  # observed values of these trials, each objective minimised, (n, m)

    def __str__(self) -> str:
        corner = ", ".join(f"{name} {value:.4g}" for name, value in self.reference.items())
        said = ", ".join(f"{name} {mean:.6g}" for name, mean in self.recommended.means.items())
        return (
            f"{len(self.observed)} trials by the observed values, {len(self.predicted)} by the posterior; "
            f"hypervolume {self.hypervolume:.6g} from {corner}; "
            f"recommended is trial {self.recommended.number}: {said}"
        )

    @property
    def hypervolume(self) -> float:
        """Volume that the observed values dominate, up to the reference point."""
        return hypervolume(self._values, self._minimised_reference)

    @cached_property
    def history(self) -> tuple[float, ...]:
        """Hypervolume of the observed values up to each of ``numbers``."""
        return history(self._values, self._minimised_reference)

    @property
    def recommended(self) -> Recommendation:
        """The knee point of the predicted Pareto set."""
        return self.predicted[self.knee]

    @property
    def _minimised_reference(self) -> Array:
        goals = MultiObjective(self.directions)
        return goals.signs * np.array([self.reference[name] for name in goals.names])


def pareto_set(problem: Problem, recipe: Recipe, trials: Iterable[Trial], memory: Memory) -> ParetoSet:
    """Return the observed and the predicted Pareto set of a problem with several objectives.

    Raises:
        ProblemError: the problem has one objective.
        TellError: no feasible evaluation is complete.
    """
    goals = problem.multi_objective
    if goals is None:
        raise ProblemError("a Pareto set is of several objectives, and the problem has one; use recommend()")
    trials = list(trials)
    done = _done(problem, trials)
    if not done:
        raise TellError(f"no Pareto set yet: {what_is_missing(problem, trials)}")
    values = _minimised(goals, done)
    predicted = _predicted(problem, goals, recipe, memory, trials)
    means = goals.signs * np.array([[each.means[name] for name in goals.names] for each in predicted])
    rows = np.flatnonzero(nondominated(values))
    corner = goals.corner(values)
    return ParetoSet(
        directions=dict(goals.directions),
        observed=tuple(done[row] for row in rows[np.lexsort(values[rows].T[::-1])]),
        predicted=predicted,
        knee=_preferred(goals, means),
        reference=_by_name(goals, goals.signs * corner),
        numbers=tuple(trial.number for trial in done),
        _values=values,
    )


def observed_hypervolume(problem: Problem, trials: Iterable[Trial]) -> float | None:
    """Return the hypervolume of the observed values; None without a feasible value, and for one objective."""
    done = [] if problem.multi_objective is None else _done(problem, trials)
    if problem.multi_objective is None or not done:
        return None
    values = _minimised(problem.multi_objective, done)
    return hypervolume(values, problem.multi_objective.corner(values))


def best_of(problem: Problem, trials: Iterable[Trial]) -> Trial | None:
    """Return the trial with the best observed value; for several objectives, the knee of the front."""
    if problem.multi_objective is None:
        return best_trial(problem, trials)
    done = _done(problem, trials)
    if not done:
        return None
    values = _minimised(problem.multi_objective, done)
    rows = np.flatnonzero(nondominated(values))
    return done[int(rows[_preferred(problem.multi_objective, values[rows])])]


def recommended(
    problem: Problem,
    recipe: Recipe,
    seed: int,
    trials: Iterable[Trial],
    memory: Memory,
    context: Mapping[str, Any] | None = None,
) -> Recommendation:
    """Return the evaluated point with the best posterior mean; for several objectives, the knee of the front.

    Raises:
        TellError: no feasible evaluation is complete.
        AskError: the context is missing, not of the problem, or out of its range.
    """
    if problem.context or context is not None:
        return recommended_in_context(problem, recipe, trials, memory, context)
    if problem.multi_objective is None:
        return recommendation(problem, recipe, seed, trials, memory)
    return pareto_set(problem, recipe, trials, memory).recommended


def _preferred(goals: MultiObjective, front: Array) -> int:
    """Return the row of a minimised front (n, m) to recommend: the knee, or by the weights if given.

    Rows that dominate the user's reference point are preferred.
    """
    given = goals.minimised_reference
    inside = np.flatnonzero((front < np.where(np.isnan(given), np.inf, given)).all(axis=1))
    rows = inside if len(inside) else np.arange(len(front))
    choose = closest(front[rows], goals.weight_vector) if goals.weights else knee(front[rows])
    return int(rows[choose])


def _predicted(
    problem: Problem, goals: MultiObjective, recipe: Recipe, memory: Memory, trials: Iterable[Trial]
) -> tuple[Recommendation, ...]:
    """Return the evaluated points with non-dominated posterior means (values where there is no posterior)."""
    known = {trial.number: trial for trial in trials}
    observed = encode(problem, known.values(), is_in_full=True)
    data = with_constraints(observed, memory)
    assert data.objective_values is not None
    feasible = recommendable(data)
    if len(feasible) == 0:  # no point is feasible by the posterior: use the observed feasibility
        feasible = np.flatnonzero(observed.feasible)
    points = data.points[feasible]
    means, stds = data.objective_values.values[feasible], np.sqrt(data.objective_values.variances[feasible])
    posterior = posterior_of(recipe, data, memory)
    if isinstance(posterior, MultiObjectivePosterior):
        means, stds = posterior.all_moments(points)
    means, stds = data.objective_values.told(means), data.objective_values.told(stds)
    chances = probability_feasible(data, points)
    rows = np.flatnonzero(nondominated(means))
    return tuple(
        Recommendation(
            params=dict(known[int(data.numbers[feasible[row]])].params),
            mean=float(goals.signs[0] * means[row, 0]),
            std=float(stds[row, 0]),
            number=int(data.numbers[feasible[row]]),
            p_feasible=float(chances[row]) if problem.constraints else None,
            means=_by_name(goals, goals.signs * means[row]),
            stds=_by_name(goals, stds[row]),
        )
        for row in rows[np.lexsort(means[rows].T[::-1])].tolist()
    )


def _by_name(goals: MultiObjective, values: Array) -> dict[str, float]:
    return {name: float(value) for name, value in zip(goals.names, values)}


def _done(problem: Problem, trials: Iterable[Trial]) -> list[Trial]:
    """Return the complete feasible trials in the present space by number."""
    return sorted(feasible_trials(problem, trials), key=lambda trial: trial.number)


def _minimised(goals: MultiObjective, trials: Sequence[Trial]) -> Array:
    return goals.minimised([trial.metrics for trial in trials])
