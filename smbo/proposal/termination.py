"""Termination of a study by its rule (plateau or regret bound)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gamma, ndtri

from smbo.acquisition.constraint_models import SlackModel
from smbo.acquisition.optimize import maximize
from smbo.history.encode import encode
from smbo.problem import Problem
from smbo.problem.hypervolume import fronts_first, history, nondominated, reference_by_rule
from smbo.problem.termination import Termination
from smbo.proposal.model_data import with_constraints
from smbo.proposal.progress import largest_noise_share, noise_share
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import posterior_of, recommendable
from smbo.proposal.transfer import with_transfer
from smbo.space import Space
from smbo.space.designs import design_rows
from smbo.space.point_set import PointSet
from smbo.surrogates.base import DifferentiablePosterior, LatentObjectives, Memory, Posterior
from smbo.training_data import Array, TrainingData
from smbo.trial import Trial, TrialState

# Standard deviations on either side of a mean: 5 % of the posterior is outside at a given point.
_N_STDS = 2.0
# The bound has to hold without the last few evaluations too: with few data a GP may be overconfident
# where nothing was evaluated.
_N_HELD_BACK = 3
_FEWEST_EVALUATIONS, _FEWEST_PER_AXIS = 10, 4
_N_CENTRES = 4
_N_DIRECTIONS = 32  # in which scalarizations of several objectives look
# Where a constraint holds with less than 2.5 % the lower end counts less, by so many deviations of the values
# for each deviation of the slack: too few could make the bound too large, never too small.
_PRICE = 3.0
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

    The bound is the lowest upper confidence bound at an evaluated feasible point minus the lowest lower
    confidence bound where the outcome constraints may hold.  Of several objectives it is a bound of the
    hypervolume that is left: the mean of that bound over scalarizations whose mean is the hypervolume.

    Sources: Makarova et al. (2022), "Automatic Termination for Hyperparameter Optimization", eq. 3; Zhang &
        Golovin (2020), "Random Hypervolume Scalarizations for Provable Multi-Objective Black Box
        Optimization", lemma 5.
    """
    data = with_constraints(encode(problem, done), memory)
    unit = _unit(data, memory)
    posterior = posterior_of(with_transfer(problem, recipe), data, memory)
    rows = recommendable(data)
    known = data.points[rows[~data.is_outside[rows]]]
    if posterior is None or len(known) == 0:
        return np.inf, float(data.told(unit)[0])
    ends = _Ends.of(posterior, data, unit)
    found = np.array(ends.left(problem.space, known, len(done)))
    if data.objective_values is not None:
        found = found * np.prod(np.broadcast_to(data.objective_values.units, len(unit)))
    bound, unit_of_bound = data.told(found).tolist()
    return bound, unit_of_bound


def _unit(data: TrainingData, memory: Memory) -> Array:
    """Return the error of an evaluation of each quantity, (q,)."""
    several = data.objective_values
    values = data.values[:, None] if several is None else several.values
    spread = values.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    share = noise_share(data, memory) if several is None else largest_noise_share(several, memory)
    if share is None or share < _LEAST_NOISE_SHARE:
        return np.asarray(_UNIT_WITHOUT_NOISE * spread)
    return np.asarray(np.sqrt(share) * spread)


