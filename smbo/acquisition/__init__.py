"""Acquisition functions."""

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion, Seeded
from smbo.acquisition.entropy import MaxValueEntropySearch
from smbo.acquisition.improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    ProbabilityOfImprovement,
)
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
    "NoisyLogExpectedImprovement",
    "Portfolio",
    "ProbabilityOfImprovement",
    "Seeded",
    "ThompsonSampling",
]
