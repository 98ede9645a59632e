"""Sequential model-based optimization: ask/tell, tuning jobs on Dask clusters, and a search estimator.

The names below are the ones to use.  Each loads its module on first use (PEP 562), so that ``import smbo``
loads not even numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smbo.acquisition import Acquisition as Acquisition
    from smbo.acquisition import ExpectedImprovement as ExpectedImprovement
    from smbo.acquisition import ExpectedImprovementPerCost as ExpectedImprovementPerCost
    from smbo.acquisition import GPHedge as GPHedge
    from smbo.acquisition import LogExpectedHypervolumeImprovement as LogExpectedHypervolumeImprovement
    from smbo.acquisition import LogExpectedImprovement as LogExpectedImprovement
    from smbo.acquisition import LowerConfidenceBound as LowerConfidenceBound
    from smbo.acquisition import MaxValueEntropySearch as MaxValueEntropySearch
    from smbo.acquisition import Misclassification as Misclassification
    from smbo.acquisition import (
        NoisyLogExpectedHypervolumeImprovement as NoisyLogExpectedHypervolumeImprovement,
    )
    from smbo.acquisition import NoisyLogExpectedImprovement as NoisyLogExpectedImprovement
    from smbo.acquisition import ProbabilityOfImprovement as ProbabilityOfImprovement
    from smbo.acquisition import RandomScalarization as RandomScalarization
    from smbo.acquisition import Straddle as Straddle
    from smbo.acquisition import ThompsonSampling as ThompsonSampling
    from smbo.analysis.prediction import Prediction as Prediction
    from smbo.errors import AlreadyTold as AlreadyTold
    from smbo.errors import AskError as AskError
    from smbo.errors import BudgetExhausted as BudgetExhausted
    from smbo.errors import EvaluationFailed as EvaluationFailed
    from smbo.errors import ExpressionError as ExpressionError
    from smbo.errors import JobFileError as JobFileError
    from smbo.errors import NumericalError as NumericalError
    from smbo.errors import ObjectiveError as ObjectiveError
    from smbo.errors import PointError as PointError
    from smbo.errors import ProblemError as ProblemError
    from smbo.errors import Pruned as Pruned
    from smbo.errors import RecipeError as RecipeError
    from smbo.errors import SmboError as SmboError
    from smbo.errors import SpaceError as SpaceError
    from smbo.errors import SpaceExhausted as SpaceExhausted
    from smbo.errors import StoreError as StoreError
    from smbo.errors import StoreUnavailable as StoreUnavailable
    from smbo.errors import StudyMismatch as StudyMismatch
    from smbo.errors import TellError as TellError
    from smbo.errors import UnknownStudy as UnknownStudy
    from smbo.errors import UnknownTrial as UnknownTrial
    from smbo.fidelity import Asha as Asha
    from smbo.fidelity import ByModel as ByModel
    from smbo.fidelity import Fidelity as Fidelity
    from smbo.fidelity import Hyperband as Hyperband
    from smbo.fidelity import MedianStopping as MedianStopping
    from smbo.optimizer import Optimizer as Optimizer
    from smbo.problem import ChiSquare as ChiSquare
    from smbo.problem import Context as Context
    from smbo.problem import FunctionLoss as FunctionLoss
    from smbo.problem import LevelSet as LevelSet
    from smbo.problem import Objective as Objective
    from smbo.problem import Outcome as Outcome
    from smbo.problem import Problem as Problem
    from smbo.problem.termination import Termination as Termination
    from smbo.problem.transfer_source import TransferSource as TransferSource
    from smbo.proposal.auto import Auto as Auto
    from smbo.proposal.recipe import Recipe as Recipe
    from smbo.proposal.replication import Replication as Replication
    from smbo.proposal.trust_region import TrustRegion as TrustRegion
    from smbo.search_cv import BayesSearchCV as BayesSearchCV
    from smbo.space import Categorical as Categorical
    from smbo.space import Constant as Constant
    from smbo.space import Integer as Integer
    from smbo.space import Real as Real
    from smbo.space import Space as Space
    from smbo.space.priors import LogNormal as LogNormal
    from smbo.space.priors import Normal as Normal
    from smbo.store.budget import Budget as Budget
    from smbo.study.study import Study as Study
    from smbo.surrogates import GP as GP
    from smbo.surrogates import Boosting as Boosting
    from smbo.surrogates import CompositeGP as CompositeGP
    from smbo.surrogates import ExtraTrees as ExtraTrees
    from smbo.surrogates import Forest as Forest
    from smbo.surrogates import KernelSelection as KernelSelection
    from smbo.surrogates import LevelGP as LevelGP
    from smbo.surrogates import Matern32 as Matern32
    from smbo.surrogates import Matern52 as Matern52
    from smbo.surrogates import ModelListGP as ModelListGP
    from smbo.surrogates import MultiFidelityGP as MultiFidelityGP
    from smbo.surrogates import Priors as Priors
    from smbo.surrogates import Regressor as Regressor
    from smbo.surrogates import SquaredExponential as SquaredExponential
    from smbo.surrogates import Subset as Subset
    from smbo.surrogates import Surrogate as Surrogate
    from smbo.surrogates import TorchGP as TorchGP
    from smbo.trial import Recommendation as Recommendation
    from smbo.trial import Trial as Trial
    from smbo.trial import TrialState as TrialState
    from smbo.tuning import TuneSettings as TuneSettings

__version__ = "0.1.0"

# where each public name is defined
_MODULES = {
    "smbo.acquisition": (
        "Acquisition ExpectedImprovement ExpectedImprovementPerCost GPHedge "
        "LogExpectedHypervolumeImprovement LogExpectedImprovement LowerConfidenceBound "
        "MaxValueEntropySearch Misclassification NoisyLogExpectedHypervolumeImprovement "
        "NoisyLogExpectedImprovement ProbabilityOfImprovement RandomScalarization Straddle "
        "ThompsonSampling"
    ),
    "smbo.analysis.prediction": "Prediction",
    "smbo.errors": (
        "AlreadyTold AskError BudgetExhausted EvaluationFailed ExpressionError JobFileError "
        "NumericalError ObjectiveError PointError ProblemError Pruned RecipeError SmboError SpaceError "
        "SpaceExhausted StoreError StoreUnavailable StudyMismatch TellError UnknownStudy UnknownTrial"
    ),
    "smbo.fidelity": "Asha ByModel Fidelity Hyperband MedianStopping",
    "smbo.optimizer": "Optimizer",
    "smbo.problem": "ChiSquare Context FunctionLoss LevelSet Objective Outcome Problem",
    "smbo.problem.termination": "Termination",
    "smbo.problem.transfer_source": "TransferSource",
    "smbo.proposal.auto": "Auto",
    "smbo.proposal.recipe": "Recipe",
    "smbo.proposal.replication": "Replication",
    "smbo.proposal.trust_region": "TrustRegion",
    "smbo.search_cv": "BayesSearchCV",
    "smbo.space": "Categorical Constant Integer Real Space",
    "smbo.space.priors": "LogNormal Normal",
    "smbo.store.budget": "Budget",
    "smbo.study.study": "Study",
    "smbo.surrogates": (
        "GP Boosting CompositeGP ExtraTrees Forest KernelSelection LevelGP Matern32 Matern52 ModelListGP "
        "MultiFidelityGP Priors Regressor SquaredExponential Subset Surrogate TorchGP"
    ),
    "smbo.trial": "Recommendation Trial TrialState",
    "smbo.tuning": "TuneSettings",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