@dataclass(frozen=True, eq=False)
class _Ends:
    """Ends of the confidence intervals of q quantities, below a corner and along directions from it.

    Of one value the corner is 0 and the only direction 1.

    Attributes:
        parts: posterior of each quantity.
        corner: reference point, (q,).
        directions: positive unit vectors, (D, q).
        unit: error of an evaluation, (q,).
        slacks: of the outcome constraints.
        price: of a slack that is too low, in its own deviations.
    """

    parts: tuple[Posterior, ...]
    corner: Array
    directions: Array
    unit: Array
    slacks: tuple[SlackModel, ...]
    price: float

    @classmethod
    def of(cls, posterior: Posterior, data: TrainingData, unit: Array) -> _Ends:
        slacks: tuple[SlackModel | None, ...] = ()
        if data.outcome_constraints is not None:
            n_slacks = len(data.outcome_constraints.names)
            slacks = tuple(SlackModel.of(data, column) for column in range(n_slacks))
        found = tuple(each for each in slacks if each is not None)
        parts: tuple[Posterior, ...] = (posterior,)
        corner, directions, spread = np.zeros(1), np.ones((1, 1)), data.values.std()
        if isinstance(posterior, LatentObjectives) and data.objective_values is not None:
            several = data.objective_values
            told = several.values[data.feasible] if data.feasible.any() else several.values
            by_rule = reference_by_rule(told[nondominated(told)])
            corner = posterior.to_latent(np.where(np.isnan(several.reference), by_rule, several.reference))
            normals = ndtri(0.5 + 0.5 * design_rows("sobol", len(corner), 0, 0, _N_DIRECTIONS))
            directions = normals / np.linalg.norm(normals, axis=1, keepdims=True)
            parts, spread = posterior.latents, several.values.std()
        return cls(parts, corner, directions, unit, found, _PRICE * float(spread))

    def left(self, space: Space, known: Array, seed: int) -> tuple[float, float]:
        """Return the bound of what is left to gain on known feasible points (m, d), and its unit."""
        moments = [part.moments(known) for part in self.parts]
        mean, std = (np.stack(each, axis=1) for each in zip(*moments))
        q, rng, gains, units = len(self.corner), np.random.default_rng(seed), [], []
        order = np.argsort(fronts_first(mean) if q > 1 else mean[:, 0], kind="stable")
        for direction in self.directions:
            low, middle, near, high = (
                float(((self.corner - mean + at) / direction).min(axis=1).max())
                for at in (-_N_STDS * std, 0.0, self.unit, _N_STDS * std)
            )
            is_smooth = all(isinstance(part, DifferentiablePosterior) for part in self.parts)
            criterion = (_DifferentiableLowerEnd if is_smooth else _LowerEnd)(self, direction)
            point = maximize(
                criterion, space, rng, start_points=known[order[:_N_CENTRES]], exclude=PointSet()
            )
            high = max(float(criterion(point[None])[0]), high)
            if q > 1:
                low, middle, near, high = (max(each, 0.0) ** q for each in (low, middle, near, high))
            gains.append(high - low)
            units.append(near - middle)
        # of one objective 1; see lemma 5
        factor = np.pi ** (q / 2) / (2**q * gamma(q / 2 + 1)) if q > 1 else 1.0
        return factor * float(np.mean(gains)), factor * float(np.mean(units))


@dataclass(frozen=True, eq=False)
class _LowerEnd:
    ends: _Ends
    direction: Array

    def __call__(self, points: Array) -> Array:
        lower = [
            (corner + _N_STDS * std - mean) / share
            for corner, share, (mean, std) in zip(
                self.ends.corner, self.direction, (part.moments(points) for part in self.ends.parts)
            )
        ]
        found = np.min(lower, axis=0)
        for slack in self.ends.slacks:
            mean, std = slack.process.moments(points)
            found = found + self.ends.price * np.minimum(mean / std + _N_STDS, 0.0)
        return np.asarray(found)


@dataclass(frozen=True, eq=False)
class _DifferentiableLowerEnd(_LowerEnd):
    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        found, slopes = [], []
        for corner, share, part in zip(self.ends.corner, self.direction, self.ends.parts):
            assert isinstance(part, DifferentiablePosterior)
            mean, std, mean_slope, std_slope = part.moments_and_gradients(points)
            found.append((corner + _N_STDS * std - mean) / share)
            slopes.append((_N_STDS * std_slope - mean_slope) / share)
        least = np.argmin(found, axis=0)
        value, slope = np.min(found, axis=0), np.array(slopes)[least, np.arange(len(points))]
        for each in self.ends.slacks:
            mean, std, mean_slope, std_slope = each.process.moments_and_gradients(points)
            z, price = mean / std, self.ends.price
            value = value + price * np.minimum(z + _N_STDS, 0.0)
            z_slope = (mean_slope - z[:, None] * std_slope) / std[:, None]
            slope = slope + np.where(z + _N_STDS < 0.0, price, 0.0)[:, None] * z_slope
        return value, slope
