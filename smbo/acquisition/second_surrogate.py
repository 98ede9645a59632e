"""Propose by a second surrogate, while recommendations and figures stay with the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from smbo.acquisition.base import Acquisition, Criterion, Search
from smbo.acquisition.batch import select
from smbo.acquisition.expected_improvement import (
    LogExpectedImprovement,
    incumbent,
    log_expected_improvement,
    normal,
)
from smbo.acquisition.fantasies import search_posterior
from smbo.acquisition.noisy_expected_improvement import NoisyLogExpectedImprovement
from smbo.surrogates.base import LearnedProcess, Memory, Posterior, Surrogate, Trainable
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.noiseless import Noiseless
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# Key of the memory under which the second surrogate's hyperparameters are carried.
_MEMORY = "second_surrogate"
# Key of the memory: what the first surrogate promised last, how often the second has proposed since, and how.
PROMISE = "promise"


@dataclass(frozen=True)
class SecondSurrogate:
    """Select points by another surrogate than the recipe's.

    Example: ``Recipe(GP(), SecondSurrogate(surrogate=Noiseless(GP())))``

    Attributes:
        surrogate: that proposes, of one value.
        acquisition: of its posterior.
        first: of the recipe's own posterior, for searches that do not ask for whole proposals.

    >>> recipe = Recipe(GP(), SecondSurrogate())
    """

    surrogate: Surrogate = field(default_factory=lambda: Noiseless(GP()))
    acquisition: Acquisition = field(default_factory=LogExpectedImprovement)
    first: Acquisition = field(default_factory=NoisyLogExpectedImprovement)
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def with_acquisitions(self, change: Callable[[Acquisition], Acquisition]) -> SecondSurrogate:
        """Return the same with both acquisitions changed."""
        return replace(self, acquisition=change(self.acquisition), first=change(self.first))

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the first acquisition's criterion."""
        return self.first.build(posterior, data)

    def select(self, search: Search) -> tuple[Array, Memory]:
        """Return ``search.n`` new unit points, (n, d), the second surrogate's memory, and whose turn it was.

        Raises:
            SpaceExhausted: no n new points were found.
        """
        surrogate, data = self.surrogate, search.data
        learned: Memory = {}
        if isinstance(surrogate, Trainable):
            surrogate, learned = surrogate.train(data, search.memory.get(_MEMORY, {}))
        posterior = search_posterior(surrogate, data)
        points = select(replace(search, surrogate=surrogate, posterior=posterior), self.acquisition)
        return points, {_MEMORY: dict(learned), PROMISE: answered(search.memory, is_local=False)}


def answered(memory: Memory, *, is_local: bool) -> dict[str, Any]:
    """Return the first surrogate's promise with one more answer to it."""
    said = memory.get(PROMISE, {})
    return {**said, "n_answers": said.get("n_answers", 0) + 1, "was_local": is_local}


def promised_gain(posterior: Posterior, data: TrainingData, point: Array) -> float:
    """Return the expected improvement at a unit point (d,), in the units of the values.

    Where the posterior is normal on a transformed scale it is taken there, then brought back.
    """
    latent = normal(posterior)
    best = incumbent(latent, data)
    mean, std = latent.moments(point[None])
    gain = float(np.exp(log_expected_improvement(mean, np.maximum(std, 1e-150), best))[0])
    if not isinstance(posterior, LearnedProcess):
        return gain
    scale = posterior.scale
    return float(scale.from_latent(np.array(best)) - scale.from_latent(np.array(best - gain)))
