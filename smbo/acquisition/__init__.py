"""Acquisition functions."""

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, Seeded, SpaceAware
from smbo.acquisition.cost_aware import ExpectedImprovementPerCost
from smbo.acquisition.expected_hypervolume_improvement import (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
)
from smbo.acquisition.expected_improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    ProbabilityOfImprovement,
)
from smbo.acquisition.gp_hedge import GPHedge
from smbo.acquisition.level_set import Misclassification, Straddle
from smbo.acquisition.max_value_entropy_search import MaxValueEntropySearch
from smbo.acquisition.noisy_expected_improvement import NoisyLogExpectedImprovement
from smbo.acquisition.scalarization import RandomScalarization
from smbo.acquisition.thompson_sampling import ThompsonSampling

__all__ = [
    "Acquisition",
    "Criterion",
    "DifferentiableCriterion",
    "ExpectedImprovement",
    "ExpectedImprovementPerCost",
    "GPHedge",
    "LogExpectedHypervolumeImprovement",
    "LogExpectedImprovement",
    "LowerConfidenceBound",
    "MaxValueEntropySearch",
    "Misclassification",
    "NoisyLogExpectedHypervolumeImprovement",
    "NoisyLogExpectedImprovement",
    "ProbabilityOfImprovement",
    "RandomScalarization",
    "Seeded",
    "SpaceAware",
    "Straddle",
    "ThompsonSampling",
]
