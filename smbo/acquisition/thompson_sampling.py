"""Thompson sampling: minimise one function drawn from the posterior.

A draw of a Gaussian process is a function that can be evaluated anywhere: a draw of the prior by
random Fourier features, moved through the data by Matheron's rule (Wilson et al. 2020,
"Efficiently Sampling Functions from Gaussian Process Posteriors", eq. 9-13).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from smbo.acquisition.base import Criterion
from smbo.acquisition.composite_sample import CompositeSample
from smbo.acquisition.expected_improvement import normal
from smbo.acquisition.feasibility import Feasibility
from smbo.acquisition.fourier_features import FourierFeatures
from smbo.acquisition.gp_coordinates import covariance_with_rows, encoded, pulled_back
from smbo.errors import RecipeError
from smbo.surrogates import linalg
from smbo.surrogates.base import DifferentiablePosterior, Posterior
from smbo.surrogates.gp.gp import GPPosterior
from smbo.surrogates.gp.kernels import Features, Matern52, squared_distances
from smbo.surrogates.gp.marginal_likelihood import Priors
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.surrogates.multi_output.composite_posterior import CompositePosterior
from smbo.training_data import Array, TrainingData

# The covariance of a draw's prior part is off by about 1/√(frequencies).
_N_FREQUENCIES = 512


class Draw(Protocol):
    """One function, the same wherever and whenever it is evaluated."""

    def __call__(self, points: Array) -> Array:
        """Return its values at unit points (m, d), shape (m,)."""
        ...

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return its values (m,) and slopes (m, d)."""
        ...


@dataclass(frozen=True)
class ThompsonSampling:
    """Minus one function drawn from the posterior, plus the logarithm of feasibility.

    Points chosen by different draws differ by themselves, so that pending points need no fantasies:
    with a thousand of them a proposal costs what it costs with none.

    Attributes:
        seed: of the draw; a proposal sets its own.
        n_frequencies: of the features that make up a draw.
    """

    seed: int = 0
    n_frequencies: int = _N_FREQUENCIES

    def __post_init__(self) -> None:
        if self.n_frequencies < 1:
            raise RecipeError(f"n_frequencies={self.n_frequencies!r}: one at least is needed")

    def seeded(self, seed: int) -> ThompsonSampling:
        """Return the same acquisition with another draw."""
        return replace(self, seed=seed)

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        belief = posterior if isinstance(posterior, CompositePosterior) else normal(posterior)
        if isinstance(belief, GPPosterior):
            belief = replace(belief, scale=OutcomeTransform())  # a draw is in the process's own units
        rng = np.random.default_rng([self.seed, len(data.pending)])
        function = draw(belief, data, rng, self.n_frequencies)
        mean, _ = belief.moments(data.points)
        return drawn_criterion(belief, function, Feasibility.of(data), float(mean.std()))


def draw(posterior: Posterior, data: TrainingData, rng: np.random.Generator, n_frequencies: int) -> Draw:
    """Return a function drawn from a belief.

    Of a Gaussian process, and of those of vector outputs, it is a pathwise draw.  Of any other
    posterior it is its mean plus its standard deviation times a smooth field of variance one: right at
    every single point, while how points go together is the field's guess.
    """
    if isinstance(posterior, GPPosterior):
        return GPDraw.of(posterior, rng, n_frequencies)
    if isinstance(posterior, CompositePosterior):
        return CompositeSample.of(posterior, rng, n_frequencies)
    features = Features.of(data.axes)
    means, _ = Priors().moments(len(data.axes))
    lengths = np.exp(means[: len(data.axes)])[features.columns]
    field = FourierFeatures.of(Matern52(), 1.0, len(lengths), n_frequencies, rng)
    return MarginalDraw(posterior, field, features, lengths)


