"""Acquisition functions."""

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, Seeded, Surveying
from smbo.acquisition.cost import PerCost
from smbo.acquisition.entropy import MaxValueEntropySearch
from smbo.acquisition.hypervolume import (
    LogExpectedHypervolumeImprovement,
    NoisyLogExpectedHypervolumeImprovement,
)
from smbo.acquisition.improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    ProbabilityOfImprovement,
)
from smbo.acquisition.level import Misclassification, Straddle
from smbo.acquisition.noisy import NoisyLogExpectedImprovement
from smbo.acquisition.portfolio import Portfolio
from smbo.acquisition.scalarised import RandomScalarisation
from smbo.acquisition.thompson import ThompsonSampling

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
