"""Sequential model-based optimization: ask/tell, tuning jobs on Dask clusters, and a search estimator.

The names below are the ones to use.  Each loads its module on first use (PEP 562), so that ``import smbo``
loads not even numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smbo.acquisition import (
        Acquisition as Acquisition,
        ExpectedImprovement as ExpectedImprovement,
        ExpectedImprovementPerCost as ExpectedImprovementPerCost,
        GPHedge as GPHedge,
        LogExpectedHypervolumeImprovement as LogExpectedHypervolumeImprovement,
        LogExpectedImprovement as LogExpectedImprovement,
        LowerConfidenceBound as LowerConfidenceBound,
        MaxValueEntropySearch as MaxValueEntropySearch,
        Misclassification as Misclassification,
        NoisyLogExpectedHypervolumeImprovement as NoisyLogExpectedHypervolumeImprovement,
        NoisyLogExpectedImprovement as NoisyLogExpectedImprovement,
        ProbabilityOfImprovement as ProbabilityOfImprovement,
        RandomScalarization as RandomScalarization,
        Straddle as Straddle,
        ThompsonSampling as ThompsonSampling,
    )
    from smbo.analysis.prediction import Prediction as Prediction
    from smbo.errors import (
        AlreadyTold as AlreadyTold,
        AskError as AskError,
        BudgetExhausted as BudgetExhausted,
        DamagedStore as DamagedStore,
        EvaluationFailed as EvaluationFailed,
        ExpressionError as ExpressionError,
        JobFileError as JobFileError,
        NumericalError as NumericalError,
        ObjectiveError as ObjectiveError,
        PointError as PointError,
        ProblemError as ProblemError,
        Pruned as Pruned,
        RecipeError as RecipeError,
        SmboError as SmboError,
        SpaceError as SpaceError,
        SpaceExhausted as SpaceExhausted,
        StoreError as StoreError,
        StoreUnavailable as StoreUnavailable,
        StudyMismatch as StudyMismatch,
        TellError as TellError,
        UnknownStudy as UnknownStudy,
        UnknownTrial as UnknownTrial,
    )
    from smbo.fidelity import (
        Asha as Asha,
        ByModel as ByModel,
        Fidelity as Fidelity,
        Hyperband as Hyperband,
        MedianStopping as MedianStopping,
    )
    from smbo.optimizer import Optimizer as Optimizer
    from smbo.problem import (
        ChiSquare as ChiSquare,
        Context as Context,
        FunctionLoss as FunctionLoss,
        LevelSet as LevelSet,
        Objective as Objective,
        Outcome as Outcome,
        Problem as Problem,
    )
    from smbo.problem.termination import Termination as Termination
    from smbo.problem.transfer_source import TransferSource as TransferSource
    from smbo.proposal.auto import Auto as Auto
    from smbo.proposal.recipe import Recipe as Recipe
    from smbo.proposal.replication import Replication as Replication
    from smbo.proposal.trust_region import TrustRegion as TrustRegion
    from smbo.search_cv import BayesSearchCV as BayesSearchCV
    from smbo.space import (
        Categorical as Categorical,
        Constant as Constant,
        Derived as Derived,
        Integer as Integer,
        Real as Real,
        Space as Space,
    )
    from smbo.space.priors import LogNormal as LogNormal, Normal as Normal
    from smbo.store.budget import Budget as Budget
    from smbo.study.study import Study as Study
    from smbo.surrogates import (
        GP as GP,
        Boosting as Boosting,
        CompositeGP as CompositeGP,
        ExtraTrees as ExtraTrees,
        Forest as Forest,
        KernelSelection as KernelSelection,
        LevelGP as LevelGP,
        Matern32 as Matern32,
        Matern52 as Matern52,
        ModelListGP as ModelListGP,
        MultiFidelityGP as MultiFidelityGP,
        Priors as Priors,
        Regressor as Regressor,
        SquaredExponential as SquaredExponential,
        Subset as Subset,
        Surrogate as Surrogate,
        TorchGP as TorchGP,
    )
    from smbo.trial import Recommendation as Recommendation, Trial as Trial, TrialState as TrialState
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
        "AlreadyTold AskError BudgetExhausted DamagedStore EvaluationFailed ExpressionError JobFileError "
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
    "smbo.space": "Categorical Constant Derived Integer Real Space",
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
