"""The seam between training data and acquisition: surrogates, posteriors, and their abilities.

An ability is a small protocol that is looked up once for a proposal or a criterion.  What a surrogate or a
posterior can do it says itself, and a wrapper says what its part says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.gp.input_warping import Warp
from smbo.surrogates.gp.kernels import Kernel
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Array, TrainingData

# What a recipe carries from one proposal to the next; plain JSON values, so that it is stored
# with the study.
Memory: TypeAlias = Mapping[str, Any]


@runtime_checkable
class Posterior(Protocol):
    """A belief about the objective, without the noise of its evaluations."""

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points of shape (m, d), each of shape (m,)."""


@runtime_checkable
class DifferentiablePosterior(Posterior, Protocol):
    """A posterior whose moments have gradients."""

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,), d mean / d points (m, d) and d std / d points (m, d)."""


@runtime_checkable
class ExtendablePosterior(Posterior, Protocol):
    """A posterior that takes in fantasies of pending points cheaply."""

    def fantasize(self, points: Array) -> Posterior:
        """Return the posterior given also what it expects at unit points (m, d)."""


@runtime_checkable
class ConditionablePosterior(Posterior, Protocol):
    """A posterior that takes in values cheaply."""

    def condition_on(self, points: Array, values: Array) -> Posterior:
        """Return the posterior given also values (m,) at unit points (m, d)."""


@runtime_checkable
class MultiObjectivePosterior(Posterior, Protocol):
    """A posterior of several objectives, which says itself where to look and what failures teach."""

    def all_moments(self, points: Array) -> tuple[Array, Array]:
        """Return means and standard deviations at unit points (n, d), each (n, m)."""

    def centres(self, data: TrainingData) -> Array:
        """Return evaluated points around which a search is to look closer, (k, d)."""

    def with_pessimistic_values(self, failed: Array, known: Array) -> Posterior:
        """Return the posterior given also that failed points (m, d) are as bad as the worst known ones."""


@runtime_checkable
class LatentObjectives(Protocol):
    """A posterior of several objectives that is a Gaussian process for each on an increasing scale."""

    @property
    def latents(self) -> tuple[ExactProcess, ...]:
        """The posteriors on these scales."""

    def latent_means(self, points: Array) -> Array:
        """Return the means at unit points (n, d) on these scales, (n, m)."""

    def to_latent(self, values: Array) -> Array:
        """Return a value of each objective, (m,), on its scale."""


@runtime_checkable
class LevelSetPosterior(Posterior, Protocol):
    """A posterior of functions whose levels are sought, each a Gaussian process on its latent scale."""

    @property
    def names(self) -> Sequence[str]:
        """Of the functions, k of them."""

    @property
    def processes(self) -> Sequence[CorrelatedProcess]:
        """The posterior of each function, k of them."""

    @property
    def levels(self) -> Array:
        """The levels on the latent scales, (k,)."""

    def offsets(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of function minus level at unit points (m, d), each (k, m)."""

    def value_moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the functions at unit points (m, d), each (k, m)."""

    def above(self, points: Array) -> Array:
        """Return the probability that each function is above its level at unit points (m, d), (k, m)."""


@runtime_checkable
class JointPosterior(Posterior, Protocol):
    """A posterior that knows the joint distribution of its values at several points."""

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) of the values at unit points (m, d)."""


