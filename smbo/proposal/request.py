"""``ProposalRequest``: the arguments of a proposal, passed through ``smbo.proposal`` as one value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smbo.problem import Problem
from smbo.proposal.recipe import Recipe
from smbo.space import Point, Space
from smbo.space.context import context_row
from smbo.space.fixed import is_within, subspace
from smbo.space.point_set import PointSet
from smbo.space.step_limits import within_steps
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
        present: values from which the steps to the points are limited, as of ``step_limits.present_point``.
    """

    problem: Problem
    recipe: Recipe
    data: TrainingData
    n: int
    rng: np.random.Generator
    memory: Memory = field(default_factory=dict)
    fixed: Point = field(default_factory=dict)
    present: Point = field(default_factory=dict)

    @cached_property
    def space(self) -> Space:
        """The part of the problem's space that has the fixed values, a step from the present ones at most."""
        near = within_steps(self.problem.space, self.problem.step_limits or {}, self.present, self.fixed)
        return subspace(near, self.fixed)

    def holds(self, rows: Array) -> NDArray[np.bool_]:
        """Return which unit points of the problem's space, (m, d), are in this part of it, (m,)."""
        is_in = is_within(self.space, rows)
        return is_in & self.space.allowed(rows) if self.present and len(rows) else is_in

    @cached_property
    def taken(self) -> tuple[Array, Array, Array]:
        """Unit points that may not be proposed again: evaluated, failed and pending ones, each (k, d).

        Of a contextual problem none, once fewer than n choices are left in the present context: it comes
        again, and something has to be chosen.  So it is where steps are limited: the way may lead back.
        """
        taken = self.data.points, self.data.failed, self.data.pending
        if (self.problem.context or self.present) and self.space.size is not None:
            here = PointSet.within(self.space, [each[self.holds(each)] for each in taken])
            if len(here) + self.n > self.space.size:
                return taken[0][:0], taken[1][:0], taken[2][:0]
        return taken

    def in_context(self) -> ProposalRequest:
        """Return the request whose data know the present context; itself for a problem without one."""
        row = context_row(self.problem.space, self.problem.context, self.fixed)
        return self if row is None else replace(self, data=replace(self.data, context=row))
