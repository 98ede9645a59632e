"""Acquisition functions; each name loads its module on first use (PEP 562)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smbo.acquisition.base import (
        Acquisition as Acquisition,
        Criterion as Criterion,
        DifferentiableCriterion as DifferentiableCriterion,
        Seeded as Seeded,
        SpaceAware as SpaceAware,
    )
    from smbo.acquisition.cost_aware import ExpectedImprovementPerCost as ExpectedImprovementPerCost
    from smbo.acquisition.expected_hypervolume_improvement import (
        LogExpectedHypervolumeImprovement as LogExpectedHypervolumeImprovement,
        NoisyLogExpectedHypervolumeImprovement as NoisyLogExpectedHypervolumeImprovement,
    )
    from smbo.acquisition.expected_improvement import (
        ExpectedImprovement as ExpectedImprovement,
        LogExpectedImprovement as LogExpectedImprovement,
        LowerConfidenceBound as LowerConfidenceBound,
        ProbabilityOfImprovement as ProbabilityOfImprovement,
    )
    from smbo.acquisition.gp_hedge import GPHedge as GPHedge
    from smbo.acquisition.knowledge_gradient import KnowledgeGradient as KnowledgeGradient
    from smbo.acquisition.level_set import Misclassification as Misclassification, Straddle as Straddle
    from smbo.acquisition.max_value_entropy_search import MaxValueEntropySearch as MaxValueEntropySearch
    from smbo.acquisition.near_repeat import NearRepeat as NearRepeat
    from smbo.acquisition.noisy_expected_improvement import (
        NoisyLogExpectedImprovement as NoisyLogExpectedImprovement,
    )
    from smbo.acquisition.plateaus import OffPlateaus as OffPlateaus
    from smbo.acquisition.scalarization import RandomScalarization as RandomScalarization
    from smbo.acquisition.second_surrogate import SecondSurrogate as SecondSurrogate
    from smbo.acquisition.thompson_sampling import ThompsonSampling as ThompsonSampling

# where each name is defined
_MODULES = {
    "smbo.acquisition.base": "Acquisition Criterion DifferentiableCriterion Seeded SpaceAware",
    "smbo.acquisition.cost_aware": "ExpectedImprovementPerCost",
    "smbo.acquisition.expected_hypervolume_improvement": (
        "LogExpectedHypervolumeImprovement NoisyLogExpectedHypervolumeImprovement"
    ),
    "smbo.acquisition.expected_improvement": (
        "ExpectedImprovement LogExpectedImprovement LowerConfidenceBound ProbabilityOfImprovement"
    ),
    "smbo.acquisition.gp_hedge": "GPHedge",
    "smbo.acquisition.knowledge_gradient": "KnowledgeGradient",
    "smbo.acquisition.level_set": "Misclassification Straddle",
    "smbo.acquisition.max_value_entropy_search": "MaxValueEntropySearch",
    "smbo.acquisition.near_repeat": "NearRepeat",
    "smbo.acquisition.noisy_expected_improvement": "NoisyLogExpectedImprovement",
    "smbo.acquisition.plateaus": "OffPlateaus",
    "smbo.acquisition.scalarization": "RandomScalarization",
    "smbo.acquisition.second_surrogate": "SecondSurrogate",
    "smbo.acquisition.thompson_sampling": "ThompsonSampling",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
