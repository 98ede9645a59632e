"""Protocols of acquisition functions and criteria, and ``Search``: the inputs of a search for new points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smbo.errors import RecipeError
from smbo.space import Space
from smbo.space.point_set import PointSet
from smbo.surrogates.base import Memory, Posterior, Surrogate
from smbo.training_data import Ability, Array, TrainingData


def check_draws(n_draws: int) -> None:
    """Refuse a number of draws that antithetic pairs cannot fill.

    Raises:
        RecipeError: it is odd, or less than 2.
    """
    if n_draws < 2 or n_draws % 2:
        raise RecipeError(f"n_draws={n_draws!r}: an even number from 2 up is needed")


@runtime_checkable
class Criterion(Ability, Protocol):
    """An acquisition function built for one posterior and training data; higher is better."""

    def __call__(self, points: Array) -> Array:
        """Return the acquisition values at unit points (m, d), shape (m,)."""


@runtime_checkable
class DifferentiableCriterion(Criterion, Protocol):
    """A criterion with gradients."""

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the acquisition values at unit points (m, d), shape (m,), and their gradients, (m, d)."""


@runtime_checkable
class Batched(DifferentiableCriterion, Protocol):
    """Stacked criteria, one for each point that is evaluated."""

    def of_rows(self, rows: NDArray[np.intp]) -> Batched:
        """Return the criteria of these rows."""


@runtime_checkable
class Batchable(DifferentiableCriterion, Protocol):
    """A criterion that can be stacked with those of the later points of a batch."""

    def batched(self, criteria: Sequence[Criterion]) -> Batched:
        """Return the criteria of a batch's points, in the order of their selection, stacked."""


@runtime_checkable
class Acquisition(Ability, Protocol):
    """An acquisition function.  Implementations are frozen dataclasses.

    >>> isinstance(LogExpectedImprovement(), Acquisition)
    True
    """

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion for this posterior.

        ``data.pending`` holds every point at which the posterior has a fantasy.
        """


@dataclass(frozen=True, eq=False)
class Search:
    """The inputs of a search for new points.

    Attributes:
        surrogate: with its hyperparameters fixed.
        posterior: given the data and pessimistic values at failed points, without the fantasies at
            pending points, see ``fantasies.with_fantasies``.
        space: the search space, or the subspace of this ask.
        data: that the surrogate was fitted to, with pending points.
        taken: the points that may not be proposed again.
        n: how many new points are wanted.
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
    """An acquisition that selects points itself, such as Thompson sampling or a portfolio."""

    def select(self, search: Search) -> tuple[Array, Memory]:
        """Return ``search.n`` new unit points, (n, d), and the entries added to the memory.

        Raises:
            SpaceExhausted: no n new points were found.
        """


@runtime_checkable
class FantasyFree(Acquisition, Protocol):
    """An acquisition that needs no fantasies at pending points, since its points differ anyway."""

    @property
    def needs_fantasies(self) -> bool:
        """Whether pending points need fantasies nevertheless."""


@runtime_checkable
class PosteriorAware(Acquisition, Protocol):
    """An acquisition that is replaced by another where it cannot use a posterior."""

    def for_posterior(self, posterior: Posterior) -> Acquisition:
        """Return the acquisition to use with a posterior."""


@runtime_checkable
class WrapsAcquisitions(SelectsPoints, Protocol):
    """An acquisition that selects points by others."""

    def with_acquisitions(self, change: Callable[[Acquisition], Acquisition]) -> Acquisition:
        """Return the same with each of the others changed."""


@runtime_checkable
class SpaceAware(Ability, Protocol):
    """An acquisition that integrates over the whole space."""

    def with_space(self, space: Space, rng: np.random.Generator) -> Acquisition:
        """Return the acquisition for a space."""


@runtime_checkable
class TakesContext(Ability, Protocol):
    """An acquisition whose criterion compares points in the present context (``smbo.space.context``)."""

    @property
    def takes_context(self) -> bool:
        """Whether it does with these settings."""


@runtime_checkable
class Seeded(Acquisition, Protocol):
    """An acquisition with random draws, seeded anew by each proposal."""

    def seeded(self, seed: int) -> Acquisition:
        """Return the acquisition with the draws of a seed."""
