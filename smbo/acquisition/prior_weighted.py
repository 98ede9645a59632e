"""πBO: an acquisition times the user's prior density of where the optimum lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, Seeded
from smbo.acquisition.expected_improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    means,
    normal,
)
from smbo.acquisition.thompson_sampling import ThompsonSampling
from smbo.surrogates.base import Posterior
from smbo.training_data import Array, Target, TrainingData, served_by


class LogDensity(Protocol):
    """A prior density of the optimum's location."""

    def log_density(self, points: Array) -> tuple[Array, Array]:
        """Return the log density at unit points (m, d), (m,), and its gradient, (m, d)."""
        ...


@dataclass(frozen=True)
class PriorWeighted:
    """An acquisition times the user's prior density to a decaying power.

    The power is strength / n after n evaluations, so that evaluations outweigh any prior.

    Source: Hvarfner et al. (2022), "piBO: Augmenting Acquisition Functions with User Beliefs for
        Bayesian Optimization", eq. 6.

    Attributes:
        acquisition: that is weighted.
        prior: the user's density.
        strength: β of the source.
    """

    acquisition: Acquisition
    prior: LogDensity
    strength: float

    @property
    def serves(self) -> frozenset[Target]:
        """The targets of the weighted acquisition."""
        return served_by(self.acquisition)

    def seeded(self, seed: int) -> PriorWeighted:
        """Return the acquisition with the draws of a seed."""
        if not isinstance(self.acquisition, Seeded):
            return self
        return replace(self, acquisition=self.acquisition.seeded(seed))

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        weight = self.strength / max(1, len(data) + len(data.failed))
        acquisition = self.acquisition
        if isinstance(acquisition, ExpectedImprovement):  # the same optimum, and the product is a sum
            acquisition = LogExpectedImprovement()
        criterion = acquisition.build(posterior, data)
        if isinstance(acquisition, LowerConfidenceBound | ThompsonSampling):
            # the acquisition is in the units of the values, so the log density is scaled to them
            weight *= float(means(normal(posterior), data.points).std())
        if isinstance(criterion, DifferentiableCriterion):
            return _DifferentiableWeighted(criterion, self.prior, weight)
        return _Weighted(criterion, self.prior, weight)


@dataclass(frozen=True, eq=False)
class _Weighted:
    criterion: Criterion
    prior: LogDensity
    weight: float

    def __call__(self, points: Array) -> Array:
        return self.criterion(points) + self.weight * self.prior.log_density(points)[0]


@dataclass(frozen=True, eq=False)
class _DifferentiableWeighted(_Weighted):
    criterion: DifferentiableCriterion

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        worth, slope = self.criterion.with_gradient(points)
        said, said_slope = self.prior.log_density(points)
        return worth + self.weight * said, slope + self.weight * said_slope
