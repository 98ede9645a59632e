"""The seam between training data and acquisition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from smbo.training_data import Array, TrainingData

# What a recipe carries from one proposal to the next; plain JSON values, so that it is stored
# with the study.
Memory: TypeAlias = Mapping[str, Any]


@runtime_checkable
class Posterior(Protocol):
    """A belief about the objective, without the noise of its evaluations."""

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points of shape (m, d), each of shape (m,)."""
        ...


@runtime_checkable
class DifferentiablePosterior(Posterior, Protocol):
    """A posterior whose moments have gradients."""

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,), d mean / d points (m, d) and d std / d points (m, d)."""
        ...


@runtime_checkable
class ExtendablePosterior(Posterior, Protocol):
    """A posterior that takes in fantasies of pending points cheaply."""

    def fantasize(self, points: Array) -> Posterior:
        """Return the posterior given also what it expects at unit points (m, d)."""
        ...


@runtime_checkable
class ConditionablePosterior(Posterior, Protocol):
    """A posterior that takes in values cheaply."""

    def condition_on(self, points: Array, values: Array) -> Posterior:
        """Return the posterior given also values (m,) at unit points (m, d)."""
        ...


@runtime_checkable
class MultiObjectivePosterior(Posterior, Protocol):
    """A posterior of several objectives, which says itself where to look and what failures teach."""

    def centres(self, data: TrainingData) -> Array:
        """Return evaluated points around which a search is to look closer, (k, d)."""
        ...

    def discouraged(self, failed: Array, known: Array) -> Posterior:
        """Return the posterior given also that failed points (m, d) are as bad as the worst known ones."""
        ...


@runtime_checkable
class WarpedPosterior(Posterior, Protocol):
    """A posterior that is normal on another, increasing scale of the values."""

    @property
    def latent(self) -> Posterior:
        """The same belief on that scale."""
        ...


@runtime_checkable
class QuickMeans(Protocol):
    """A posterior that knows its means far cheaper than its deviations."""

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,)."""
        ...


@runtime_checkable
class Surrogate(Protocol):
    """Anything that turns training data into a posterior.  Implementations are frozen dataclasses."""

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior given the training data."""
        ...


@runtime_checkable
class Trainable(Surrogate, Protocol):
    """A surrogate with hyperparameters that are learned now and then and carried in between."""

    def train(self, data: TrainingData, memory: Memory) -> tuple[Surrogate, Memory]:
        """Return a surrogate with its hyperparameters fixed, and the memory that restores them.

        Deterministic in its arguments.  ``memory`` is what the previous call returned ({} at
        first); whether to learn anew or to keep what it holds is decided here.
        """
        ...


@runtime_checkable
class Selective(Surrogate, Protocol):
    """A surrogate that learns from a part of the training data where there is much of it."""

    def relevant(self, data: TrainingData) -> TrainingData:
        """Return the part that it learns from, all of which an acquisition can afford to look at."""
        ...
