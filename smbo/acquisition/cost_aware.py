"""Acquisitions per cost: the cost is learned by a Gaussian process over its logarithm.

Where the optimum is cheap most cost goes into its last digits, and where it is expensive each evaluation
there counts: so every second point refines the best one (see ``refinement``), per cost too.

Source: Snoek, Larochelle & Adams (2012), "Practical Bayesian Optimization of Machine Learning
    Algorithms", §3.2 (improvement per second, with a process over the logarithm of the cost); Lee,
    Perrone, Archambeau & Seeger (2020), "Cost-aware Bayesian Optimization", §3.2 (an exponent that
    cools: cheap points first, expensive ones towards the end).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from smbo.acquisition.base import (
    Acquisition,
    Criterion,
    DifferentiableCriterion,
    PosteriorAware,
    Seeded,
    SpaceAware,
)
from smbo.acquisition.expected_improvement import LogExpectedImprovement
from smbo.acquisition.local_refinement import n_without_digit, refinement
from smbo.errors import RecipeError
from smbo.space import Space
from smbo.surrogates.base import DifferentiablePosterior, Posterior
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.surrogates.subset import Subset
from smbo.training_data import Array, Axis, Target, TrainingData, served_by

# Fewer known costs do not show how the cost varies.
_FEWEST_COSTS = 2
# Costs below a clock's resolution are recorded as zero: they count as this fraction of the mean.
_LEAST_COST_SHARE = 1e-6
# Ratio of the largest cost to the lowest up to which evaluations cost the same, but for the machine's load.
_LEAST_RATIO = 3.0
# Costs vary smoothly over all of the space: with the length-scale prior for values the first few would be
# explained as noise.  Costs are measured, with little noise.
_COST_MODEL = Subset(
    GP(bend_values=False, priors=Priors(log_length=(0.0, 0.7), log_noise=(math.log(1e-4), 2.0))),
    most=500,
    n_rows=400,
)
# After so many evaluations per axis without a gain, refinement has every eighth point only.
_EVALUATIONS_PER_AXIS, _SELDOM_FACTOR = 2, 4


@dataclass(frozen=True)
class ExpectedImprovementPerCost:
    """A logarithmic acquisition minus a multiple of the logarithm of the expected cost.

    Of any problem: the improvement of one value or of a loss, the hypervolume added to a front or the
    misclassification removed, per cost.  With a fidelity the cost is that of an evaluation at the highest.

    Example: ``Recipe(GP(), ExpectedImprovementPerCost(budget=100.0))``

    Attributes:
        acquisition: a logarithm of what a point is worth, such as LogExpectedImprovement().
        refine_every: one of so many points refines the best evaluation of one value; fewer where refinement
            gained nothing for a while, and none where noise hides the digits.  None for never.
        budget: cost of the whole search; the exponent of the cost goes from 1 to 0 while it is used
            up.  None leaves it at 1.

    Raises:
        RecipeError: a budget that is no positive number.

    >>> recipe = Recipe(GP(), ExpectedImprovementPerCost())
    """

    acquisition: Acquisition = field(default_factory=LogExpectedImprovement)
    budget: float | None = None
    refine_every: int | None = 2

    def __post_init__(self) -> None:
        every = self.refine_every
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise RecipeError(f"refine_every={every!r}: a whole number from 1 up is needed, or None")
        if self.budget is not None and not 0 < self.budget < math.inf:
            raise RecipeError(f"budget={self.budget!r}: a positive cost is needed, or None")

    @property
    def serves(self) -> frozenset[Target]:
        """The targets of the acquisition that is divided by the cost."""
        return served_by(self.acquisition)

    def seeded(self, seed: int) -> ExpectedImprovementPerCost:
        """Return the acquisition with the draws of a seed."""
        one = self.acquisition
        return replace(self, acquisition=one.seeded(seed)) if isinstance(one, Seeded) else self

    def for_posterior(self, posterior: Posterior) -> ExpectedImprovementPerCost:
        """Return the acquisition to use with a posterior."""
        one = self.acquisition
        if isinstance(one, PosteriorAware):
            return replace(self, acquisition=one.for_posterior(posterior))
        return self

    def with_space(self, space: Space, rng: np.random.Generator) -> ExpectedImprovementPerCost:
        """Return the acquisition for a space."""
        one = self.acquisition
        return replace(self, acquisition=one.with_space(space, rng)) if isinstance(one, SpaceAware) else self

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised: without the cost as long as few costs are known."""
        costs = CostModel.of(data)
        if costs is None:
            return self.acquisition.build(posterior, data)
        refined = refinement(posterior, data) if self._is_to_refine(data) else None
        criterion = refined or self.acquisition.build(posterior, data)
        power = self.exponent(data)
        if isinstance(criterion, DifferentiableCriterion):
            return _DifferentiablePerCost(criterion, costs, power)
        return _PerCost(criterion, costs, power)

    def _is_to_refine(self, data: TrainingData) -> bool:
        if self.refine_every is None:
            return False
        is_done = n_without_digit(data) > _EVALUATIONS_PER_AXIS * (len(data.axes) + 1)
        return n_asked(data) % (self.refine_every * (_SELDOM_FACTOR if is_done else 1)) == 0

    def exponent(self, data: TrainingData) -> float:
        """Return the exponent of the cost, from 0 to 1."""
        costs = data.costs
        if self.budget is None or costs is None:
            return 1.0
        # an evaluation of unknown cost, or under way, counts with the mean cost
        n_unknown = max(n_asked(data) - len(costs.rates), 0)
        spent = costs.spent * (1.0 + n_unknown / len(costs.rates))
        return min(max(1.0 - spent / self.budget, 0.0), 1.0)


