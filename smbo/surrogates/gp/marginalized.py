"""Fully Bayesian hyperparameters: the average of a few processes whose hyperparameters are drawn.

Draws are those of ``hyperparameter_draws`` (importance resampling around the most probable ones); moments are
those of the mixture of the posteriors, all on one latent scale.

Sources: Snoek, Larochelle & Adams (2012), "Practical Bayesian Optimization of Machine Learning Algorithms",
    3.1 (which averages the acquisition; here the posteriors are averaged); Rasmussen & Williams (2006), 5.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP, GPPosterior, rows_to_learn_from
from smbo.surrogates.gp.hyperparameter_draws import resampled
from smbo.surrogates.gp.marginal_likelihood import Hyperparameters
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# Hyperparameters that are proposed, and fewest values from which they are drawn.
_N_PROPOSED, _FEWEST = 64, 4


@dataclass(frozen=True)
class MarginalizedGP:
    """A Gaussian process averaged over draws of its hyperparameters, in place of the most probable ones.

    Attributes:
        process: whose hyperparameters are learned, and drawn whenever they are.
        n_draws: number of draws; equal ones are fitted once.
        drawn: processes with drawn hyperparameters; () to learn them.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import GP, MarginalizedGP
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 8)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, np.sin(6.0 * points[:, 0]))
        >>> between = np.array([[0.5]])
        >>> bool(MarginalizedGP().fit(data).moments(between)[1] > GP().fit(data).moments(between)[1])
        True
    """

    process: GP = field(default_factory=GP)
    n_draws: int = 8
    drawn: tuple[GP, ...] = ()
    serves: ClassVar[frozenset[Target]] = ONE_VALUE
    takes_replicates: ClassVar[bool] = True

    def fit(self, data: TrainingData) -> MarginalizedPosterior:
        """Return the posterior; hyperparameters are learned and drawn first where none are fixed.

        Raises:
            NumericalError: no jitter makes a covariance positive definite.
        """
        if not self.drawn:
            return self.train(data, {})[0].fit(data)
        return MarginalizedPosterior(tuple(process.fit(data) for process in self.drawn))

    def train(self, data: TrainingData, memory: Memory) -> tuple[MarginalizedGP, Memory]:
        """Return the surrogate with drawn hyperparameters, and the memory that restores them."""
        process, learned = self.process.train(data, memory)
        drawn: list[Any] = list(memory.get("drawn", ()))
        if not drawn or learned.get("n_learned") != memory.get("n_learned"):
            drawn = [theta.to_json() for theta in self._draws(process, data)]
        thetas = [Hyperparameters.from_json(theta) for theta in drawn]
        processes = tuple(process.with_hyperparameters(theta) for theta in thetas)
        return replace(self, drawn=processes), {**learned, "drawn": drawn}

    def _draws(self, process: GP, data: TrainingData) -> list[Hyperparameters]:
        assert process.hyperparameters is not None, "train first"
        if data.n_told < _FEWEST:
            return [process.hyperparameters]
        rng = np.random.default_rng(data.n_told)
        found = process.proposed(rows_to_learn_from(data), _N_PROPOSED, rng)
        rows = resampled(found.logs, self.n_draws, rng)
        return [found.thetas[row] for row in rows.tolist()]


@dataclass(frozen=True, eq=False)
class MarginalizedPosterior:
    """A mixture of Gaussian processes of equal weight, in their common units."""

    parts: tuple[GPPosterior, ...]

    @property
    def latent(self) -> MarginalizedPosterior:
        """The mixture on the latent scale, which the parts share."""
        return self._each(lambda part: part.latent)

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the mixture at unit points (m, d), each (m,)."""
        means, stds = (np.array(each) for each in zip(*(part.moments(points) for part in self.parts)))
        return means.mean(axis=0), np.sqrt((stds**2).mean(axis=0) + means.var(axis=0))

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,)."""
        return np.asarray(np.mean([part.means_only(points) for part in self.parts], axis=0))

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d)."""
        found = [part.moments_and_gradients(points) for part in self.parts]
        means, stds, to_means, to_stds = (np.array(each) for each in zip(*found))
        mean, to_mean = means.mean(axis=0), to_means.mean(axis=0)
        std = np.sqrt((stds**2).mean(axis=0) + means.var(axis=0))
        off = (means - mean)[..., None] * (to_means - to_mean)
        return mean, std, to_mean, (stds[..., None] * to_stds + off).mean(axis=0) / std[:, None]

    def fantasize(self, points: Array) -> MarginalizedPosterior:
        """Return the posterior given also each part's own means as values at unit points (m, d)."""
        return self._each(lambda part: part.fantasize(points))

    def condition_on(self, points: Array, values: Array) -> MarginalizedPosterior:
        """Return the posterior given also values (m,) at unit points (m, d)."""
        return self._each(lambda part: part.condition_on(points, values))

    def _each(self, change: Callable[[GPPosterior], GPPosterior]) -> MarginalizedPosterior:
        return MarginalizedPosterior(tuple(change(part) for part in self.parts))
