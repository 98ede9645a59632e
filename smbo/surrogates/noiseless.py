"""Interpolation: a surrogate to which every value without a given error is exact."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from smbo.surrogates.base import Memory, Posterior, Surrogate, Trainable, takes_replicates
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.subset import relevant_to
from smbo.training_data import Target, TrainingData, served_by


@dataclass(frozen=True)
class Noiseless:
    """Wrap a surrogate: values whose errors nobody gave have none.

    A Gaussian process whose kernel does not fit a function without noise explains what it misses as noise,
    and then averages over it.  Without that way out its length scales become short, and the function's small
    structure is followed around good points.

    Source: Gramacy & Lee (2012), "Cases for the nugget in modeling computer experiments", on what either
        choice costs.

    Attributes:
        surrogate: the wrapped surrogate.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import GP, Noiseless
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 24)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, np.sin(60.0 * points[:, 0]))
        >>> Noiseless(GP()).fit(data).noise < 1e-6
        True
    """

    surrogate: Surrogate = field(default_factory=GP)

    @property
    def learner(self) -> Surrogate:
        """The wrapped surrogate."""
        return self.surrogate

    @property
    def serves(self) -> frozenset[Target]:
        """The targets of the wrapped surrogate."""
        return served_by(self.surrogate)

    @property
    def takes_replicates(self) -> bool:
        """Whether the wrapped surrogate merges replicates (``TrainingData.replicates``)."""
        return takes_replicates(self.surrogate)

    def relevant(self, data: TrainingData) -> TrainingData:
        """Return the part of the training data that the wrapped surrogate is fitted to."""
        return relevant_to(self.surrogate, data)

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior of the wrapped surrogate."""
        return self.surrogate.fit(_exact(data))

    def train(self, data: TrainingData, memory: Memory) -> tuple[Noiseless, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        if not isinstance(self.surrogate, Trainable):
            return self, {}
        trained, learned = self.surrogate.train(_exact(data), memory)
        return replace(self, surrogate=trained), learned


def _exact(data: TrainingData) -> TrainingData:
    return replace(data, variances=np.where(np.isnan(data.variances), 0.0, data.variances))
