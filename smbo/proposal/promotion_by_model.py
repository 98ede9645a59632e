"""Choose between a new point and a promotion by expected improvement per cost (multi-fidelity GP).

An evaluation's gain is the expected improvement at the highest fidelity on the incumbent there, times the
share of it that the evaluation would reveal; its cost is the increase of the fidelity.

This looks one evaluation ahead, where one more cheap point always has some gain.  So a share of the cost is
reserved for the highest fidelity: while less was spent there, the most promising paused trial is promoted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from smbo.acquisition.expected_improvement import log_expected_improvement, normal
from smbo.fidelity import ByModel, Fidelity, Promotion
from smbo.problem import Problem
from smbo.space import Space
from smbo.surrogates import Memory, MultiFidelityGP
from smbo.surrogates.gp.multi_fidelity import MultiFidelityPosterior
from smbo.training_data import Array, FidelityResults, TrainingData
from smbo.trial import Trial, TrialState

# With fewer trials the correlation of the fidelities is unknown: new trials begin at the lowest one.
_FEWEST_TRIALS = 5
# Share of the cost reserved for steps to the highest fidelity: about as much as successive halving spends
# there with three or four rungs.
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
    return ladder.fidelity, ladder.fidelity.rungs(ladder.early_stopping.eta), curves


@dataclass(frozen=True, eq=False)
class ModelOfFidelities:
    """A posterior of values at all fidelities, and the incumbent to improve on.

    Attributes:
        fidelity, levels: of the problem: the rungs, ascending.
        belief: posterior of the values at all fidelities.
        best: latent mean of the incumbent.
    """

    fidelity: Fidelity
    levels: tuple[float, ...]
    belief: MultiFidelityPosterior
    best: float

    @classmethod
    def of(cls, problem: Problem, data: TrainingData, memory: Memory) -> ModelOfFidelities | None:
        """Return the model, None with too few trials."""
        ladder = ladder_by_model(problem, data)
        if ladder is None:
            return None
        fidelity, levels, curves = ladder
        learned = memory.get("surrogate", {})
        trained, _ = MultiFidelityGP().train(data, learned if "theta" in learned else {})
        belief = trained.fit_curves(data)
        points = (
            curves.points[curves.fidelity_gaps == 0.0]
            if (curves.fidelity_gaps == 0.0).any()
            else curves.points
        )
        mean, _ = normal(belief.highest).moments(points)
        return cls(fidelity, levels, belief, float(mean.min()))

    def gain_per_cost(self, points: Array, below: float, level: float) -> Array:
        """Return the log gain per cost of evaluations, shape (m,).

        Args:
            points: unit points (m, d), evaluated up to fidelity ``below`` so far (0 for not at all).
            level: to which they would be evaluated now.
        """
        mean, std = normal(self.belief.highest).moments(points)
        growth = self.fidelity.noise_growth(level)
        moved = self.belief.one_more(points, self.fidelity.fidelity_gap(level), growth)
        revealed = np.log(np.clip(moved / std, 1e-12, 1.0))
        gain = log_expected_improvement(mean, std, self.best)
        return np.asarray(gain + 2.0 * revealed - math.log(level - below))

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
        if not paused:
            return None
        points = space.to_unit([trial.params for trial in paused])
        mean, std = normal(self.belief.highest).moments(points)
        offers = []
        for row, trial in enumerate(paused):
            below = trial.rungs[-1].fidelity
            following = next(high for low, high in pairwise((0.0, *self.levels)) if high > below)
            worth = float(self.gain_per_cost(points[row : row + 1], below, following)[0])
            if ignore_cost:
                worth = float(log_expected_improvement(mean[row : row + 1], std[row : row + 1], self.best)[0])
            offers.append((-worth, trial.number, row, below, following))
        _, number, row, below, following = min(offers)
        rank = 1 + int((mean < mean[row]).sum())
        z = (self.best - float(mean[row])) / float(std[row])
        chance = 0.5 * math.erfc(-z / math.sqrt(2.0))
        return Promotion(number, below, following, rank, len(paused)), -min(offers)[0], chance


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
    is_due = _share_at_highest(model.levels, trials) < _SHARE_AT_HIGHEST
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
