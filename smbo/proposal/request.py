"""``ProposalRequest``: the arguments of a proposal, passed through ``smbo.proposal`` as one value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space import Point, Space
from smbo.space.context import context_row
from smbo.space.fixed import rows_in, subspace
from smbo.space.point_set import PointSet
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

    @cached_property
    def taken(self) -> tuple[Array, Array, Array]:
        """Unit points that may not be proposed again: evaluated, failed and pending ones, each (k, d).

        Of a contextual problem none, once fewer than n choices are left in the present context: it comes
        again, and something has to be chosen.
        """
        taken = self.data.points, self.data.failed, self.data.pending
        if self.problem.context and self.space.size is not None:
            here = PointSet.within(self.space, [rows_in(self.space, each) for each in taken])
            if len(here) + self.n > self.space.size:
                return taken[0][:0], taken[1][:0], taken[2][:0]
        return taken

    def in_context(self) -> ProposalRequest:
        """Return the request whose data know the present context; itself for a problem without one."""
        row = context_row(self.problem.space, self.problem.context, self.fixed)
        return self if row is None else replace(self, data=replace(self.data, context=row))