@runtime_checkable
class DrawnPosterior(Posterior, Protocol):
    """A posterior that draws its values at several points, where it is not normal itself."""

    def draws(self, points: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the values at unit points (m, d), shape (m, n)."""


class FunctionDraw(Protocol):
    """One function drawn from a posterior, the same wherever and whenever it is evaluated."""

    @property
    def posterior(self) -> Posterior:
        """The posterior of which it is a draw, in the units of the draw."""

    def __call__(self, points: Array) -> Array:
        """Return its values at unit points (m, d), shape (m,)."""

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return its values (m,) and slopes (m, d)."""


@runtime_checkable
class PathwisePosterior(Posterior, Protocol):
    """A posterior from which whole functions are drawn."""

    def function_draw(self, rng: np.random.Generator, n_frequencies: int) -> FunctionDraw:
        """Return a function whose prior part is a sum of so many random Fourier features."""


@runtime_checkable
class StackablePosterior(DifferentiablePosterior, Protocol):
    """A posterior whose fantasies are its last rows, so that it serves points that know fewer of them too."""

    @property
    def n_rows(self) -> int:
        """How many values and fantasies it is given."""

    def moments_and_gradients(
        self, points: Array, n_known: NDArray[np.intp] | None = None
    ) -> tuple[Array, Array, Array, Array]:
        """Return what a differentiable posterior does, each point knowing of its first rows only, (m,)."""


class ProcessPosterior(DifferentiablePosterior, Protocol):
    """A posterior that is one Gaussian process, normal on a latent scale of the values."""

    @property
    def amplitude(self) -> float:
        """Variance of the function, latent."""

    @property
    def noise(self) -> float:
        """Variance of an evaluation, latent."""

    @property
    def scale(self) -> OutcomeTransform:
        """Between the values' units and the latent ones."""


@runtime_checkable
class LearnedProcess(ProcessPosterior, Protocol):
    """A Gaussian process that says what it learned of the function and of its noise."""

    @property
    def axis_lengths(self) -> Array:
        """Length scale along each axis of the unit cube, (d,)."""

    @property
    def warp(self) -> Warp | None:
        """How the axes are warped; None for not at all."""


class CorrelatedProcess(ProcessPosterior, Protocol):
    """A Gaussian process that knows how values at different points go together."""

    def covariance(self, points: Array, others: Array) -> Array:
        """Return the covariance between unit points (m, d) and others (r, d), latent, shape (m, r)."""


@runtime_checkable
class ReplicationPosterior(CorrelatedProcess, JointPosterior, Protocol):
    """A Gaussian process that tells what one more evaluation of a known point is worth."""

    @property
    def standardized(self) -> Posterior:
        """The same posterior in the latent units, in which values are standardized."""

    def fantasize(self, points: Array) -> ReplicationPosterior:
        """Return the posterior given also what it expects at unit points (m, d)."""


@runtime_checkable
class ExactProcess(ProcessPosterior, Protocol):
    """A Gaussian process given values at rows, with a factor of their covariance: what can be drawn there.

    A row is an evaluated, failed or pending point; all is on the latent scale.
    """

    @property
    def kernel(self) -> Kernel:
        """The kernel's profile."""

    @property
    def mean(self) -> float:
        """Constant mean."""

    @property
    def scaled(self) -> Array:
        """Features of the rows over their length scales, (n, D)."""

    @property
    def values(self) -> Array:
        """Of the rows, (n,)."""

    @property
    def factor(self) -> Array:
        """Lower Cholesky factor of the values' covariance, noise included, (n, n)."""

    @property
    def alpha(self) -> Array:
        """covariance⁻¹ (values - mean), (n,)."""

    def encode(self, points: Array) -> Array:
        """Return features of unit points (m, d) over their length scales, axes warped, (m, D)."""

    def cross_covariance(self, scaled: Array) -> Array:
        """Return the function's covariance between encoded points (m, D) and the rows, (m, n)."""

    def pulled_back(self, points: Array, to_scaled: Array) -> Array:
        """Return slopes by unit points (m, d) from slopes by features (m, D); 0 along categories."""


class LeftOut(NamedTuple):
    """How each value is predicted from all others, with the hyperparameters as they are; latent.

    Attributes:
        values: of each of c quantities, (c, n).
        errors: values minus predictions, (c, n).
        variances: of the predictions, noise included, (c, n).
        weights: how much each quantity counts, (c,).
    """

    values: Array
    errors: Array
    variances: Array
    weights: Array


@runtime_checkable
class LeaveOneOutPosterior(Protocol):
    """A posterior that predicts each of its values from all others."""

    def left_out(self) -> LeftOut:
        """Return the predictions and what they are off by."""


@runtime_checkable
class ResidualPosterior(Posterior, Protocol):
    """A posterior around a trend that is taken for certain."""

    @property
    def residual(self) -> Posterior:
        """The posterior of what the trend leaves."""


@runtime_checkable
class WarpedPosterior(Posterior, Protocol):
    """A posterior that is normal on another, increasing scale of the values."""

    @property
    def latent(self) -> Posterior:
        """The same belief on that scale."""


@runtime_checkable
class QuickMeans(Protocol):
    """A posterior that knows its means far cheaper than its deviations."""

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,)."""


@runtime_checkable
class Surrogate(Protocol):
    """Anything that turns training data into a posterior.  Implementations are frozen dataclasses."""

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior given the training data."""


@runtime_checkable
class Trainable(Surrogate, Protocol):
    """A surrogate with hyperparameters that are learned now and then and carried in between."""

    def train(self, data: TrainingData, memory: Memory) -> tuple[Surrogate, Memory]:
        """Return a surrogate with its hyperparameters fixed, and the memory that restores them.

        Deterministic in its arguments.  ``memory`` is what the previous call returned ({} at
        first); whether to learn anew or to keep what it holds is decided here.
        """


@runtime_checkable
class Selective(Surrogate, Protocol):
    """A surrogate that learns from a part of the training data where there is much of it."""

    def relevant(self, data: TrainingData) -> TrainingData:
        """Return the part that it learns from, all of which an acquisition can afford to look at."""


@runtime_checkable
class WrapsSurrogate(Surrogate, Protocol):
    """A surrogate that hands another one a part of the training data."""

    @property
    def learner(self) -> Surrogate:
        """The other surrogate."""


def learner_of(surrogate: Surrogate) -> Surrogate:
    """Return the surrogate that learns: the wrapped one, or the surrogate itself."""
    return surrogate.learner if isinstance(surrogate, WrapsSurrogate) else surrogate


@runtime_checkable
class ReplicateAware(Surrogate, Protocol):
    """A surrogate that may honour ``TrainingData.replicates``."""

    @property
    def takes_replicates(self) -> bool:
        """Whether it does."""


def takes_replicates(surrogate: Surrogate) -> bool:
    """Return whether a surrogate honours ``TrainingData.replicates``."""
    return isinstance(surrogate, ReplicateAware) and surrogate.takes_replicates


@runtime_checkable
class Transferable(Surrogate, Protocol):
    """A surrogate that may be put around what source studies found; see ``surrogates.transfer``."""

    @property
    def transfer_base(self) -> Trainable | None:
        """What is put around it: a Gaussian process of one kernel; None where there is none."""
