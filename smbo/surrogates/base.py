"""Protocols of surrogates and posteriors, between training data and acquisition.

Each optional ability, such as gradients or fantasies, is a small protocol that is looked up once for a
proposal or a criterion.  Surrogates and posteriors declare their abilities themselves; a wrapper declares
those of the surrogate it wraps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.gp.input_warping import Warp
from smbo.surrogates.gp.kernels import Kernel
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import Ability, Array, TrainingData

# What a recipe carries from one proposal to the next, such as learned hyperparameters; plain JSON values,
# which are stored with the study.
Memory: TypeAlias = Mapping[str, Any]


@runtime_checkable
class Posterior(Ability, Protocol):
    """The posterior distribution of the objective, without the noise of its evaluations."""

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points of shape (m, d), each of shape (m,)."""


@runtime_checkable
class DifferentiablePosterior(Posterior, Protocol):
    """A posterior with gradients of its mean and standard deviation."""

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,), d mean / d points (m, d) and d std / d points (m, d)."""


@runtime_checkable
class ExtendablePosterior(Posterior, Protocol):
    """A posterior that can be conditioned on fantasies (its own means) at pending points."""

    def fantasize(self, points: Array) -> Posterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""


@runtime_checkable
class ConditionablePosterior(Posterior, Protocol):
    """A posterior that can be conditioned on further values without a new fit."""

    def condition_on(self, points: Array, values: Array) -> Posterior:
        """Return the posterior given also values (m,) at unit points (m, d)."""


@runtime_checkable
class MultiObjectivePosterior(Posterior, Protocol):
    """A posterior of several objectives, with its own centres of local search and handling of failures."""

    def all_moments(self, points: Array) -> tuple[Array, Array]:
        """Return means and standard deviations at unit points (n, d), each (n, m)."""

    def centres(self, data: TrainingData) -> Array:
        """Return evaluated unit points around which candidates are to be concentrated, (k, d)."""

    def with_pessimistic_values(self, failed: Array, known: Array) -> Posterior:
        """Return the posterior conditioned on pessimistic values at failed unit points (m, d).

        They are the larger of the posterior mean there and the highest mean at the known points (r, d).
        """


@runtime_checkable
class LatentObjectives(Ability, Protocol):
    """A posterior of several objectives that is a Gaussian process for each on an increasing scale."""

    @property
    def latents(self) -> tuple[ExactProcess, ...]:
        """The posteriors on these scales."""

    def latent_means(self, points: Array) -> Array:
        """Return the means at unit points (n, d) on these scales, (n, m)."""

    def to_latent(self, values: Array) -> Array:
        """Return a value of each objective, (m,), on its scale."""

    @property
    def beliefs(self) -> tuple[FidelitiesPosterior, ...]:
        """The posteriors at all fidelities; () at a single one."""


@runtime_checkable
class LevelSetPosterior(Posterior, Protocol):
    """A posterior of the functions of a level set, each a Gaussian process on its latent scale."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the functions, k of them."""

    @property
    def processes(self) -> Sequence[CorrelatedProcess]:
        """The posterior of each function, k of them."""

    @property
    def beliefs(self) -> tuple[FidelitiesPosterior, ...]:
        """The posterior of each function at all fidelities; () at a single one."""

    @property
    def levels(self) -> Array:
        """The levels on the latent scales, (k,)."""

    def offsets(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of function minus level at unit points (m, d), each (k, m)."""

    def value_moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the functions at unit points (m, d), each (k, m)."""

    def above(self, points: Array) -> Array:
        """Return the probability that each function is above its level at unit points (m, d), (k, m)."""

    @property
    def height(self) -> float:
        """Standard deviation of structure that no evaluation has shown, latent."""

    def hidden(self, points: Array) -> Array:
        """Return the probability of structure that no evaluation has shown, at unit points (m, d), (m,)."""

    def seen(self, points: Array, others: Array) -> Array:
        """Return the probability that structure at unit points (m, d) shows at others (r, d), (m, r)."""


@runtime_checkable
class JointPosterior(Posterior, Protocol):
    """A posterior with a joint covariance over several points."""

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) of the values at unit points (m, d)."""


@runtime_checkable
class DrawnPosterior(Posterior, Protocol):
    """A posterior that draws values jointly at several points; for posteriors that are not normal."""

    def draws(self, points: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the values at unit points (m, d), shape (m, n)."""


