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
    """Where the optimum is thought to lie."""

    def log_density(self, points: Array) -> tuple[Array, Array]:
        """Return the log density at unit points (m, d), (m,), and its gradient, (m, d)."""
        ...


@dataclass(frozen=True)
class PriorWeighted:
    """Another acquisition times the density of the optimum's place to a power that fades.

    The power is strength / n after n evaluations, so that any prior is overcome.

    Source: Hvarfner et al. (2022), "piBO: Augmenting Acquisition Functions with User Beliefs for
        Bayesian Optimization", eq. 6.

    Attributes:
        acquisition: without the user's prior.
        prior: the user's.
        strength: β of the source.
    """

    acquisition: Acquisition
    prior: LogDensity
    strength: float

    @property
    def serves(self) -> frozenset[Target]:
        """What the other acquisition is for."""
        return served_by(self.acquisition)

    def seeded(self, seed: int) -> PriorWeighted:
        """Return the same with other draws."""
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
            # these are in the units of the values, so the logarithm must be brought to them
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
