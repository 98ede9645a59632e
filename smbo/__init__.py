"""Sequential model-based optimization: ask/tell, tuning jobs on Dask clusters, and a search estimator.

The names below are the ones to use.  Study, Budget and BayesSearchCV load on first use, since they
bring SQLAlchemy and scikit-learn with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smbo.errors import EvaluationFailed, SmboError
from smbo.fidelity import Fidelity
from smbo.optimizer import Optimizer
from smbo.problem import Context, LevelSet, Outcome, Problem
from smbo.problem.termination import Termination
from smbo.problem.transfer_source import TransferSource
from smbo.proposal.recipe import Recipe
from smbo.space import Categorical, Constant, Integer, Real, Space
from smbo.space.priors import LogNormal, Normal
from smbo.trial import Recommendation, Trial, TrialState

if TYPE_CHECKING:
    from smbo.search_cv import BayesSearchCV as BayesSearchCV
    from smbo.study import Budget as Budget
    from smbo.study import Study as Study

__version__ = "0.1.0"

_LOADED_ON_USE = {"Study": "smbo.study", "Budget": "smbo.study", "BayesSearchCV": "smbo.search_cv"}

__all__ = [
    "BayesSearchCV",
    "Budget",
    "Categorical",
    "Constant",
    "Context",
    "EvaluationFailed",
    "Fidelity",
    "Integer",
    "LevelSet",
    "LogNormal",
    "Normal",
    "Optimizer",
    "Outcome",
    "Problem",
    "Real",
    "Recipe",
    "Recommendation",
    "SmboError",
    "Space",
    "Study",
    "Termination",
    "TransferSource",
    "Trial",
    "TrialState",
]


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return getattr(import_module(_LOADED_ON_USE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
