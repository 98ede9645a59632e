"""Many draws of a composite objective, evaluated together: of components, centre and loadings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates import linalg
from smbo.surrogates.gp.fourier_features import FourierFeatures
from smbo.surrogates.gp.kernels import SquaredExponential
from smbo.surrogates.multi_output import quadratic_trend as trend
from smbo.surrogates.multi_output.composite_sample import ComponentsPosterior
from smbo.surrogates.multi_output.loss_moments import Form
from smbo.surrogates.multi_output.quadratic_trend import QuadraticTrendPosterior
from smbo.training_data import Array


@dataclass(frozen=True, eq=False)
class ComponentDraws:
    """k pathwise draws of a GP with a quadratic trend, which share their frequencies.

    Attributes:
        posterior: of which they are draws.
        levels: constant parts, (k,).
        slopes: of the linear parts, (D, k).
        bends: of the quadratic parts xᵀ bend x, symmetric, (D, D, k).
        waves: the squared exponential parts, weights (2l, k), over features in units of ``lengths``.
        lengths: (D,).
        updates: covariance⁻¹ (values - prior - draws of the noise), (n, k).
    """

    posterior: QuadraticTrendPosterior
    levels: Array
    slopes: Array
    bends: Array
    waves: FourierFeatures
    lengths: Array
    updates: Array

    @classmethod
    def of(
        cls,
        posterior: QuadraticTrendPosterior,
        rng: np.random.Generator,
        k: int,
        n_frequencies: int,
        boldness: float,
    ) -> ComponentDraws:
        """Return k draws of the posterior, their deviations from its mean times ``boldness``."""
        amplitude, linear, quadratic, lengths = trend.parts(posterior.theta)
        d, n = len(lengths), len(posterior.values)
        square = np.sqrt(quadratic) * rng.standard_normal((d, d, k))
        waves = FourierFeatures.of(SquaredExponential(), amplitude, d, n_frequencies, rng, n_draws=k)
        levels = np.sqrt(trend.CONSTANT) * rng.standard_normal(k)
        slopes = np.sqrt(linear) * rng.standard_normal((d, k))
        bends = 0.5 * (square + square.transpose(1, 0, 2))
        prior = cls(posterior, levels, slopes, bends, waves, lengths, np.zeros((n, k)))
        drawn = prior(posterior.features) + np.sqrt(posterior.noises)[:, None] * rng.standard_normal((n, k))
        updates = linalg.solve(posterior.factor, posterior.values[:, None] - drawn)
        return cls(
            posterior,
            boldness * levels,
            boldness * slopes,
            boldness * bends,
            replace(waves, weights=boldness * waves.weights),
            lengths,
            posterior.alpha[:, None] + boldness * (updates - posterior.alpha[:, None]),
        )

    def __call__(self, features: Array) -> Array:
        """Return the values of all draws at features (m, D), (m, k)."""
        d = features.shape[1]
        products = (features[:, :, None] * features[:, None, :]).reshape(len(features), d * d)
        values = self.levels + features @ self.slopes + products @ self.bends.reshape(d * d, -1)
        cross = trend.covariance(self.posterior.theta, features, self.posterior.features)
        return np.asarray(values + self.waves(features / self.lengths) + cross @ self.updates)

    def of_rows(self, features: Array, draws: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return values (m,) and slopes (m, D) at features (m, D), of one draw at each, (m,)."""
        phases = (features / self.lengths) @ self.waves.frequencies
        cosine, sine = np.cos(phases), np.sin(phases)
        even, odd = np.split(self.waves.weights[:, draws].T, 2, axis=1)
        turned = np.einsum("mi,ijm->mj", features, self.bends[:, :, draws])
        linear = self.slopes[:, draws].T
        values = self.levels[draws] + (features * (linear + turned)).sum(axis=1)
        values += (cosine * even + sine * odd).sum(axis=1)
        slopes = linear + 2.0 * turned
        slopes += ((cosine * odd - sine * even) @ self.waves.frequencies.T) / self.lengths
        more, more_slopes = trend.weighted_rows(self.posterior, features, self.updates[:, draws].T)
        return values + more, slopes + more_slopes


@dataclass(frozen=True, eq=False)
class CompositeDraws:
    """Losses of k draws of the outputs.

    Attributes:
        posterior: of which they are draws.
        forms: the loss of components, with centre and loadings drawn, for each draw.
        components: draws of each component.
    """

    posterior: ComponentsPosterior
    forms: tuple[Form, ...]
    components: tuple[ComponentDraws, ...]

    @classmethod
    def of(
        cls,
        posterior: ComponentsPosterior,
        rng: np.random.Generator,
        k: int,
        n_frequencies: int,
        boldness: float,
    ) -> CompositeDraws:
        """Return k draws of the posterior; ``boldness`` is a factor on the components' deviations alone."""
        forms = tuple(posterior.form.drawn_given_components(posterior.basis, rng) for _ in range(k))
        components = tuple(
            ComponentDraws.of(each, rng, k, n_frequencies, boldness) for each in posterior.components
        )
        return cls(posterior, forms, components)

    def __len__(self) -> int:
        return len(self.forms)

    def __call__(self, points: Array) -> Array:
        """Return the losses of all draws at unit points (m, d), (m, k)."""
        features = self.posterior.encoder.encode(points)
        drawn = [each(features) for each in self.components]
        values = np.moveaxis(np.array(drawn).reshape(len(drawn), len(points), len(self)), 0, 2)
        if self.posterior.trend is not None:
            values = values + self.posterior.trend(points)[0][:, None]
        found = [form.of_components(values[:, k]) for k, form in enumerate(self.forms)]
        return np.array(found).T

    def in_units(self, points: Array) -> Array:
        """Return the losses of all draws at unit points (m, d), (m, k)."""
        return self(points)

    def of_rows(self, points: Array, draws: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return losses (m,) and slopes (m, d) at unit points (m, d), of one draw at each, (m,)."""
        features = self.posterior.encoder.encode(points)
        found = [each.of_rows(features, draws) for each in self.components]
        components = np.array([value for value, _ in found]).T.reshape(len(points), len(found))
        by_feature = np.array([slope for _, slope in found]).reshape(len(found), *features.shape)
        if self.posterior.trend is not None:
            around, to_around = self.posterior.trend(points)
            components, by_feature = components + around, by_feature + to_around
        losses, to_components = np.empty(len(points)), np.empty_like(components)
        for k, rows in _by_draw(draws):
            losses[rows] = self.forms[k].of_components(components[rows])
            to_components[rows] = self.forms[k].slopes(components[rows], np.zeros_like(components[rows]))[0]
        slopes = np.einsum("mc,cmj->mj", to_components, by_feature)
        return losses, self.posterior.by_axis(slopes)


def _by_draw(draws: NDArray[np.intp]) -> Sequence[tuple[int, NDArray[np.intp]]]:
    """Return each draw that occurs, with its rows."""
    order = np.argsort(draws, kind="stable")
    numbers, first = np.unique(draws[order], return_index=True)
    return list(zip(numbers.tolist(), np.split(order, first[1:])))
