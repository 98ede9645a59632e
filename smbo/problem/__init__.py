"""The problem: a space, objectives, outcome constraints, outputs and losses, level sets.

This package and ``smbo.space`` are all that an objective imports; each name loads its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smbo.errors import (
        EvaluationFailed as EvaluationFailed,
        ObjectiveError as ObjectiveError,
        Pruned as Pruned,
    )
    from smbo.fidelity import Fidelity as Fidelity
    from smbo.problem.calling import Call as Call, call_of as call_of
    from smbo.problem.level_set import LevelSet as LevelSet
    from smbo.problem.losses import ChiSquare as ChiSquare, FunctionLoss as FunctionLoss
    from smbo.problem.objective import (
        Confirmable as Confirmable,
        Confirmation as Confirmation,
        Context as Context,
        Figure as Figure,
        HasFigures as HasFigures,
        HasFiles as HasFiles,
        HasLoss as HasLoss,
        HasRemarks as HasRemarks,
        HasRequirements as HasRequirements,
        Objective as Objective,
        OutputChange as OutputChange,
        Reweightable as Reweightable,
    )
    from smbo.problem.observables import (
        ObservableAxes as ObservableAxes,
        Plottable as Plottable,
        RunCard as RunCard,
    )
    from smbo.problem.outcome import (
        LOST_BINS as LOST_BINS,
        Outcome as Outcome,
        Returned as Returned,
        as_outcome as as_outcome,
    )
    from smbo.problem.problem import (
        ChecksProblem as ChecksProblem,
        HasProblem as HasProblem,
        Problem as Problem,
    )
    from smbo.training_data import Loss as Loss

# where each name is defined
_MODULES = {
    "smbo.errors": "EvaluationFailed ObjectiveError Pruned",
    "smbo.fidelity": "Fidelity",
    "smbo.problem.calling": "Call call_of",
    "smbo.problem.level_set": "LevelSet",
    "smbo.problem.losses": "ChiSquare FunctionLoss",
    "smbo.problem.objective": (
        "Confirmable Confirmation Context Figure HasFigures HasFiles HasLoss HasRemarks "
        "HasRequirements Objective OutputChange Reweightable"
    ),
    "smbo.problem.observables": "ObservableAxes Plottable RunCard",
    "smbo.problem.outcome": "LOST_BINS Outcome Returned as_outcome",
    "smbo.problem.problem": "ChecksProblem HasProblem Problem",
    "smbo.training_data": "Loss",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
