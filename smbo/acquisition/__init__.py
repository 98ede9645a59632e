"""Acquisition functions."""

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, Seeded, Surveying
from smbo.acquisition.cost_aware import PerCost
from smbo.acquisition.expected_improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    ProbabilityOfImprovement,
)
from smbo.acquisition.gp_hedge import Portfolio
from smbo.acquisition.hypervolume_improvement import (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
)
from smbo.acquisition.level_set import Misclassification, Straddle
from smbo.acquisition.max_value_entropy import MaxValueEntropySearch
from smbo.acquisition.noisy_expected_improvement import NoisyLogExpectedImprovement
from smbo.acquisition.scalarization import RandomScalarisation
from smbo.acquisition.thompson_sampling import ThompsonSampling

__all__ = [
    "Acquisition",
    "Criterion",
    "DifferentiableCriterion",
    "ExpectedImprovement",
    "LogExpectedHypervolumeImprovement",
    "LogExpectedImprovement",
    "LowerConfidenceBound",
    "MaxValueEntropySearch",
    "Misclassification",
    "NoisyLogExpectedHypervolumeImprovement",
    "NoisyLogExpectedImprovement",
    "PerCost",
    "Portfolio",
    "ProbabilityOfImprovement",
    "RandomScalarisation",
    "Seeded",
    "Straddle",
    "Surveying",
    "ThompsonSampling",
]
