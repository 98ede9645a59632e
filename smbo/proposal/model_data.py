"""Training data as a surrogate is fitted to it, and the surrogate with learned hyperparameters.

The order of the stages: infeasible values penalized (for a search only), replicates merged, hyperparameters
learned, the subset selected that the acquisition can afford, constraints learned (for a search only).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smbo.acquisition import constraint_models
from smbo.acquisition.feasibility import went_well
from smbo.history.replicates import merged
from smbo.proposal.outliers import trained
from smbo.surrogates.base import Memory, Surrogate, Trainable, takes_replicates
from smbo.surrogates.subset import bounded, relevant_to
from smbo.training_data import TrainingData


@dataclass(frozen=True, eq=False)
class ModelData:
    """A surrogate and the training data that it is fitted to.

    Attributes:
        surrogate: with its hyperparameters fixed.
        data: that the surrogate is fitted to.
        learned: entries added to the memory.
        outliers, doubtful: numbers of the trials that are left out, see ``proposal.outliers``.
    """

    surrogate: Surrogate
    data: TrainingData
    learned: Memory
    outliers: tuple[int, ...] = ()
    doubtful: int | None = None

    @classmethod
    def as_measured(cls, surrogate: Surrogate, data: TrainingData, memory: Memory) -> ModelData:
        """Return the model of recommendations, figures and explanations: fitted to values as measured.

        Args:
            surrogate: of the recipe.
            data: as recorded.
            memory: of the last proposal.
        """
        surrogate = bounded(surrogate, data)
        if isinstance(surrogate, Trainable):
            model = trained(surrogate, data, memory)
            return cls(model.surrogate, model.data, model.learned, model.outliers, model.doubtful)
        fitted = merged(data) if takes_replicates(surrogate) else data
        return cls(surrogate, relevant_to(surrogate, fitted), {})

    @classmethod
    def for_search(cls, surrogate: Surrogate, data: TrainingData, memory: Memory) -> ModelData:
        """Return the model of a search: infeasible values penalized, constraints learned."""
        model = cls.as_measured(surrogate, with_penalties(data), memory)
        known = with_constraints(model.data, memory)
        if known.outcome_constraints is None:
            return model
        constraints = [dict(each) for each in known.outcome_constraints.learned]
        return replace(model, data=known, learned={"constraints": constraints, **model.learned})


def with_penalties(data: TrainingData) -> TrainingData:
    """Return the training data with infeasible values raised to the worst feasible one at least.

    The penalty repels the search by an amount on the scale of the values.  A failed point has no value: it
    counts for the probability of success alone.  Where a slack explains why a point is infeasible its
    value stays as observed: the best points lie on the boundary, between such neighbours.
    """
    if data.objective_values is not None:  # the values of an infeasible point are valid for each objective
        return data
    feasible = went_well(data)
    if feasible.all() or not feasible.any():
        return data
    worst = float(data.values[feasible].max())
    return replace(data, values=np.where(feasible, data.values, np.maximum(data.values, worst)))


def with_constraints(data: TrainingData, memory: Memory) -> TrainingData:
    """Return the training data with the memories of its slack models, and feasibility by them."""
    if data.outcome_constraints is None:
        return data
    known = constraint_models.learned(data, memory.get("constraints", ()))
    return replace(known, feasible=constraint_models.probably_feasible(known))
