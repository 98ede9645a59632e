"""Acquisition functions."""

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, Seeded, Surveying
from smbo.acquisition.entropy import MaxValueEntropySearch
from smbo.acquisition.improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    ProbabilityOfImprovement,
)
from smbo.acquisition.level import Misclassification, Straddle
from smbo.acquisition.noisy import NoisyLogExpectedImprovement
from smbo.acquisition.portfolio import Portfolio
from smbo.acquisition.thompson import ThompsonSampling

__all__ = [
    "Acquisition",
    "Criterion",
    "DifferentiableCriterion",
    "ExpectedImprovement",
    "LogExpectedImprovement",
    "LowerConfidenceBound",
    "MaxValueEntropySearch",
    "Misclassification",
    "NoisyLogExpectedImprovement",
    "Portfolio",
    "ProbabilityOfImprovement",
    "Seeded",
    "Straddle",
    "Surveying",
    "ThompsonSampling",
]
