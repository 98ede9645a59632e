"""The problem: a space, objectives, outcome constraints, outputs and losses, level sets.

This package and ``smbo.space`` are all that an objective imports.
"""

from smbo.errors import EvaluationFailed, ObjectiveError, Pruned
from smbo.fidelity import Fidelity
from smbo.problem.level_set import LevelSet
from smbo.problem.losses import ChiSquare, FunctionLoss
from smbo.problem.objective import (
    Confirmable,
    Confirmation,
    Context,
    Figure,
    HasFigures,
    HasLoss,
    Objective,
    OutputChange,
    Reweightable,
)
from smbo.problem.observables import ObservableAxes, Plottable, RunCard
from smbo.problem.outcome import Outcome, Returned, as_outcome
from smbo.problem.problem import HasProblem, Problem
from smbo.training_data import Loss

__all__ = [
    "ChiSquare",
    "Confirmable",
    "Confirmation",
    "Context",
    "EvaluationFailed",
    "Fidelity",
    "Figure",
    "FunctionLoss",
    "HasFigures",
    "HasLoss",
    "HasProblem",
    "LevelSet",
    "Loss",
    "Objective",
    "ObjectiveError",
    "ObservableAxes",
    "Outcome",
    "OutputChange",
    "Plottable",
    "Problem",
    "Pruned",
    "Returned",
    "Reweightable",
    "RunCard",
    "as_outcome",
]