@dataclass(frozen=True, eq=False)
class GPDraw:
    """A draw of a Gaussian process given training data, on its latent scale.

    Attributes:
        posterior: of which it is a draw.
        prior: a draw before the training data.
        update: covariance⁻¹ (values - mean - prior - a draw of the noise), (n,).
    """

    posterior: GPPosterior
    prior: FourierFeatures
    update: Array

    @classmethod
    def of(cls, posterior: GPPosterior, rng: np.random.Generator, n_frequencies: int) -> GPDraw:
        n_features = len(posterior.lengths)
        waves = FourierFeatures.of(posterior.kernel, posterior.amplitude, n_features, n_frequencies, rng)
        # the noise's variances are what the factor holds beside the amplitude
        diagonal = np.einsum("ij,ij->i", posterior.factor, posterior.factor)
        noise = np.sqrt(np.maximum(diagonal - posterior.amplitude, 0.0))
        told = waves(posterior.scaled) + noise * rng.standard_normal(len(noise))
        update = linalg.solve(posterior.factor, posterior.values - posterior.mean - told)
        return cls(posterior, waves, update)

    def __call__(self, points: Array) -> Array:
        scaled = encoded(self.posterior, points)
        cross = covariance_with_rows(self.posterior, scaled)
        return np.asarray(self.posterior.mean + self.prior(scaled) + cross @ self.update)

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        belief = self.posterior
        scaled = encoded(belief, points)
        profile, slope = belief.kernel.profile_and_slope(squared_distances(scaled, belief.scaled))
        values, to_scaled = self.prior.with_slope(scaled)
        weights = 2.0 * belief.amplitude * slope * self.update
        to_scaled += scaled * weights.sum(axis=1)[:, None] - weights @ belief.scaled
        values += belief.mean + belief.amplitude * profile @ self.update
        return values, pulled_back(belief, points, to_scaled)


@dataclass(frozen=True, eq=False)
class MarginalDraw:
    """mean + std × field: a draw whose every value has the belief's distribution.

    Attributes:
        posterior: of which it is a draw.
        field: on features over ``lengths``, of variance one.
        features: how unit points become them.
        lengths: of each feature, (D,).
    """

    posterior: Posterior
    field: FourierFeatures
    features: Features
    lengths: Array

    def __call__(self, points: Array) -> Array:
        mean, std = self.posterior.moments(points)
        return np.asarray(mean + std * self.field(self.features.encode(points) / self.lengths))

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        assert isinstance(self.posterior, DifferentiablePosterior)
        mean, std, mean_slope, std_slope = self.posterior.moments_and_gradients(points)
        field, to_scaled = self.field.with_slope(self.features.encode(points) / self.lengths)
        smooth = self.features.coordinates
        field_slope = np.zeros_like(points)
        field_slope[:, self.features.columns[smooth]] = (to_scaled / self.lengths)[:, smooth]
        slope = mean_slope + field[:, None] * std_slope + std[:, None] * field_slope
        return np.asarray(mean + std * field), slope


@dataclass(frozen=True, eq=False)
class _Drawn:
    function: Callable[[Array], Array]
    feasibility: Feasibility | None
    weight: float

    def __call__(self, points: Array) -> Array:
        worth = -self.function(points)
        if self.feasibility is None:
            return worth
        return worth + self.weight * self.feasibility.log_probability(points)


@dataclass(frozen=True, eq=False)
class _DifferentiableDrawn(_Drawn):
    function: Draw

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        values, slope = self.function.with_gradient(points)
        if self.feasibility is None:
            return -values, -slope
        log_p, log_p_slope = self.feasibility.with_gradient(points)
        return self.weight * log_p - values, self.weight * log_p_slope - slope


def drawn_criterion(
    posterior: Posterior, function: Draw, feasibility: Feasibility | None, weight: float
) -> Criterion:
    """Return minus a draw plus a weight times log feasibility, with gradients where there are any."""
    if isinstance(posterior, DifferentiablePosterior):
        return _DifferentiableDrawn(function, feasibility, weight)
    return _Drawn(function, feasibility, weight)
