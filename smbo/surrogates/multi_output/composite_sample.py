"""Thompson samples of a composite objective: a pathwise draw of each component, and the loss of the draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import DifferentiablePosterior
from smbo.surrogates.gp.fourier_features import FourierFeatures
from smbo.surrogates.gp.kernels import Features, SquaredExponential
from smbo.surrogates.multi_output import quadratic_trend as trend
from smbo.surrogates.multi_output.component_trend import ComponentTrend
from smbo.surrogates.multi_output.loss_moments import Form
from smbo.surrogates.multi_output.pca import Basis
from smbo.surrogates.multi_output.quadratic_trend import QuadraticTrendPosterior
from smbo.training_data import Array

# Factor on the deviation of a draw from the mean, and the number of axes up to which it applies.  The errors
# of a loss of few components exceed its posterior standard deviation (measured on tunes of six parameters:
# outputs deviate from the kernel's assumptions, and errors of bins filled by the same events are
# correlated).  With a smaller factor draws find a low loss as early, but concentrate around one point:
# along directions that hardly change the loss no slope is learned, and the errors of a tune are then wrong.
# A much larger factor explores regions of high loss.  Measured by tests/benchmarks/tune/closure.py ee6n and
# ee20.
_MAX_BOLDNESS, _N_AXES_AT_MAX = 2.5, 6


def boldness(n_axes: int) -> float:
    """Return the factor by which draws of outputs deviate more from the mean than posterior draws.

    The deviations along all axes add up in the loss: with twenty axes and the factor of six axes,
    evaluations had ten times the loss of the recommended point, and hardly improved the model.
    """
    return float(_MAX_BOLDNESS * np.sqrt(min(1.0, _N_AXES_AT_MAX / n_axes)))


@dataclass(frozen=True, eq=False)
class QuadraticTrendSample:
    """A pathwise draw of a GP with a quadratic trend (Matheron's rule; see ``pathwise``).

    Attributes:
        posterior: of which it is a draw.
        level: constant part of the draw.
        slopes: of the linear part, (D,).
        bend: of the quadratic part xᵀ bend x, symmetric, (D, D).
        waves: the squared exponential part, over features in units of ``lengths``.
        lengths: (D,).
        update: covariance⁻¹ (values - prior - a draw of the noise), (n,).
    """

    posterior: QuadraticTrendPosterior
    level: float
    slopes: Array
    bend: Array
    waves: FourierFeatures
    lengths: Array
    update: Array

    @classmethod
    def of(
        cls, posterior: QuadraticTrendPosterior, rng: np.random.Generator, n_frequencies: int
    ) -> QuadraticTrendSample:
        amplitude, linear, quadratic, lengths = trend.parts(posterior.theta)
        d = len(lengths)
        square = np.sqrt(quadratic) * rng.standard_normal((d, d))
        waves = FourierFeatures.of(SquaredExponential(), amplitude, d, n_frequencies, rng)
        level = float(np.sqrt(trend.CONSTANT) * rng.standard_normal())
        slopes = np.sqrt(linear) * rng.standard_normal(d)
        prior = cls(posterior, level, slopes, 0.5 * (square + square.T), waves, lengths, np.zeros(0))
        drawn = prior._prior(posterior.features)[0]
        drawn = drawn + np.sqrt(posterior.noises) * rng.standard_normal(len(drawn))
        update = linalg.solve(posterior.factor, posterior.values - drawn)
        return cls(posterior, level, slopes, prior.bend, waves, lengths, update)

    def with_slope(self, features: Array) -> tuple[Array, Array]:
        """Return the values at features (m, D), (m,), and slopes (m, D)."""
        values, slopes = self._prior(features)
        mean, to_mean = trend.weighted(self.posterior, features, self.update)
        return values + mean, slopes + to_mean

    def _prior(self, features: Array) -> tuple[Array, Array]:
        turned = features @ self.bend
        rough, to_scaled = self.waves.with_slope(features / self.lengths)
        values = self.level + features @ self.slopes + np.einsum("mi,mi->m", turned, features) + rough
        return values, self.slopes + 2.0 * turned + to_scaled / self.lengths


class ComponentsPosterior(DifferentiablePosterior, Protocol):
    """A posterior of the components of vector outputs; see ``CompositePosterior``."""

    @property
    def basis(self) -> Basis: ...
    @property
    def form(self) -> Form: ...
    @property
    def components(self) -> Sequence[QuadraticTrendPosterior]: ...
    @property
    def encoder(self) -> Features: ...
    @property
    def n_axes(self) -> int: ...
    @property
    def trend(self) -> ComponentTrend | None: ...

    def components_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and variance of the components, (m, c), and their slopes by features, (c, m, D)."""

    def by_axis(self, by_feature: Array) -> Array:
        """Return slopes by unit coordinates, (m, d), from those by features, (m, D)."""


@dataclass(frozen=True, eq=False)
class CompositeSample:
    """The loss of drawn outputs, whose deviations from the posterior mean are enlarged by ``boldness``.

    Attributes:
        posterior: of which it is a draw.
        form: the loss of components, with centre and loadings drawn.
        components: a draw of each component.
        boldness: factor on their deviations from the mean.
    """

    posterior: ComponentsPosterior
    form: Form
    components: tuple[QuadraticTrendSample, ...]
    boldness: float

    @classmethod
    def of(
        cls,
        posterior: ComponentsPosterior,
        rng: np.random.Generator,
        n_frequencies: int,
    ) -> CompositeSample:
        """Return a draw, with the ``boldness`` for the posterior's number of axes."""
        factor = boldness(posterior.n_axes)
        form = posterior.form.drawn(posterior.basis, rng, factor)
        drawn = tuple(QuadraticTrendSample.of(each, rng, n_frequencies) for each in posterior.components)
        return cls(posterior, form, drawn, factor)

    def __call__(self, points: Array) -> Array:
        return self.form.of_components(self._components(points)[0])

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return the loss (m,) and its slopes (m, d)."""
        components, slopes = self._components(points)
        by_component, *_ = self.form.slopes(components, np.zeros_like(components))
        by_feature = np.einsum("mc,cmj->mj", by_component, slopes)
        return self.form.of_components(components), self.posterior.by_axis(by_feature)

    def _components(self, points: Array) -> tuple[Array, Array]:
        """Return the components (m, c) and their slopes by features (c, m, D)."""
        features = self.posterior.encoder.encode(points)
        found = [each.with_slope(features) for each in self.components]
        values = np.array([value for value, _ in found]).T.reshape(len(points), len(found))
        slopes = np.array([slope for _, slope in found]).reshape(len(found), *features.shape)
        if self.posterior.trend is not None:
            around, to_around = self.posterior.trend(points)
            values, slopes = values + around, slopes + to_around
        means, _, by_means, _ = self.posterior.components_and_gradients(points)
        return means + self.boldness * (values - means), by_means + self.boldness * (slopes - by_means)
