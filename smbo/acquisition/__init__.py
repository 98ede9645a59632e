"""Acquisition functions."""

from smbo.acquisition.base import Acquisition, Criterion, DifferentiableCriterion
from smbo.acquisition.improvement import (
    ExpectedImprovement,
    LogExpectedImprovement,
    LowerConfidenceBound,
    ProbabilityOfImprovement,
)

__all__ = [
    "Acquisition",
    "Criterion",
    "DifferentiableCriterion",
    "ExpectedImprovement",
    "LogExpectedImprovement",
    "LowerConfidenceBound",
    "ProbabilityOfImprovement",
]
