"""The seam between a posterior and the search for the next point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smbo.errors import RecipeError
from smbo.space import Space
from smbo.surrogates.base import Posterior
from smbo.training_data import Array, TrainingData


def check_draws(n_draws: int) -> None:
    """Refuse a number of draws of which no half can mirror the other.

    Raises:
        RecipeError: it is odd, or less than 2.
    """
    if n_draws < 2 or n_draws % 2:
        raise RecipeError(f"n_draws={n_draws!r}: an even number from 2 up is needed")


@runtime_checkable
class Criterion(Protocol):
    """How much an evaluation at a point is worth; higher is better."""

    def __call__(self, points: Array) -> Array:
        """Return the worth of unit points (m, d), shape (m,)."""
        ...


@runtime_checkable
class DifferentiableCriterion(Criterion, Protocol):
    """A criterion with slopes."""

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the worth of unit points (m, d), shape (m,), and its gradient, (m, d)."""
        ...


@runtime_checkable
class Batched(DifferentiableCriterion, Protocol):
    """As many criteria as points are asked about: each point is judged by its own."""

    def of_rows(self, rows: NDArray[np.intp]) -> Batched:
        """Return those criteria alone."""
        ...


@runtime_checkable
class Batchable(DifferentiableCriterion, Protocol):
    """A criterion that can be stacked with those of the points that join it in a batch."""

    def batched(self, criteria: Sequence[Criterion]) -> Batched:
        """Return the criteria of a batch's points, in the order in which these joined it, as one."""
        ...


@runtime_checkable
class Acquisition(Protocol):
    """What makes a point worth evaluating.  Implementations are frozen dataclasses."""

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion for this posterior.

        ``data.pending`` holds every point whose fantasy the posterior is given.
        """
        ...


@runtime_checkable
class SpaceAware(Protocol):
    """An acquisition that judges a point by what it tells of the whole space."""

    def with_space(self, space: Space, rng: np.random.Generator) -> Acquisition:
        """Return the same acquisition for a space."""
        ...


@runtime_checkable
class Seeded(Acquisition, Protocol):
    """An acquisition that draws random numbers: each proposal gives it a seed of its own."""

    def seeded(self, seed: int) -> Acquisition:
        """Return the same acquisition with other draws."""
        ...