class FunctionDraw(Ability, Protocol):
    """One function drawn from a posterior; repeated evaluations agree."""

    @property
    def posterior(self) -> Posterior:
        """The posterior that the function is drawn from, in the units of the draw."""

    def __call__(self, points: Array) -> Array:
        """Return the values of the draw at unit points (m, d), shape (m,)."""

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the values (m,) and slopes (m, d) of the draw."""


@runtime_checkable
class PathwisePosterior(Posterior, Protocol):
    """A posterior that draws whole functions (pathwise sampling)."""

    def function_draw(self, rng: np.random.Generator, n_frequencies: int) -> FunctionDraw:
        """Return a function whose prior part is a sum of so many random Fourier features."""


class FunctionDraws(Protocol):
    """k functions drawn from a posterior, evaluated together."""

    def __len__(self) -> int: ...

    def __call__(self, points: Array) -> Array:
        """Return the values of all draws at unit points (m, d), on the scale of the draws, (m, k)."""

    def in_units(self, points: Array) -> Array:
        """Return the values of all draws at unit points (m, d) in the training data's units, (m, k)."""

    def of_rows(self, points: Array, draws: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return values (m,) and slopes (m, d) at unit points (m, d), of one draw at each, (m,)."""


@runtime_checkable
class FunctionsPosterior(Protocol):
    """A posterior that draws many whole functions together, for claims about the optimum."""

    def function_draws(
        self, rng: np.random.Generator, n: int, n_frequencies: int, boldness: float = 1.0
    ) -> FunctionDraws:
        """Return n functions.

        Args:
            n_frequencies: random Fourier features of their prior part.
            boldness: factor on the deviations of draws from their mean.
        """


@runtime_checkable
class RedrawnPosterior(FunctionsPosterior, Protocol):
    """A posterior that draws its own hyperparameters anew."""

    def redrawn(self, n: int, rng: np.random.Generator) -> Sequence[FunctionsPosterior]:
        """Return n posteriors with hyperparameters drawn around the learned ones."""


@runtime_checkable
class StackablePosterior(DifferentiablePosterior, Protocol):
    """A posterior whose last rows are fantasies, so that it also gives moments without the last ones."""

    @property
    def n_rows(self) -> int:
        """Number of values and fantasies that the posterior is conditioned on."""

    def moments_and_gradients(
        self, points: Array, n_known: NDArray[np.intp] | None = None
    ) -> tuple[Array, Array, Array, Array]:
        """Return moments and gradients, at each point conditioned on its first n_known rows only, (m,)."""


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
        """The transform between the values' units and the latent ones."""


@runtime_checkable
class LatentProcess(ProcessPosterior, Protocol):
    """A Gaussian process that gives its moments in the latent units too."""

    @property
    def standardized(self) -> Posterior:
        """The same posterior in the latent units, in which values are standardized."""


@runtime_checkable
class LearnedProcess(ProcessPosterior, Protocol):
    """A Gaussian process with its learned hyperparameters."""

    @property
    def axis_lengths(self) -> Array:
        """Length scale along each axis of the unit cube, (d,)."""

    @property
    def warp(self) -> Warp | None:
        """Input warping of the axes; None without."""


class CorrelatedProcess(ProcessPosterior, Protocol):
    """A Gaussian process with the covariance between points."""

    def covariance(self, points: Array, others: Array) -> Array:
        """Return the covariance between unit points (m, d) and others (r, d), latent, shape (m, r)."""


@runtime_checkable
class ReplicationPosterior(JointPosterior, Protocol):
    """A Gaussian process for the value of one more evaluation of a known point (replication)."""

    @property
    def noise(self) -> float:
        """Variance of an evaluation, latent."""

    @property
    def standardized(self) -> Posterior:
        """The same posterior in the latent units, in which values are standardized."""

    def covariance(self, points: Array, others: Array) -> Array:
        """Return the covariance between unit points (m, d) and others (r, d), latent, shape (m, r)."""

    def fantasize(self, points: Array) -> ReplicationPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""


@runtime_checkable
class LossOfProcesses(Posterior, Protocol):
    """A posterior of a loss of several independent Gaussian processes."""

    @property
    def processes(self) -> Sequence[ReplicationPosterior]:
        """The posterior of each, c of them."""

    def loss_of_moments(self, means: Array, variances: Array) -> Array:
        """Return the expected loss for means and variances of the processes, each (m, c), shape (m,)."""


@runtime_checkable
class ExactProcess(ProcessPosterior, Protocol):
    """A Gaussian process conditioned on rows of values, with the Cholesky factor of their covariance.

    A row is an evaluated, failed or pending point; all quantities are on the latent scale.
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
        """Values of the rows, (n,)."""

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
    """Leave-one-out predictions with fixed hyperparameters, on the latent scale.

    Attributes:
        values: of each of c quantities, (c, n).
        errors: values minus predictions, (c, n).
        variances: of the predictions, noise included, (c, n).
        weights: of the quantities in a score, (c,).
    """

    values: Array
    errors: Array
    variances: Array
    weights: Array


@runtime_checkable
class LeaveOneOutPosterior(Ability, Protocol):
    """A posterior with leave-one-out predictions."""

    def left_out(self) -> LeftOut:
        """Return values, errors and variances of the leave-one-out predictions."""


@runtime_checkable
class ResidualPosterior(Posterior, Protocol):
    """A posterior of a known trend plus an uncertain residual."""

    @property
    def residual(self) -> Posterior:
        """The posterior of the residual."""


@runtime_checkable
class WarpedPosterior(Posterior, Protocol):
    """A posterior that is normal on an increasing transform of the values (the latent scale)."""

    @property
    def latent(self) -> Posterior:
        """The same posterior on the latent scale."""


@runtime_checkable
class QuickMeans(Ability, Protocol):
    """A posterior whose means cost far less than its standard deviations."""

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,)."""


@runtime_checkable
class Surrogate(Ability, Protocol):
    """A regression model that gives a posterior.  Implementations are frozen dataclasses.

    >>> isinstance(GP(), Surrogate)
    True
    """

    def fit(self, data: TrainingData) -> Posterior:
        """Return the posterior given the training data."""


@runtime_checkable
class Trainable(Surrogate, Protocol):
    """A surrogate whose hyperparameters are learned at some proposals and carried in the memory between."""

    def train(self, data: TrainingData, memory: Memory) -> tuple[Surrogate, Memory]:
        """Return a surrogate with its hyperparameters fixed, and the memory that restores them.

        Deterministic in its arguments.  ``memory`` is what the previous call returned ({} at
        first); this method decides whether to learn again or to keep the hyperparameters in it.
        """


class ObjectivePosterior(Posterior, Protocol):
    """A posterior of one of several objectives, on its scale and on the latent one, on which it is normal."""

    @property
    def latent(self) -> ObjectivePosterior: ...

    def means_only(self, points: Array) -> Array:
        """Return the means at unit points (m, d), shape (m,)."""

    def fantasize(self, points: Array) -> ObjectivePosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""

    def condition_on(self, points: Array, values: Array) -> ObjectivePosterior:
        """Return the posterior given also values (m,) at unit points (m, d)."""


class FidelitiesPosterior(Protocol):
    """A posterior of one quantity at all fidelities."""

    @property
    def highest(self) -> ObjectivePosterior:
        """The posterior at the highest fidelity, given the results of all."""

    def revealed(self, points: Array, fidelity_gap: float, growth: float = 1.0) -> Array:
        """Return how much an evaluation at unit points (m, d) is to move the highest's mean, (m,).

        As a share of its standard deviation there, above 0 and up to 1.


        Args:
            fidelity_gap, growth: of the evaluation, see ``FidelityResults``.
        """

    def one_more(
        self, points: Array, fidelity_gap: float, growth: float = 1.0, places: Array | None = None
    ) -> Array:
        """Return by how much an evaluation at unit points (m, d) is to move the highest's mean, latent, (m,).

        Args:
            places: other unit points (r, d) at which the mean moves; the result then is (r, m), signed.
        """

    def fantasize(self, points: Array) -> FidelitiesPosterior:
        """Return the posterior given also its own means as values in full at unit points (m, d)."""


@runtime_checkable
class FitsFidelities(Surrogate, Protocol):
    """A surrogate with a posterior of all fidelities."""

    def fit_curves(self, training_data: TrainingData) -> FidelitiesPosterior:
        """Return the posterior at all fidelities; ``training_data.fidelities`` is needed."""


def is_learning_due(n: int, n_learned: int, always_until: int, growth: float) -> bool:
    """Return whether hyperparameters learned from n_learned values are to be learned again from n values.

    Args:
        always_until: number of values up to which hyperparameters are learned at every change.
        growth: relative growth of the number of values after which they are learned beyond that.
    """
    if n <= always_until:
        return n != n_learned
    return n < n_learned or n >= n_learned * (1.0 + growth)


@runtime_checkable
class Selective(Surrogate, Protocol):
    """A surrogate that is fitted to a part of the training data when there is much of it."""

    def relevant(self, data: TrainingData) -> TrainingData:
        """Return the part that the surrogate is fitted to, small enough for an acquisition to loop over."""


@runtime_checkable
class WrapsSurrogate(Surrogate, Protocol):
    """A surrogate that fits another one, such as to a part of the training data."""

    @property
    def learner(self) -> Surrogate:
        """The wrapped surrogate."""


def learner_of(surrogate: Surrogate) -> Surrogate:
    """Return the wrapped surrogate of a wrapper, else the surrogate itself."""
    return surrogate.learner if isinstance(surrogate, WrapsSurrogate) else surrogate


@runtime_checkable
class ReplicateAware(Surrogate, Protocol):
    """A surrogate that may be told of a point several times, with noise, and may say so."""

    @property
    def takes_replicates(self) -> bool:
        """Whether it does; of one value replicates are merged then (``TrainingData.replicates``)."""


def takes_replicates(surrogate: Surrogate) -> bool:
    """Return whether a surrogate takes replicates (``TrainingData.replicates``)."""
    return isinstance(surrogate, ReplicateAware) and surrogate.takes_replicates


@runtime_checkable
class TakesSources(Surrogate, Protocol):
    """A surrogate of several quantities, each of which may have a trend of source studies."""

    def with_sources(self, sources: Sequence[Sequence[Any]]) -> Surrogate:
        """Return the surrogate with source studies (``SourceData``), of each objective or with outputs."""


@runtime_checkable
class Transferable(Surrogate, Protocol):
    """A surrogate that may model the residual of source studies; see ``surrogates.transfer``."""

    @property
    def transfer_base(self) -> Surrogate:
        """The surrogate that transfer is based on, a Gaussian process of one kernel."""