def n_asked(data: TrainingData) -> int:
    """Return how many evaluations are finished, failed or under way."""
    return len(data) + len(data.failed) + len(data.pending)


def vary(data: TrainingData, *, at_one_fidelity: bool = False) -> bool:
    """Return whether costs are known and differ by more than the times of equal evaluations do.

    Args:
        at_one_fidelity: compare those of each fidelity alone: an overhead that every evaluation has makes
            cheap fidelities dearer per unit, and says nothing of points.
    """
    costs = data.costs
    if costs is None:
        return False
    groups = [costs.rates]
    if at_one_fidelity and costs.fidelity_gaps is not None:
        groups = [costs.rates[costs.fidelity_gaps == gap] for gap in np.unique(costs.fidelity_gaps)]
    return any(bool(rates.max() > _LEAST_RATIO * rates.min()) for rates in groups)


@dataclass(frozen=True, eq=False)
class CostModel:
    """A posterior of the logarithm of the cost, per unit of the fidelity where there is one.

    Attributes:
        posterior: over points, and fidelity gaps where costs at several fidelities are known.
        has_gap: whether the last column of its points is a fidelity gap.
    """

    posterior: DifferentiablePosterior
    has_gap: bool

    @classmethod
    def of(cls, data: TrainingData) -> CostModel | None:
        """Return the model, None where too few costs are known."""
        costs = data.costs
        if costs is None or len(costs.rates) < _FEWEST_COSTS or not data.axes or costs.rates.max() <= 0.0:
            return None
        points, axes, gaps = costs.points, data.axes, costs.fidelity_gaps
        if gaps is not None:
            points, axes = np.column_stack([points, gaps]), (*axes, Axis("fidelity gap", "continuous"))
        points = np.ascontiguousarray(points)
        return cls(_learned(axes, points.tobytes(), costs.rates.tobytes()), gaps is not None)

    def log_expected(self, points: Array, gap: float = 0.0) -> Array:
        """Return the logarithm of the expected cost at unit points (m, d) and a fidelity gap, shape (m,).

        The mean of a log-normal cost: a large standard deviation raises the expected cost.
        """
        mean, std = self.posterior.moments(self._with_gap(points, gap))
        return np.asarray(mean + 0.5 * std**2)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return ``log_expected`` at the highest fidelity, (m,), and its gradient, (m, d)."""
        found = self.posterior.moments_and_gradients(self._with_gap(points, 0.0))
        mean, std, mean_slope, std_slope = found
        slope = mean_slope + std[:, None] * std_slope
        return mean + 0.5 * std**2, slope[:, : points.shape[1]]

    def _with_gap(self, points: Array, gap: float) -> Array:
        return np.column_stack([points, np.full(len(points), gap)]) if self.has_gap else points


@lru_cache(maxsize=4)
def _learned(axes: tuple[Axis, ...], points: bytes, rates: bytes) -> DifferentiablePosterior:
    """Return the posterior; cached, since each point of a batch needs the same one."""
    told = np.frombuffer(rates)
    logs = np.log(np.maximum(told, _LEAST_COST_SHARE * told.mean()))
    data = TrainingData.of_values(axes, np.frombuffer(points).reshape(len(logs), len(axes)), logs)
    posterior = _COST_MODEL.fit(data)
    assert isinstance(posterior, DifferentiablePosterior)
    return posterior


@dataclass(frozen=True, eq=False)
class _PerCost:
    criterion: Criterion
    costs: CostModel
    power: float

    def __call__(self, points: Array) -> Array:
        return np.asarray(self.criterion(points) - self.power * self.costs.log_expected(points))


@dataclass(frozen=True, eq=False)
class _DifferentiablePerCost(_PerCost):
    criterion: DifferentiableCriterion

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        worth, slope = self.criterion.with_gradient(points)
        cost, cost_slope = self.costs.with_gradient(points)
        return worth - self.power * cost, slope - self.power * cost_slope
