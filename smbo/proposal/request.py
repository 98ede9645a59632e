"""``ProposalRequest``: the arguments of a proposal, passed through ``smbo.proposal`` as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space import Point, Space
from smbo.space.fixed import subspace
from smbo.surrogates.base import Memory
from smbo.training_data import Array, TrainingData


@dataclass(frozen=True, eq=False)
class ProposalRequest:
    """The arguments of a proposal, which depends on nothing else.

    Attributes:
        problem: to solve.
        recipe: how points are proposed.
        data: finished, failed and pending evaluations, as recorded.
        n: how many points are wanted.
        rng: random numbers of this proposal.
        memory: of the previous proposal, {} at first.
        fixed: values that all of the points have, as of ``fixed.checked``.
    """

    problem: Problem
    recipe: Recipe
    data: TrainingData
    n: int
    rng: np.random.Generator
    memory: Memory = field(default_factory=dict)
    fixed: Point = field(default_factory=dict)

    @cached_property
    def space(self) -> Space:
        """The part of the problem's space that has the fixed values."""
        return subspace(self.problem.space, self.fixed)

    @property
    def taken(self) -> tuple[Array, Array, Array]:
        """Unit points that may not be proposed again: evaluated, failed and pending ones, each (k, d)."""
        return self.data.points, self.data.failed, self.data.pending
