"""Posterior of a composite objective: of vector outputs and of their loss, without evaluation noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from smbo.surrogates import linalg
from smbo.surrogates.base import DifferentiablePosterior, LeftOut
from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.multi_output.component_trend import ComponentTrend
from smbo.surrogates.multi_output.composite_draws import CompositeDraws
from smbo.surrogates.multi_output.composite_sample import CompositeSample
from smbo.surrogates.multi_output.loss_moments import Form, SquaredForm
from smbo.surrogates.multi_output.pca import Basis
from smbo.surrogates.multi_output.quadratic_trend import QuadraticTrendPosterior, redrawn
from smbo.training_data import Array

_TINY = 1e-300
# Relative to the mean loss: smaller differences from the lowest possible loss are rounding errors.
_MIN_RELATIVE_EXCESS = 1e-9


@dataclass(frozen=True, eq=False)
class CompositePosterior:
    """The posterior of vector outputs and of their loss, without evaluation noise.

    Attributes:
        basis: between outputs and components.
        form: the loss as a function of components.
        components: the posterior of each component, c of them.
        encoder: encoding of unit points.
        n_axes: number of columns of a unit point, d.
        trend: of source studies, around which the components are modelled; None without.
    """

    basis: Basis
    form: Form
    components: Sequence[QuadraticTrendPosterior]
    encoder: Features
    n_axes: int
    trend: ComponentTrend | None = None

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the loss at unit points (m, d), each (m,)."""
        mean, variance = self.form.moments(*self.components_at(points))
        return mean, np.sqrt(np.maximum(variance, _TINY))

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d)."""
        mean, variance, to_mean, to_variance = self.loss_and_gradients(points)
        std = np.sqrt(variance)
        return mean, std, to_mean, to_variance / (2.0 * std[:, None])

    @property
    def latent(self) -> DifferentiablePosterior:
        """The posterior of the logarithm of a loss with a lowest value, closer to normal than the loss."""
        return self if self.form.lowest is None else LogLossPosterior(self, self.form.lowest)

    def fantasize(self, points: Array) -> CompositePosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        features = self.encoder.encode(points)
        return replace(self, components=tuple(each.fantasized(features) for each in self.components))

    def outputs(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the outputs at unit points (m, d), each (m, k)."""
        means, variances = self.components_at(points)
        return self.basis.outputs(means), np.sqrt(variances @ self.basis.loadings.T**2)

    def outputs_at(self, point: Array) -> tuple[Array, Array, Array]:
        """Return mean, derivatives and covariance factor of the outputs at one unit point (d,).

        Returns:
            mean (k,); its derivatives by the unit coordinates (k, d), zero along categorical axes;
            factor (k, c) of the covariance factor factorᵀ.
        """
        means, variances, by_means, _ = self.components_and_gradients(point[None])
        slopes = self.basis.loadings @ np.array([self.by_axis(each)[0] for each in by_means]).reshape(
            len(by_means), self.n_axes
        )
        return self.basis.outputs(means[0]), slopes, self.basis.loadings * np.sqrt(variances[0])

    @property
    def processes(self) -> tuple[ComponentProcess, ...]:
        """The posterior of each component at unit points, for the value of a repeat."""
        return tuple(ComponentProcess(each, self.encoder) for each in self.components)

    def loss_of_moments(self, means: Array, variances: Array) -> Array:
        """Return the expected loss for means and variances of the components, each (m, c), shape (m,)."""
        return self.form.moments(means, variances)[0]

    def draws(self, points: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the loss at unit points (m, d), shape (m, n)."""
        features = self.encoder.encode(points)
        found = [linalg.draws(*each.joint(features), n, rng) for each in self.components]
        stacked = np.moveaxis(np.array(found).reshape(len(found), len(points), n), 0, 2)
        around = 0.0 if self.trend is None else self.trend(points)[0][:, None]
        return self.form.of_components(stacked + around)

    def function_draw(self, rng: np.random.Generator, n_frequencies: int) -> CompositeSample:
        """Return the loss of outputs drawn from the posterior, of so many random Fourier features."""
        return CompositeSample.of(self, rng, n_frequencies)

    def function_draws(
        self, rng: np.random.Generator, n: int, n_frequencies: int, boldness: float = 1.0
    ) -> CompositeDraws:
        """Return n draws of the loss, to be evaluated together; centre and loadings are drawn too.

        Args:
            boldness: factor on the deviations of components from their means.
        """
        return CompositeDraws.of(self, rng, n, n_frequencies, boldness)

    def redrawn(self, n: int, rng: np.random.Generator) -> list[CompositePosterior]:
        """Return n posteriors whose components' hyperparameters are drawn."""
        drawn = [redrawn(each, n, rng) for each in self.components]
        return [replace(self, components=tuple(each[k] for each in drawn)) for k in range(n)]

    def left_out(self) -> LeftOut:
        """Return how each component of an evaluation, noise included, is predicted from all others."""
        n = len(self.components[0].values) if self.components else 0
        shape = (len(self.components), n)
        values = np.array([each.values for each in self.components]).reshape(shape)
        precisions = [linalg.inverse(each.factor) for each in self.components]
        variances = 1.0 / np.array([np.diagonal(each) for each in precisions]).reshape(
            len(self.components), n
        )
        errors = np.array([each.alpha for each in self.components]).reshape(shape) * variances
        # components are weighted by their effect on the loss
        form = self.form
        weights = np.diagonal(form.value.gram) if isinstance(form, SquaredForm) else np.ones(len(values))
        return LeftOut(values, errors, variances, weights)

    def loss_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and variance of the loss, each (m,), and their gradients, each (m, d)."""
        means, variances, by_means, by_variances = self.components_and_gradients(points)
        mean, variance = self.form.moments(means, variances)
        mean_m, mean_v, variance_m, variance_v = self.form.slopes(means, variances)
        to_mean = _chained(mean_m, by_means) + _chained(mean_v, by_variances)
        to_variance = _chained(variance_m, by_means) + _chained(variance_v, by_variances)
        return mean, np.maximum(variance, _TINY), self.by_axis(to_mean), self.by_axis(to_variance)

    def components_at(self, points: Array) -> tuple[Array, Array]:
        """Return mean and variance of the components at unit points (m, d), each (m, c)."""
        features = self.encoder.encode(points)
        pairs = [each.moments(features) for each in self.components]
        shape = (len(points), len(pairs))
        means = np.array([mean for mean, _ in pairs]).T.reshape(shape)
        if self.trend is not None:
            means = means + self.trend(points)[0]
        return means, np.array([variance for _, variance in pairs]).T.reshape(shape)

    def components_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and variance of the components, (m, c), and their slopes by features, (c, m, D)."""
        features = self.encoder.encode(points)
        found = [each.moments_and_gradients(features) for each in self.components]
        shape, deep = (len(points), len(found)), (len(found), *features.shape)
        means = np.array([each[0] for each in found]).T.reshape(shape)
        variances = np.array([each[1] for each in found]).T.reshape(shape)
        by_means = np.array([each[2] for each in found]).reshape(deep)
        if self.trend is not None:
            around, slopes = self.trend(points)
            means, by_means = means + around, by_means + slopes
        return means, variances, by_means, np.array([each[3] for each in found]).reshape(deep)

    def by_axis(self, by_feature: Array) -> Array:
        """Return slopes by unit coordinates, (m, d), from those by features, (m, D)."""
        coordinates = self.encoder.coordinates
        if coordinates.all():
            return by_feature
        out = np.zeros((len(by_feature), self.n_axes))
        out[:, self.encoder.columns[coordinates]] = by_feature[:, coordinates]
        return out


@dataclass(frozen=True, eq=False)
class ComponentProcess:
    """The posterior of one component at unit points, standardized as the component is."""

    component: QuadraticTrendPosterior
    encoder: Features

    @property
    def standardized(self) -> ComponentProcess:
        """The posterior itself."""
        return self

    @property
    def noise(self) -> float:
        """Variance of a typical evaluation."""
        return float(np.median(self.component.noises))

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, variance = self.component.moments(self.encoder.encode(points))
        return mean, np.sqrt(variance)

    def joint(self, points: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) at unit points (m, d)."""
        return self.component.joint(self.encoder.encode(points))

    def covariance(self, points: Array, others: Array) -> Array:
        """Return the covariance between unit points (m, d) and others (r, d), (m, r)."""
        both = np.concatenate([points, others])
        return self.joint(both)[1][: len(points), len(points) :]

    def fantasize(self, points: Array) -> ComponentProcess:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return replace(self, component=self.component.fantasized(self.encoder.encode(points)))


@dataclass(frozen=True, eq=False)
class LogLossPosterior:
    """The logarithm of the loss above its lowest value, as normal: a lognormal fitted to its moments.

    With the mean μ and variance v of the loss above its lowest value, the logarithm has variance
    s² = log(1 + v / μ²) and mean log μ - s² / 2.
    """

    of: CompositePosterior
    lowest: float

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, std = self.of.moments(points)
        above = self._above(mean)
        width = np.log1p((std / above) ** 2)
        return np.log(above) - 0.5 * width, np.sqrt(width)

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d)."""
        mean, variance, to_mean, to_variance = self.of.loss_and_gradients(points)
        above = self._above(mean)
        ratio = variance / above**2
        width = np.log1p(ratio)
        # d ratio = d variance / mean² - 2 ratio d mean / mean
        to_ratio = to_variance / above[:, None] ** 2 - (2.0 * ratio / above)[:, None] * to_mean
        to_width = to_ratio / (1.0 + ratio)[:, None]
        std = np.sqrt(width)
        return (
            np.log(above) - 0.5 * width,
            std,
            to_mean / above[:, None] - 0.5 * to_width,
            to_width / (2.0 * std[:, None]),
        )

    def _above(self, mean: Array) -> Array:
        return np.maximum(mean - self.lowest, _MIN_RELATIVE_EXCESS * np.abs(mean) + _TINY)


def _chained(outer: Array, inner: Array) -> Array:
    """Return Σ_c outer (m, c) inner (c, m, D), shape (m, D)."""
    return np.einsum("mc,cmj->mj", outer, inner)
