"""Choose between a new point and a promotion by expected improvement per cost (multi-fidelity GP).

An evaluation's gain is what one at the highest fidelity is worth there (expected improvement on the
incumbent, or expected reduction of misclassification), times the share of it that the evaluation would
reveal; its cost is the increase of the fidelity, times the expected cost of a unit of it at that point and
fidelity where told costs vary.  Of several objectives it is the hypervolume that the front of the posterior
means, at points evaluated at any fidelity, is expected to gain by the change of the mean.

This looks one evaluation ahead, where one more cheap point always has some gain.  Where fidelities are
averages, and one at the highest tells nothing that many cheap ones do not, a share of the cost is therefore
reserved for the highest: while less was spent there, the most promising paused trial is promoted.  So it is
of several objectives and level sets, whose model may recommend what was not evaluated in full: else the bias
of the lower fidelities would hardly be learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from smbo.acquisition.base import Criterion
from smbo.acquisition.cost_aware import CostModel, vary
from smbo.acquisition.expected_hypervolume_improvement import (
    VolumeByMeans,
    VolumeImprovement,
    latent_objectives,
    reference_of,
    stacked_moments,
)
from smbo.acquisition.expected_improvement import log_expected_improvement, normal
from smbo.acquisition.feasibility import Feasibility
from smbo.acquisition.hypervolume_closed_form import Sides
from smbo.acquisition.level_set import Misclassification
from smbo.fidelity import ByModel, Fidelity, Promotion
from smbo.problem import Problem
from smbo.problem.hypervolume import free_boxes, nondominated
from smbo.space import Space
from smbo.surrogates import LevelGP, Memory, ModelListGP, MultiFidelityGP
from smbo.surrogates.base import FidelitiesPosterior, Trainable, learner_of
from smbo.surrogates.subset import bounded, relevant_to
from smbo.training_data import Array, FidelityResults, TrainingData
from smbo.trial import Trial, TrialState

# Log gain, (m,), by unit points (m, d), fidelity gap, noise growth, and whether they are evaluated already.
Gain: TypeAlias = Callable[[Array, float, float, bool], Array]
Beliefs: TypeAlias = tuple[FidelitiesPosterior, ...]

# With fewer trials the correlation of the fidelities is unknown: new trials begin at the lowest one.
_FEWEST_TRIALS = 5
# Draws by which the probability that no other point dominates is counted.
_N_DRAWS = 256
# Share of the cost reserved for steps to the highest fidelity of averages: about as much as successive
# halving spends there with three or four rungs.  Learning curves do better without (bench_curves.py).
_SHARE_AT_HIGHEST = 0.3
# At the end of a search a trial is still promoted if it is better than the best with this probability.
_LEAST_CHANCE_OF_BEST = 0.2


def ladder_by_model(
    problem: Problem, data: TrainingData
) -> tuple[Fidelity, tuple[float, ...], FidelityResults] | None:
    """Return fidelity, rungs and their results; None where no model decides, or with too few trials."""
    ladder, curves = problem.multi_fidelity, data.fidelities
    if ladder is None or not isinstance(ladder.early_stopping, ByModel) or curves is None:
        return None
    if len(np.unique(curves.numbers)) < _FEWEST_TRIALS or not data.axes:
        return None
    return ladder.fidelity, ladder.rungs, curves


@dataclass(frozen=True, eq=False)
class ModelOfFidelities:
    """Posteriors of what is measured at all fidelities, and what an evaluation is worth.

    Attributes:
        fidelity, levels: of the problem: the rungs, ascending.
        skips_rungs: whether a promotion out of the reserved share is to the highest rung at once.
        costs: of a unit of the fidelity; None where all cost the same.
        beliefs: posterior of each quantity at all fidelities: of the value, of each objective or function.
        log_worth: log of the gain by an evaluation at the highest fidelity at unit points (m, d), (m,).
        log_gain: log of the gain by an evaluation at unit points (m, d), (m,), given its fidelity gap and
            noise growth, and whether the points are evaluated already.
        chances: probability that unit points (m, d) are better than the incumbent, or not dominated, (m,).
        numbers: of the trials that the model was fitted to, of which one may be promoted.
    """

    fidelity: Fidelity
    levels: tuple[float, ...]
    skips_rungs: bool
    costs: CostModel | None
    beliefs: tuple[FidelitiesPosterior, ...]
    log_worth: Criterion
    log_gain: Gain
    chances: Criterion
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, problem: Problem, data: TrainingData, memory: Memory) -> ModelOfFidelities | None:
        """Return the model, None with too few trials."""
        ladder = ladder_by_model(problem, data)
        if ladder is None:
            return None
        fidelity, levels, _ = ladder
        costs = CostModel.of(data) if vary(data) else None
        learned = memory.get("surrogate", {})
        learned = learned.get("plain", learned)  # source studies tell points, not fidelities
        if problem.level_set is not None:
            learned = learned if "functions" in learned else {}
            surrogate, data = _trained(LevelGP.at_fidelities(), data, learned)
            return cls(fidelity, levels, True, costs, *_of_level_set(problem, surrogate, data), data.numbers)
        if data.objective_values is not None:
            plain = [each.get("plain", each) for each in learned.get("objectives", ())]
            learned = {"objectives": plain} if plain else {}
            surrogate, data = _trained(ModelListGP.at_fidelities(), data, learned)
            return cls(fidelity, levels, True, costs, *_of_several(surrogate, data), data.numbers)
        surrogate, data = _trained(MultiFidelityGP(), data, learned if "theta" in learned else {})
        return cls(fidelity, levels, False, costs, *_of_one_value(surrogate, data), data.numbers)

    def gain_per_cost(self, points: Array, below: float, level: float) -> Array:
        """Return the log gain per cost of evaluations, shape (m,).

        Args:
            points: unit points (m, d), evaluated up to fidelity ``below`` so far (0 for not at all).
            level: to which they would be evaluated now.
        """
        gap, growth = self.fidelity.fidelity_gap(level), self.fidelity.noise_growth(level)
        worth = self.log_gain(points, gap, growth, below > 0.0)
        return np.asarray(worth - self._log_cost(points, below, level))

    def _log_cost(self, points: Array, below: float, level: float) -> Array | float:
        """Return the log cost of evaluations, (m,) or the same for all."""
        by_fidelity = math.log(self.fidelity.cost(below, level))
        if self.costs is None:
            return by_fidelity
        return by_fidelity + self.costs.log_expected(points, self.fidelity.fidelity_gap(level))

    def share_per_cost(self, points: Array) -> Array:
        """Return the share of a change of the means that an evaluation reveals at most per cost, (m,)."""
        return np.max(
            [
                np.sqrt(self._revealed(points, level)) / np.exp(self._log_cost(points, 0.0, level))
                for level in self.levels
            ],
            axis=0,
        )

    def _revealed(self, points: Array, level: float) -> Array:
        """Return the share of the variance that evaluations at a fidelity reveal, (m,)."""
        gap, growth = self.fidelity.fidelity_gap(level), self.fidelity.noise_growth(level)
        shares = [belief.revealed(points, gap, growth) for belief in self.beliefs]
        return np.asarray(np.mean(np.square(shares), axis=0))

    def first_fidelities(self, points: Array) -> tuple[list[float], list[float]]:
        """Return the fidelity at which to evaluate each new point (m, d) first, and the gain per cost."""
        table = np.stack([self.gain_per_cost(points, 0.0, level) for level in self.levels])
        chosen = table.argmax(axis=0)
        return [self.levels[row] for row in chosen], [float(each) for each in table.max(axis=0)]

    def next_promotion(
        self, space: Space, trials: Sequence[Trial], *, ignore_cost: bool = False
    ) -> tuple[Promotion, float, float] | None:
        """Return the promotion with the most gain per cost, that gain, and its probability to be the best.

        None where no trial is paused.

        Args:
            ignore_cost: whether trials are ranked by expected improvement alone, not by the share of it that
                the next evaluation reveals, per cost.
        """
        paused = [
            trial
            for trial in trials
            if trial.state is TrialState.PAUSED and trial.rungs and trial.rungs[-1].feasible
        ]
        known = set(self.numbers.tolist())
        paused = [trial for trial in paused if trial.number in known]
        if not paused:
            return None
        points = space.to_unit([trial.params for trial in paused])
        reached = np.array([trial.rungs[-1].fidelity for trial in paused])
        following = {at: next(level for level in self.levels if level > at) for at in set(reached.tolist())}
        if ignore_cost:
            worths = self.log_worth(points)
            if self.skips_rungs:
                following = dict.fromkeys(following, self.levels[-1])
        else:
            worths = np.empty(len(paused))
            for below, level in following.items():
                rows = np.flatnonzero(reached == below)
                worths[rows] = self.gain_per_cost(points[rows], below, level)
        row = int(np.argmax(worths))
        below, chances = float(reached[row]), self.chances(points)
        rank = 1 + int((chances > chances[row]).sum())
        decision = Promotion(paused[row].number, below, following[below], rank, len(paused))
        return decision, float(worths[row]), float(chances[row])


def _trained(surrogate: Trainable, data: TrainingData, learned: Memory) -> tuple[Any, TrainingData]:
    """Return the surrogate with its hyperparameters fixed, and the part of the data that it is fitted to."""
    trained, _ = cast(Trainable, bounded(surrogate, data)).train(data, learned)
    return learner_of(trained), relevant_to(trained, data)


def _of_one_value(
    surrogate: MultiFidelityGP, data: TrainingData
) -> tuple[Beliefs, Criterion, Gain, Criterion]:
    belief, curves = surrogate.fit_curves(data), data.fidelities
    assert curves is not None
    highest = normal(belief.highest)
    is_full = curves.fidelity_gaps == 0.0
    best = float(highest.moments(curves.points[is_full] if is_full.any() else curves.points)[0].min())

    def log_worth(points: Array) -> Array:
        return log_expected_improvement(*highest.moments(points), best)

    def log_gain(points: Array, gap: float, growth: float, is_known: bool) -> Array:
        del is_known
        return np.asarray(log_worth(points) + 2.0 * np.log(belief.revealed(points, gap, growth)))

    def chances(points: Array) -> Array:
        mean, std = highest.moments(points)
        return np.asarray(ndtr((best - mean) / std))

    return (cast(FidelitiesPosterior, belief),), log_worth, log_gain, chances


def _of_level_set(
    problem: Problem, trained: LevelGP, data: TrainingData
) -> tuple[Beliefs, Criterion, Gain, Criterion]:
    acquisition = Misclassification().with_space(problem.space, np.random.default_rng(len(data)))
    posterior = trained.fit(data).fantasize(data.pending)
    worth = acquisition.build(posterior, data)

    def log_gain(points: Array, gap: float, growth: float, is_known: bool) -> Array:
        del is_known
        return worth.at_fidelity(gap, growth)(points)

    # at the end of a search nothing is to be known better than it is: there is no best trial
    in_full = worth.at_fidelity(0.0, 1.0)
    return posterior.beliefs, in_full, log_gain, lambda points: np.zeros(len(points))


def _of_several(trained: ModelListGP, data: TrainingData) -> tuple[Beliefs, Criterion, Gain, Criterion]:
    curves, posterior = data.fidelities, latent_objectives(trained.fit(data))
    assert curves is not None
    # the front to verify is of points evaluated in full: a paused one would hide behind its own mean
    is_full = np.isin(data.numbers, curves.numbers[curves.fidelity_gaps == 0.0]) & data.feasible
    known = data.rows(np.flatnonzero(is_full)) if is_full.any() else data
    front, told = (posterior.latent_means(each.points[each.feasible]) for each in (known, data))
    front, told = front[nondominated(front)], told[nondominated(told)]
    reference, feasibility = reference_of(posterior, data, told), Feasibility.of(data)

    def volume_beyond(others: Array) -> VolumeByMeans:
        return VolumeByMeans(posterior, Sides.of(free_boxes(others, reference)), feasibility, 0.0, 1.0)

    beyond_told = volume_beyond(told)

    def log_gain(points: Array, gap: float, growth: float, is_known: bool) -> Array:
        if not is_known:
            return beyond_told.at_fidelity(gap, growth)(points)
        gains = np.empty(len(points))
        for row, mean in enumerate(posterior.latent_means(points)):
            others = told[(told != mean).any(axis=1)]  # without the point's own mean
            worth = beyond_told if len(others) == len(told) else volume_beyond(others)
            gains[row] = worth.at_fidelity(gap, growth).gain_of_change(points[row : row + 1])[0]
        return gains

    # common random numbers: ranks are to differ by the points alone
    normals = np.random.default_rng(0).standard_normal((_N_DRAWS, len(posterior.latents)))

    def chances(points: Array) -> Array:
        found = []
        for mean, std in zip(*stacked_moments(posterior.latents, points)):
            drawn = mean + std * normals
            found.append(1.0 - (front[None] <= drawn[:, None]).all(axis=2).any(axis=1).mean())
        return np.array(found)

    sides = Sides.of(free_boxes(front, reference))
    log_worth = VolumeImprovement(posterior.latents, sides, feasibility)
    return posterior.beliefs, log_worth, log_gain, chances


def share_per_cost(problem: Problem, data: TrainingData, memory: Memory) -> Criterion | None:
    """Return ``ModelOfFidelities.share_per_cost``; None where all trials begin at one fidelity."""
    model = None if problem.judges_by_noise else ModelOfFidelities.of(problem, data, memory)
    return None if model is None else model.share_per_cost


def first_fidelities(problem: Problem, data: TrainingData, memory: Memory, points: Array) -> list[float]:
    """Return the fidelity at which to evaluate each of some new unit points (n, d) first."""
    assert problem.multi_fidelity is not None
    model = ModelOfFidelities.of(problem, data, memory)
    if model is None:
        return [problem.multi_fidelity.fidelity.low] * len(points)
    return model.first_fidelities(points)[0]


def promotion_by_gain(
    problem: Problem,
    trials: Sequence[Trial],
    data: TrainingData,
    memory: Memory,
    point: Array | None,
) -> Promotion | None:
    """Return the promotion whose gain per cost exceeds that of a new point, None if there is none.

    Args:
        memory: of the proposal of the new point, where there is one.
        point: the new point that would be evaluated otherwise, (1, d); None at the end of a search: then
            trials that may well be the best are promoted, and one in any case.
    """
    model = ModelOfFidelities.of(problem, data, memory)
    if model is None:
        return None
    is_reserved = model.fidelity.averages or model.skips_rungs
    is_due = is_reserved and _share_at_highest(model.levels, trials) < _SHARE_AT_HIGHEST
    found = model.next_promotion(problem.space, trials, ignore_cost=is_due or point is None)
    if found is None:
        return None
    promotion, worth, chance = found
    if point is None:
        has_reached = any(
            trial.state is TrialState.COMPLETE and trial.feasible is not False for trial in trials
        )
        return promotion if chance >= _LEAST_CHANCE_OF_BEST or not has_reached else None
    return promotion if is_due or worth > model.first_fidelities(point)[1][0] else None


def _share_at_highest(levels: Sequence[float], trials: Sequence[Trial]) -> float:
    """Return the share of the cost, spent or pending, of steps to the highest fidelity."""
    spent, whole = 0.0, 0.0
    for trial in trials:
        at = 0.0 if trial.fidelity is None else float(trial.fidelity)
        whole += at
        if at == levels[-1]:
            spent += at - max((rung.fidelity for rung in trial.rungs), default=0.0)
    return spent / whole if whole > 0.0 else 0.0
