"""Suspected outliers: the values that the model leaves out, and what it expects there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smbo.history.encode import encode
from smbo.history.table import value_of
from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.proposal.recommend import Model, model_of
from smbo.proposal.transfer import with_transfer
from smbo.surrogates.base import Memory
from smbo.training_data import TrainingData
from smbo.trial import Trial


@dataclass(frozen=True)
class SuspectedOutlier:
    """A value that the model of all others excludes, so that it is left out.

    Attributes:
        number: of the trial.
        value: as told.
        expected, std: posterior mean of the function there, given the other values, and its standard
            deviation; in the user's sign and units.

    >>> str(SuspectedOutlier(3, 101.2, 1.25, 0.04))
    'trial 3: 101, where 1.25 ± 0.04 is expected'
    """

    number: int
    value: float
    expected: float
    std: float

    def __str__(self) -> str:
        return (
            f"trial {self.number}: {self.value:.3g}, where {self.expected:.3g} ± {self.std:.2g} is expected"
        )


def outliers_of(
    problem: Problem, model: Model, data: TrainingData, trials: Sequence[Trial]
) -> tuple[SuspectedOutlier, ...]:
    """Return the suspected outliers of a model, by number.

    Args:
        data: of the trials, in which penalties are moved and far magnitudes are in a unit of their own.
    """
    if not model.outliers or model.posterior is None:
        return ()
    rows = np.flatnonzero(np.isin(data.numbers, model.outliers))
    mean, std = map(data.told, model.posterior.moments(data.points[rows]))
    told = {trial.number: value_of(trial) for trial in trials if trial.number in model.outliers}
    columns = (data.numbers[rows].tolist(), (problem.sign * mean).tolist(), std.tolist())
    return tuple(SuspectedOutlier(number, told[number], *row) for number, *row in zip(*columns))


def suspected_outliers(
    problem: Problem, recipe: Recipe, trials: Sequence[Trial], memory: Memory
) -> tuple[SuspectedOutlier, ...]:
    """Return the suspected outliers among the values of trials, by number."""
    data = encode(problem, trials)
    return outliers_of(problem, model_of(with_transfer(problem, recipe), data, memory), data, trials)
