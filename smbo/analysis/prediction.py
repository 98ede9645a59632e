"""The posterior's mean and standard deviation at points of the user's choice, in the user's units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from smbo.analysis.contours import level_set_posterior_of
from smbo.errors import PointError, ProblemError, TellError
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.proposal.model_data import with_constraints
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import posterior_of
from smbo.proposal.transfer import with_transfer
from smbo.surrogates.base import Memory, MultiObjectivePosterior, Posterior
from smbo.training_data import Array, TrainingData
from smbo.trial import Trial

# One point, several, or a pandas.DataFrame with a column for each parameter.
Points: TypeAlias = Mapping[str, Any] | Iterable[Mapping[str, Any]] | Any


@dataclass(frozen=True, eq=False)
class Prediction:
    """The posterior of noise-free values at m points, in the user's signs and units.

    Attributes:
        means, stds: by name, each of shape (m,): of the one value ("value" where the problem does not name
            it; of vector outputs the loss), of each objective, or of each function of a level set.

    >>> found = Prediction({"value": np.array([0.5])}, {"value": np.array([0.1])})
    >>> float(found.means["value"][0])
    0.5
    """

    means: Mapping[str, Array]
    stds: Mapping[str, Array]

    @property
    def mean(self) -> Array:
        """Mean of the one value, shape (m,); ProblemError where there are several."""
        return self._only(self.means)

    @property
    def std(self) -> Array:
        """Standard deviation of the one value, shape (m,); ProblemError where there are several."""
        return self._only(self.stds)

    def _only(self, found: Mapping[str, Array]) -> Array:
        if len(found) > 1:
            raise ProblemError(f"several values are predicted; take means[name] and stds[name] of {[*found]}")
        return next(iter(found.values()))


@dataclass(frozen=True, eq=False)
class InUsersUnit:
    """A posterior of one value in the user's unit, see ``TrainingData.unit``; still minimised."""

    posterior: Posterior
    data: TrainingData

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, std = self.posterior.moments(points)
        return self.data.told(mean), self.data.told(std)


def predict(
    problem: Problem, recipe: Recipe, trials: Iterable[Trial], memory: Memory, points: Points
) -> Prediction:
    """Return what the recipe's surrogate predicts at points; see ``View.predict``."""
    trials = list(trials)
    units = problem.space.to_unit([problem.space.check(point) for point in _as_points(points)])
    if problem.level_set is not None:
        functions = level_set_posterior_of(problem, recipe, trials, memory)
        return _by_name(functions.names, *functions.value_moments(units))
    # evaluations below the highest fidelity are left out, as in a recommendation
    data = encode(problem, trials, is_in_full=True)
    if problem.multi_objective is not None:
        data = with_constraints(data, memory)
    posterior = posterior_of(with_transfer(problem, recipe), data, memory)
    if posterior is None:
        raise TellError(
            f"no prediction: the recipe fits no surrogate to {len(data)} complete evaluations; "
            "two are needed, and a recipe with a surrogate, such as 'gp'"
        )
    return _prediction(problem, posterior, data, units)


def _prediction(problem: Problem, posterior: Posterior, data: TrainingData, units: Array) -> Prediction:
    goals = problem.multi_objective
    if goals is None:
        mean, std = InUsersUnit(posterior, data).moments(units)
        return _by_name([problem.value_name], problem.sign * mean[None], std[None])
    if not isinstance(posterior, MultiObjectivePosterior):
        raise ProblemError(
            "this recipe's surrogate models no objective on its own; use recipe 'auto' or 'pareto'"
        )
    assert data.objective_values is not None
    means, stds = map(data.objective_values.told, posterior.all_moments(units))
    return _by_name(goals.names, (goals.signs * means).T, stds.T)


def _by_name(names: Sequence[str], means: Array, stds: Array) -> Prediction:
    return Prediction(dict(zip(names, np.asarray(means))), dict(zip(names, np.asarray(stds))))


def _as_points(points: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(points, Mapping):
        return [points]
    if hasattr(points, "to_dict"):  # a pandas.DataFrame, recognised without importing pandas
        records: Iterable[Mapping[str, Any]] = points.to_dict("records")
        return records
    if not isinstance(points, Iterable) or isinstance(points, str):
        raise PointError(
            f"predict({points!r}): give a point ({{name: value}}), a list of points or a DataFrame"
        )
    return points
