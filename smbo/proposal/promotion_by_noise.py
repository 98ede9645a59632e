"""Choose the fidelity of an evaluation of vector outputs by its noise, and when to continue a paused run.

Bins say how noisy they are, and their noise falls as one over the events.  An evaluation that is far
noisier than what is believed of its point teaches little for its start; one that is far less noisy has spent
events on digits that nobody needs to choose the next point.  So a point gets the lowest fidelity at which the
noise of its loss is no more than the doubt about it, which halves the variance at least.  Far from the
optimum, early on, that is few events; near it, where much is known, it is many.

And a new point that its evaluation could not tell from a paused trial is that trial: its run is continued,
not begun again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smbo.fidelity import Fidelity, Promotion
from smbo.problem import Problem
from smbo.proposal.promotion_by_model import ladder_by_model
from smbo.surrogates import Memory
from smbo.surrogates.multi_output.composite import CompositeGP
from smbo.surrogates.multi_output.composite_posterior import CompositePosterior
from smbo.surrogates.multi_output.composite_sample import boldness
from smbo.training_data import Array, TrainingData
from smbo.trial import Trial, TrialState

# Of the loss itself: noise below it does not hide where the loss falls, however sure the posterior is.
_LEAST_NOISE_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class ModelOfOutputs:
    """What is believed of the outputs' components, and how noisy one evaluation of them is.

    Attributes:
        fidelity, levels: of the problem: the rungs, ascending.
        belief: about the outputs.
        noises: variance of each component in an evaluation at the highest fidelity, (c,).
    """

    fidelity: Fidelity
    levels: tuple[float, ...]
    belief: CompositePosterior
    noises: Array

    @classmethod
    def of(cls, problem: Problem, data: TrainingData, memory: Memory) -> ModelOfOutputs | None:
        """Return the model, None where too little is known for one."""
        ladder = ladder_by_model(problem, data)
        if ladder is None:
            return None
        fidelity, levels, curves = ladder
        learned = memory.get("surrogate", {})
        trained, _ = CompositeGP().train(data, learned if "thetas" in learned else {})
        belief = trained.fit(data)
        if not belief.components:
            return None
        # rows come by number, then fidelity: the last of a trial is where its outputs are from
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
        """Return which of others (m, d) an evaluation of a point (1, d) could not tell from it, if any.

        Of several the nearest, in units of the evaluation's noise.
        """
        if not len(others):
            return None
        growth = self.fidelity.noise_growth(self.first_fidelities(point)[0])
        here, there = self.belief.components_at(point)[0], self.belief.components_at(others)[0]
        apart = ((there - here) ** 2 / (growth * self.noises)).mean(axis=1)
        nearest = int(apart.argmin())
        return nearest if apart[nearest] < 1.0 else None

    def _noise(self, means: Array, level: float) -> Array:
        """Return the variance of the loss that an evaluation's noise makes, (m,)."""
        noises = np.broadcast_to(self.fidelity.noise_growth(level) * self.noises, means.shape)
        form = self.belief.form
        # what is left without any is the doubt about the loadings
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
    """Return which paused trial is continued in place of a new point, None if none is.

    Args:
        memory: of the proposal of the new point.
        point: that would be evaluated next otherwise, (1, d); None where no new one is to come: then
            nothing needs to go on, for outputs of any fidelity count for what they are worth.
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
