"""The seam between a posterior and the search for the next points: acquisitions, criteria, and ``Search``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smbo.errors import RecipeError
from smbo.space import Space
from smbo.space.point_set import PointSet
from smbo.surrogates.base import Memory, Posterior, Surrogate
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


@runtime_checkable
class DifferentiableCriterion(Criterion, Protocol):
    """A criterion with slopes."""

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the worth of unit points (m, d), shape (m,), and its gradient, (m, d)."""


@runtime_checkable
class Batched(DifferentiableCriterion, Protocol):
    """As many criteria as points are asked about: each point is judged by its own."""

    def of_rows(self, rows: NDArray[np.intp]) -> Batched:
        """Return those criteria alone."""


@runtime_checkable
class Batchable(DifferentiableCriterion, Protocol):
    """A criterion that can be stacked with those of the points that join it in a batch."""

    def batched(self, criteria: Sequence[Criterion]) -> Batched:
        """Return the criteria of a batch's points, in the order in which these joined it, as one."""


@runtime_checkable
class Acquisition(Protocol):
    """What makes a point worth evaluating.  Implementations are frozen dataclasses.

    >>> isinstance(LogExpectedImprovement(), Acquisition)
    True
    """

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion for this posterior.

        ``data.pending`` holds every point whose fantasy the posterior is given.
        """


@dataclass(frozen=True, eq=False)
class Search:
    """What is known where new points are looked for.

    Attributes:
        surrogate: with its hyperparameters fixed.
        posterior: given the data and that failed points promise nothing; the fantasies at pending points
            are not in it yet, see ``fantasies.with_fantasies``.
        space: of the points, or the part of it that is asked for.
        data: that the surrogate was fitted to, with pending points.
        taken: the points that may not be proposed again.
        n: how many points are looked for.
        rng: random numbers of this proposal.
        memory: of the previous proposal.
    """

    surrogate: Surrogate
    posterior: Posterior
    space: Space
    data: TrainingData
    taken: PointSet
    n: int
    rng: np.random.Generator
    memory: Memory


@runtime_checkable
class SelectsPoints(Acquisition, Protocol):
    """An acquisition that chooses points its own way, such as by draws, or from a portfolio."""

    def select(self, search: Search) -> tuple[Array, Memory]:
        """Return ``search.n`` new unit points, (n, d), and what is added to the memory.

        Raises:
            SpaceExhausted: no n new points were found.
        """


@runtime_checkable
class FantasyFree(Acquisition, Protocol):
    """An acquisition whose points differ by themselves, so that pending points need no fantasies."""

    @property
    def needs_fantasies(self) -> bool:
        """Whether pending points need them all the same."""


@runtime_checkable
class PosteriorAware(Acquisition, Protocol):
    """An acquisition that gives way to another one where a posterior lacks what it needs."""

    def for_posterior(self, posterior: Posterior) -> Acquisition:
        """Return the acquisition to use with a posterior."""


@runtime_checkable
class SpaceAware(Protocol):
    """An acquisition that judges a point by what it tells of the whole space."""

    def with_space(self, space: Space, rng: np.random.Generator) -> Acquisition:
        """Return the same acquisition for a space."""


@runtime_checkable
class Seeded(Acquisition, Protocol):
    """An acquisition that draws random numbers: each proposal gives it a seed of its own."""

    def seeded(self, seed: int) -> Acquisition:
        """Return the same acquisition with other draws."""
