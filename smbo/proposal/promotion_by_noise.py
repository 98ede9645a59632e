"""Choose the fidelity of an evaluation of vector outputs by its noise, and when to continue a paused run.

The noise variance of each bin is known and falls as one over the events.  An evaluation far noisier than the
posterior at its point teaches little for its setup; one far less noisy has spent events on digits that the
choice of the next point does not need.  So a point gets the lowest fidelity at which the noise variance of
its loss is at most the posterior variance, which at least halves the variance.  Far from the optimum, early
on, that is few events; near it, where the posterior is narrow, it is many.

A new point that an evaluation could not distinguish from a paused trial is replaced by that trial: its run is
continued, not begun again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smbo.fidelity import Fidelity, Promotion
from smbo.problem import Problem
from smbo.proposal.promotion_by_model import ladder_by_model
from smbo.proposal.transfer import source_data
from smbo.surrogates import Memory
from smbo.surrogates.multi_output.composite import CompositeGP
from smbo.surrogates.multi_output.composite_posterior import CompositePosterior
from smbo.surrogates.multi_output.composite_sample import boldness
from smbo.training_data import Array, TrainingData
from smbo.trial import Trial, TrialState

# Noise below this share of the loss does not hide where the loss falls, however narrow the posterior is.
_LEAST_NOISE_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class ModelOfOutputs:
    """The posterior of the outputs' components, and the noise of one evaluation of them.

    Attributes:
        fidelity, levels: of the problem: the rungs, ascending.
        belief: posterior of the outputs.
        noises: variance of each component in an evaluation at the highest fidelity, (c,).
    """

    fidelity: Fidelity
    levels: tuple[float, ...]
    belief: CompositePosterior
    noises: Array

    @classmethod
    def of(cls, problem: Problem, data: TrainingData, memory: Memory) -> ModelOfOutputs | None:
        """Return the model, None with too few trials or without a component."""
        ladder = ladder_by_model(problem, data)
        if ladder is None:
            return None
        fidelity, levels, curves = ladder
        learned = memory.get("surrogate", {})
        surrogate = CompositeGP()
        if problem.transfer:
            surrogate = surrogate.with_sources(source_data(problem))
        trained, _ = surrogate.train(data, learned if "thetas" in learned else {})
        belief = trained.fit(data)
        if not belief.components:
            return None
        # rows are sorted by number, then fidelity: a trial's outputs are those of its last row
        last = np.searchsorted(curves.numbers, data.numbers, side="right") - 1
        growth = curves.noise_growth[last]
        noises = [float(np.median(each.noises / growth)) for each in belief.components]
        return cls(fidelity, levels, belief, np.array(noises))

    def first_fidelities(self, points: Array) -> list[float]:
        """Return the fidelity at which to evaluate each new unit point (n, d) first."""
        means, variances = self.belief.components_at(points)
        mean, variance = self.belief.form.moments(means, boldness(points.shape[1]) ** 2 * variances)
        noise = np.stack([self._noise(means, level) for level in self.levels])
        is_enough = noise <= np.maximum(variance, (_LEAST_NOISE_SHARE * mean) ** 2)
        is_enough[-1] = True
        return [self.levels[row] for row in is_enough.argmax(axis=0)]

    def indistinguishable(self, point: Array, others: Array) -> int | None:
        """Return the row of others (m, d) that an evaluation cannot distinguish from a point (1, d).

        Of several the nearest one, in units of the evaluation's noise; None without any.
        """
        if not len(others):
            return None
        growth = self.fidelity.noise_growth(self.first_fidelities(point)[0])
        here, there = self.belief.components_at(point)[0], self.belief.components_at(others)[0]
        apart = ((there - here) ** 2 / (growth * self.noises)).mean(axis=1)
        nearest = int(apart.argmin())
        return nearest if apart[nearest] < 1.0 else None

    def _noise(self, means: Array, level: float) -> Array:
        """Return the variance of the loss due to an evaluation's noise, (m,)."""
        noises = np.broadcast_to(self.fidelity.noise_growth(level) * self.noises, means.shape)
        form = self.belief.form
        # the variance without noise is the uncertainty of the loadings
        return np.asarray(form.moments(means, noises)[1] - form.moments(means, np.zeros_like(noises))[1])


def first_fidelities_of_outputs(
    problem: Problem, data: TrainingData, memory: Memory, points: Array
) -> list[float]:
    """Return the fidelity at which to evaluate each of some new unit points (n, d) first."""
    assert problem.multi_fidelity is not None
    model = ModelOfOutputs.of(problem, data, memory)
    return (
        [problem.multi_fidelity.fidelity.low] * len(points)
        if model is None
        else model.first_fidelities(points)
    )


def promotion_by_noise(
    problem: Problem,
    trials: Sequence[Trial],
    data: TrainingData,
    memory: Memory,
    point: Array | None,
) -> Promotion | None:
    """Return the promotion of a paused trial in place of a new point, None if there is none.

    Args:
        memory: of the proposal of the new point.
        point: the new point that would be evaluated otherwise, (1, d); None at the end of a search: then
            no trial is promoted, since outputs of any fidelity count by their noise.
    """
    paused = [each for each in trials if each.state is TrialState.PAUSED and each.rungs]
    model = None if point is None or not paused else ModelOfOutputs.of(problem, data, memory)
    if model is None:
        return None
    assert point is not None
    others = problem.space.to_unit([trial.params for trial in paused])
    row = model.indistinguishable(point, others)
    if row is None:
        return None
    below = paused[row].rungs[-1].fidelity
    following = next(level for level in model.levels if level > below)
    means, _ = model.belief.moments(others)
    rank = 1 + int((means < means[row]).sum())
    wanted = max(following, model.first_fidelities(others[row : row + 1])[0])
    return Promotion(paused[row].number, below, wanted, rank, len(paused))
