"""Expected improvement per cost: the cost is learned by a Gaussian process over its logarithm.

Where the optimum is cheap most cost goes into its last digits, and where it is expensive each evaluation
there counts: so every second point refines the best one (see ``refinement``), per cost too.

Source: Snoek, Larochelle & Adams (2012), "Practical Bayesian Optimization of Machine Learning
    Algorithms", §3.2 (improvement per second, with a process over the logarithm of the cost); Lee,
    Perrone, Archambeau & Seeger (2020), "Cost-aware Bayesian Optimization", §3.2 (an exponent that
    cools: cheap points first, expensive ones towards the end).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion
from smbo.acquisition.expected_improvement import LogExpectedImprovement
from smbo.acquisition.local_refinement import n_without_digit, refinement
from smbo.errors import RecipeError
from smbo.surrogates.base import Posterior
from smbo.surrogates.gp.gp import GP, GPPosterior
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.training_data import Array, Axis, Target, TrainingData, served_by

# Fewer known costs do not show how the cost varies.
_FEWEST_COSTS = 2
# Costs below a clock's resolution are recorded as zero: they count as this fraction of the mean.
_LEAST_COST_SHARE = 1e-6
# Costs vary smoothly over all of the space: with the length-scale prior for values the first few would be
# explained as noise.  Costs are measured, with little noise.
_COST_GP = GP(bend_values=False, priors=Priors(log_length=(0.0, 0.7), log_noise=(math.log(1e-4), 2.0)))
# After so many evaluations per axis without a gain, refinement has every eighth point only.
_EVALUATIONS_PER_AXIS, _SELDOM_FACTOR = 2, 4


@dataclass(frozen=True)
class ExpectedImprovementPerCost:
    """A logarithmic acquisition minus a multiple of the logarithm of the expected cost.

    Example: ``Recipe(GP(), ExpectedImprovementPerCost(budget=100.0))``

    Attributes:
        acquisition: the logarithmic one, such as LogExpectedImprovement().
        refine_every: one of so many points refines the best evaluation; fewer where refinement gained
            nothing for a while, and none where noise hides the digits.  None for never.
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

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised: without the cost as long as few costs are known."""
        costs = log_costs(data)
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
        n_asked = len(data) + len(data.failed) + len(data.pending)
        return n_asked % (self.refine_every * (_SELDOM_FACTOR if is_done else 1)) == 0

    def exponent(self, data: TrainingData) -> float:
        """Return the exponent of the cost, from 0 to 1."""
        if self.budget is None:
            return 1.0
        known = data.costs[np.isfinite(data.costs)]
        # an evaluation of unknown cost counts with the mean cost
        spent = float(known.mean()) * len(data) if len(known) else 0.0
        return min(max(1.0 - spent / self.budget, 0.0), 1.0)


def log_costs(data: TrainingData) -> GPPosterior | None:
    """Return a posterior of the logarithm of the cost, None where too few costs are known."""
    known = np.isfinite(data.costs)
    if known.sum() < _FEWEST_COSTS or not data.axes or data.costs[known].max() <= 0.0:
        return None
    points, costs = np.ascontiguousarray(data.points[known]), data.costs[known]
    return _learned(data.axes, points.tobytes(), costs.tobytes())


def log_expected(costs: GPPosterior, points: Array) -> Array:
    """Return the logarithm of the expected cost at unit points (m, d), shape (m,).

    The mean of a log-normal cost: a large standard deviation raises the expected cost.
    """
    mean, std = costs.moments(points)
    return np.asarray(mean + 0.5 * std**2)


@lru_cache(maxsize=4)
def _learned(axes: tuple[Axis, ...], points: bytes, costs: bytes) -> GPPosterior:
    """Return the posterior; cached, since each point of a batch needs the same one."""
    told = np.frombuffer(costs)
    logs = np.log(np.maximum(told, _LEAST_COST_SHARE * told.mean()))
    data = TrainingData.of_values(axes, np.frombuffer(points).reshape(len(told), len(axes)), logs)
    return _COST_GP.fit(data)


@dataclass(frozen=True, eq=False)
class _PerCost:
    criterion: Criterion
    costs: GPPosterior
    power: float

    def __call__(self, points: Array) -> Array:
        return np.asarray(self.criterion(points) - self.power * log_expected(self.costs, points))


@dataclass(frozen=True, eq=False)
class _DifferentiablePerCost(_PerCost):
    criterion: DifferentiableCriterion

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        worth, slope = self.criterion.with_gradient(points)
        mean, std, mean_slope, std_slope = self.costs.moments_and_gradients(points)
        to_cost = mean_slope + std[:, None] * std_slope
        return worth - self.power * (mean + 0.5 * std**2), slope - self.power * to_cost
