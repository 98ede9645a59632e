"""What is to be solved: a space, what is measured there, and what counts as better.

This package and ``smbo.space`` are all that an objective imports.
"""

from smbo.errors import EvaluationFailed, ObjectiveError, Pruned
from smbo.fidelity import Fidelity
from smbo.problem.level_set import LevelSet
from smbo.problem.losses import ChiSquare, FunctionLoss
from smbo.problem.objective import Confirmation, Context, Figure, Objective, Rated, Reweighted
from smbo.problem.observables import Card, Chart, Plottable
from smbo.problem.outcome import Outcome, Returned, as_outcome
from smbo.problem.problem import Problem
from smbo.training_data import Loss

__all__ = [
    "Card",
    "Chart",
    "ChiSquare",
    "Confirmation",
    "Context",
    "EvaluationFailed",
    "Fidelity",
    "Figure",
    "FunctionLoss",
    "LevelSet",
    "Loss",
    "Objective",
    "ObjectiveError",
    "Outcome",
    "Plottable",
    "Problem",
    "Pruned",
    "Rated",
    "Returned",
    "Reweighted",
    "as_outcome",
]
