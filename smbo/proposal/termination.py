"""Termination of a study by its rule (plateau or regret bound)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smbo.acquisition.optimize import maximize
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.problem.hypervolume import history
from smbo.problem.termination import Termination
from smbo.proposal.progress import noise_share
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import posterior_of
from smbo.proposal.transfer import with_transfer
from smbo.space.point_set import PointSet
from smbo.surrogates.base import DifferentiablePosterior, Memory, Posterior
from smbo.training_data import Array, TrainingData
from smbo.trial import Trial, TrialState

# Standard deviations on either side of a mean: 5 % of the posterior is outside at a given point.
_N_STDS = 2.0
# The bound has to hold without the last few evaluations too: with few data a GP may be overconfident
# where nothing was evaluated.
_N_HELD_BACK = 3
_FEWEST_EVALUATIONS, _FEWEST_PER_AXIS = 10, 4
_N_CENTRES = 4
# Below this share of the values' variance noise is neglected; the unit is then this share of their
# standard deviation.
_LEAST_NOISE_SHARE, _UNIT_WITHOUT_NOISE = 1e-4, 0.01


def ended(problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory) -> str | None:
    """Return the reason of termination, in words; None while the study goes on or without a rule."""
    rule = problem.termination
    if not isinstance(rule, Termination):
        return None
    done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    done.sort(key=lambda trial: trial.number)
    if problem.space.since and (not done or done[-1].number < problem.space.since):
        return None  # nothing is known of the present space that was not known before
    if rule.plateau is not None:
        n_idle = plateau_length(problem, done, rule.gain)
        if n_idle >= rule.plateau:
            what = "nothing" if problem.multi_objective is None else "no hypervolume"
            return f"{n_idle} evaluations in a row gained {what}, and the limit is {rule.plateau}"
    if rule.left is None or len(done) < _N_HELD_BACK + max(
        _FEWEST_EVALUATIONS, _FEWEST_PER_AXIS * len(problem.space.axes)
    ):
        return None
    left, unit = regret_bound(problem, recipe, done, memory)
    most = rule.left * unit
    if left > most or regret_bound(problem, recipe, done[:-_N_HELD_BACK], memory)[0] > most:
        return None
    return (
        f"at most {left:.2g} is left to gain (95 %), {left / unit:.2g} of an evaluation's error, "
        f"and the limit is {rule.left:g}"
    )


def plateau_length(problem: Problem, done: Sequence[Trial], gain: float) -> int:
    """Return how many evaluations, by trial number, followed the last one that gained.

    0 without a feasible point: the search for the first one is no plateau.
    """
    best, idle = np.inf, 0
    for trial, value in zip(done, _reached(problem, done).tolist()):
        if value < np.inf and (best == np.inf or value < best - gain):
            best, idle = value, 0
        elif best < np.inf and trial.number >= problem.space.since:
            idle += 1
    return idle


def _reached(problem: Problem, done: Sequence[Trial]) -> Array:
    """Return the minimized value of each evaluation, shape (n,); infinite where it has none.

    For several objectives, the hypervolume up to that evaluation, with the present reference point.
    """
    feasible = np.array(
        [trial.feasible is not False and trial.value is not None for trial in done], dtype=bool
    )
    feasible &= np.array([problem.space.is_present(trial.params) for trial in done], dtype=bool)
    reached = np.full(len(done), np.inf)
    if problem.multi_objective is None:
        told = [trial.value for trial in done]
        reached[feasible] = problem.sign * np.array(
            [v for v, fits in zip(told, feasible) if fits], dtype=float
        )
    elif feasible.any():
        values = problem.multi_objective.minimised(
            [trial.metrics for trial, fits in zip(done, feasible) if fits]
        )
        volumes = np.array(history(values, problem.multi_objective.corner(values)))
        reached[feasible] = np.where(volumes > 0.0, -volumes, np.inf)
    return reached


def regret_bound(
    problem: Problem, recipe: Recipe, done: Sequence[Trial], memory: Memory
) -> tuple[float, float]:
    """Return an upper bound of the regret of the best known point, and its unit.

    The bound is the lowest upper confidence bound at an evaluated point minus the lowest lower
    confidence bound anywhere.

    Source: Makarova et al. (2022), "Automatic Termination for Hyperparameter Optimization", eq. 3.
    """
    data = encode(problem, done)
    unit = _unit(data, memory)
    posterior = posterior_of(with_transfer(problem, recipe), data, memory)
    if posterior is None:
        return np.inf, float(data.told(np.array(unit)))
    inside = data.points[~data.is_outside]
    if len(inside) == 0:
        return np.inf, float(data.told(np.array(unit)))
    mean, std = posterior.moments(inside)
    lower = _LowerEnd(posterior)
    if isinstance(posterior, DifferentiablePosterior):
        lower = _DifferentiableLowerEnd(posterior)
    point = maximize(
        lower,
        problem.space,
        np.random.default_rng(len(done)),
        start_points=inside[np.argsort(mean, kind="stable")[:_N_CENTRES]],
        exclude=PointSet(),
    )
    lowest = min(-float(lower(point[None])[0]), float((mean - _N_STDS * std).min()))
    bound = float((mean + _N_STDS * std).min()) - lowest
    bound, unit = data.told(np.array([bound, unit])).tolist()
    return bound, unit


def _unit(data: TrainingData, memory: Memory) -> float:
    spread = float(data.values.std()) or 1.0
    share = noise_share(data, memory)
    if share is None or share < _LEAST_NOISE_SHARE:
        return _UNIT_WITHOUT_NOISE * spread
    return float(np.sqrt(share)) * spread


@dataclass(frozen=True, eq=False)
class _LowerEnd:
    posterior: Posterior

    def __call__(self, points: Array) -> Array:
        mean, std = self.posterior.moments(points)
        return _N_STDS * std - mean


@dataclass(frozen=True, eq=False)
class _DifferentiableLowerEnd(_LowerEnd):
    posterior: DifferentiablePosterior

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        mean, std, mean_slope, std_slope = self.posterior.moments_and_gradients(points)
        return _N_STDS * std - mean, _N_STDS * std_slope - mean_slope
