"""A surrogate of vector outputs: it models the outputs, and knows the loss on top of them.

The bins of a histogram, weighed by what they matter to the loss, move together: a few principal
components carry what a generator's settings do to them.  Each component is a process of its own; the
loss of a χ² is then a sum of squares of independent normal numbers, whose mean and variance are exact.
Far from the optimum the loss rises steeply and is no process one would model; the outputs are smooth
everywhere, and every evaluation says something of all of them.

Sources: Higdon et al. (2008), "Computer Model Calibration Using High-Dimensional Output" (principal
components of outputs, a process each); Astudillo & Frazier (2019), "Bayesian Optimization of
Composite Functions" (the acquisition on what the outputs are composed to).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smbo.errors import RecipeError
from smbo.evidence import Array, Evidence, SquaredLoss, Vectors
from smbo.surrogates import linalg, trend
from smbo.surrogates.base import Memory
from smbo.surrogates.kernels import Features
from smbo.surrogates.trend import TrendPosterior

# Of the largest component's movement: what moves less is left out, noise or not.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class Basis:
    """From outputs to components and back.

    r = root (output - data), with root² the loss's metric, so that the loss is |r|²;
    component = axesᵀ r, in units of ``sizes`` around ``centres``.

    Attributes:
        root: shape (k,).
        data: shape (k,).
        axes: orthonormal columns, shape (k, c).
        centres, sizes: of the components, shape (c,).
        rest: the loss that no component reaches.
    """

    root: Array
    data: Array
    axes: Array
    centres: Array
    sizes: Array
    rest: float

    @classmethod
    def of(cls, vectors: Vectors, n_components: int) -> Basis:
        """Return the basis of the components that the evidence shows to move."""
        loss = vectors.loss
        assert isinstance(loss, SquaredLoss)
        root = np.sqrt(loss.metric)
        residuals = root * (vectors.values - loss.data)
        # what is far from the data matters less: the loss is to be known where it is low
        losses = np.einsum("ij,ij->i", residuals, residuals)
        weights = 1.0 / np.maximum(losses, np.median(losses))
        weights /= weights.sum()
        centre = weights @ residuals
        scaled = np.sqrt(weights)[:, None] * (residuals - centre)
        _, singular, rows = np.linalg.svd(scaled, full_matrices=False)
        least = max(_noise_alone(weights, root**2 * vectors.variances), _LEAST_SHARE * float(singular[0]))
        n_kept = min(int((singular > least).sum()), n_components)
        axes = rows[:n_kept].T
        components = residuals @ axes
        centres, sizes = weights @ components, components.std(axis=0)
        off = residuals - components @ axes.T
        noise = (vectors.variances * root**2).sum(axis=1)
        noise -= np.einsum("ij,jc->i", vectors.variances * root**2, axes**2)
        # the centre and the axes follow the noise of what they are estimated from
        noise *= max(0.0, 1.0 - (1 + n_kept) / len(residuals))
        left = float(weights @ (np.einsum("ij,ij->i", off, off) - noise))
        return cls(root, loss.data, axes, centres, np.where(sizes > 0.0, sizes, 1.0), max(left, 0.0))

    def components(self, vectors: Vectors) -> tuple[Array, Array]:
        """Return standardised components and their variances, each (n, c)."""
        values = (self.root * (vectors.values - self.data)) @ self.axes
        weighted = self.root[:, None] * self.axes
        variances = vectors.variances @ weighted**2
        if vectors.factors.shape[2]:
            variances = variances + (np.einsum("nkr,kc->ncr", vectors.factors, weighted) ** 2).sum(axis=2)
        return (values - self.centres) / self.sizes, variances / self.sizes**2

    def outputs(self, components: Array) -> Array:
        """Return the outputs of standardised components (..., c), shape (..., k).

        Outputs of no weight are not known and come out as the data.
        """
        residuals = (self.centres + self.sizes * components) @ self.axes.T
        safe = np.where(self.root > 0.0, self.root, np.inf)
        return np.asarray(self.data + residuals / safe)


def _noise_alone(weights: Array, variances: Array) -> float:
    """Return the largest singular value that would be seen if nothing but noise moved the residuals.

    The mean of a few draws: what does not exceed it is no component (Horn 1965, "A rationale and
    test for the number of factors in factor analysis").
    """
    rng = np.random.default_rng(len(weights))
    n_draws, (n, k) = 4, variances.shape
    found = 0.0
    for _ in range(n_draws):
        draw = np.sqrt(variances) * rng.standard_normal((n, k))
        scaled = np.sqrt(weights)[:, None] * (draw - weights @ draw)
        # as an eigenvalue of the smaller product: a fifth of the time of singular values
        square = np.linalg.eigvalsh(scaled @ scaled.T if n <= k else scaled.T @ scaled)[-1]
        found += float(np.sqrt(max(square, 0.0))) / n_draws
    return found


@dataclass(frozen=True, eq=False)
class VectorPosterior:
    """What is believed of the outputs and so of their loss, free of the evaluations' noise.

    Attributes:
        basis: between outputs and components.
        components: the belief on each, c of them.
        encoder: of unit points.
        n_axes: number of columns of a unit point, d.
    """

    basis: Basis
    components: Sequence[TrendPosterior]
    encoder: Features
    n_axes: int

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the loss at unit points (m, d), each (m,)."""
        mean, variance, *_ = self._loss(*self._components(points))
        return self.basis.rest + mean, np.sqrt(variance)

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d)."""
        mean, variance, to_mean, to_variance = self._loss_and_gradients(points)
        std = np.sqrt(variance)
        return self.basis.rest + mean, std, to_mean, to_variance / (2.0 * std[:, None])

    @property
    def latent(self) -> LogLossPosterior:
        """The same belief on the logarithm of the loss, where it is closer to normal."""
        return LogLossPosterior(self)

    def fantasise(self, points: Array) -> VectorPosterior:
        """Return the posterior given also what it expects at unit points (m, d)."""
        features = self.encoder.encode(points)
        return replace(self, components=tuple(each.fantasised(features) for each in self.components))

    def outputs(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the outputs at unit points (m, d), each (m, k)."""
        means, variances = self._standard(points)
        mean = self.basis.outputs(means)
        safe = np.where(self.basis.root > 0.0, self.basis.root, np.inf)
        to_outputs = (self.basis.axes * self.basis.sizes / safe[:, None]) ** 2
        return mean, np.sqrt(variances @ to_outputs.T)

    def draws(self, points: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n draws of the loss at unit points (m, d), shape (m, n)."""
        features = self.encoder.encode(points)
        total = np.full((len(points), n), self.basis.rest)
        for centre, size, component in zip(self.basis.centres, self.basis.sizes, self.components):
            total += (centre + size * linalg.draws(*component.joint(features), n, rng)) ** 2
        return total

    def _standard(self, points: Array) -> tuple[Array, Array]:
        features = self.encoder.encode(points)
        pairs = [each.moments(features) for each in self.components]
        shape = (len(points), len(pairs))
        means = np.array([mean for mean, _ in pairs]).T.reshape(shape)
        return means, np.array([variance for _, variance in pairs]).T.reshape(shape)

    def _components(self, points: Array) -> tuple[Array, Array]:
        """Return mean and variance of the components of r, each (m, c)."""
        means, variances = self._standard(points)
        return self.basis.centres + self.basis.sizes * means, self.basis.sizes**2 * variances

    @staticmethod
    def _loss(means: Array, variances: Array) -> tuple[Array, Array]:
        """Return mean and variance of Σ z² for z ~ N(means, variances) of shape (m, c), each (m,)."""
        mean = (means**2 + variances).sum(axis=1)
        variance = (2.0 * variances**2 + 4.0 * means**2 * variances).sum(axis=1)
        tiny = 1e-300
        return np.maximum(mean, tiny), np.maximum(variance, tiny)

    def _loss_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean and variance of the loss that components reach, (m,), and gradients (m, d)."""
        features = self.encoder.encode(points)
        found = [each.moments_and_gradients(features) for each in self.components]
        shape = (len(points), len(found))
        sizes = self.basis.sizes
        means = self.basis.centres + sizes * np.array([each[0] for each in found]).T.reshape(shape)
        variances = sizes**2 * np.array([each[1] for each in found]).T.reshape(shape)
        mean, variance = self._loss(means, variances)
        to_mean = np.zeros_like(features)
        to_variance = np.zeros_like(features)
        for c, (_, _, by_mean, by_variance) in enumerate(found):
            z, v = means[:, c, None], variances[:, c, None]
            size = sizes[c]
            to_mean += 2.0 * z * size * by_mean + size**2 * by_variance
            to_variance += 8.0 * z * v * size * by_mean + (4.0 * v + 4.0 * z**2) * size**2 * by_variance
        return mean, variance, self._by_axis(to_mean), self._by_axis(to_variance)

    def _by_axis(self, by_feature: Array) -> Array:
        """Return slopes by unit coordinates, (m, d), from those by features, (m, D)."""
        coordinates = self.encoder.coordinates
        if coordinates.all():
            return by_feature
        out = np.zeros((len(by_feature), self.n_axes))
        out[:, self.encoder.columns[coordinates]] = by_feature[:, coordinates]
        return out


@dataclass(frozen=True, eq=False)
class LogLossPosterior:
    """A belief on the logarithm of the loss that the components reach: the lognormal of its moments."""

    of: VectorPosterior

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, variance = self.of._loss(*self.of._components(points))
        width = np.log1p(variance / mean**2)
        return np.log(mean) - 0.5 * width, np.sqrt(width)

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d)."""
        mean, variance, to_mean, to_variance = self.of._loss_and_gradients(points)
        ratio = variance / mean**2
        width = np.log1p(ratio)
        # d ratio = d variance / mean² - 2 ratio d mean / mean
        to_ratio = to_variance / mean[:, None] ** 2 - (2.0 * ratio / mean)[:, None] * to_mean
        to_width = to_ratio / (1.0 + ratio)[:, None]
        std = np.sqrt(width)
        return (
            np.log(mean) - 0.5 * width,
            std,
            to_mean / mean[:, None] - 0.5 * to_width,
            to_width / (2.0 * std[:, None]),
        )


@dataclass(frozen=True)
class VectorGP:
    """Processes of the principal components of vector outputs, for a squared loss on top.

    Attributes:
        n_components: at most so many.
        thetas: fixed hyperparameters of each component; None to learn them.
        relearn_growth: in ``train``, learn again once there is this much more evidence.
        always_relearn_until: ... and at every change while there are at most so many evaluations.
        n_iterations: of L-BFGS for each component.
    """

    n_components: int = 12
    thetas: tuple[tuple[float, ...], ...] | None = None
    relearn_growth: float = 0.15
    always_relearn_until: int = 30
    n_iterations: int = 40

    def fit(self, evidence: Evidence) -> VectorPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: there are no vector outputs, or their loss is no sum of squares.
            NumericalError: a covariance is not positive definite, whatever jitter is added.
        """
        vectors = _vectors(evidence)
        encoder = Features.of(evidence.axes)
        features = encoder.encode(evidence.points)
        basis = Basis.of(vectors, self.n_components)
        values, variances = basis.components(vectors)
        thetas = self._learn(features, values, variances, ()) if self.thetas is None else self.thetas
        components = [
            trend.fit(np.array(_theta(thetas, c, features.shape[1])), features, values[:, c], variances[:, c])
            for c in range(values.shape[1])
        ]
        return VectorPosterior(basis, components, encoder, len(evidence.axes))

    def train(self, evidence: Evidence, memory: Memory) -> tuple[VectorGP, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        before: Sequence[Sequence[float]] = memory.get("thetas", ())
        n = len(evidence)
        if before and not self._is_due(n, int(memory["n_learned"])):
            return replace(self, thetas=_frozen(before)), memory
        vectors = _vectors(evidence)
        basis = Basis.of(vectors, self.n_components)
        features = Features.of(evidence.axes).encode(evidence.points)
        thetas = self._learn(features, *basis.components(vectors), before)
        learned: Mapping[str, Any] = {"thetas": [list(theta) for theta in thetas], "n_learned": n}
        return replace(self, thetas=thetas), learned

    def _learn(
        self, features: Array, values: Array, variances: Array, before: Sequence[Sequence[float]]
    ) -> tuple[tuple[float, ...], ...]:
        found = []
        for c in range(values.shape[1]):
            start = np.array(before[c]) if c < len(before) else None
            found.append(trend.learn(start, features, values[:, c], variances[:, c], self.n_iterations))
        return _frozen(found)

    def _is_due(self, n: int, n_learned: int) -> bool:
        if n <= self.always_relearn_until:
            return n != n_learned
        return n < n_learned or n >= n_learned * (1.0 + self.relearn_growth)


def _theta(thetas: Sequence[Sequence[float]], c: int, n_features: int) -> Sequence[float]:
    """Return a component's hyperparameters; one that is new takes the prior's, learned at the next turn."""
    return thetas[c] if c < len(thetas) else tuple(trend.prior_mean(n_features))


def _frozen(thetas: Sequence[Sequence[float]] | Sequence[Array]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in theta) for theta in thetas)


def _vectors(evidence: Evidence) -> Vectors:
    if evidence.vectors is None:
        raise RecipeError(
            "VectorGP models vector outputs, and the problem has none; give it a loss: "
            "Problem(..., loss=ChiSquare(...))"
        )
    if not isinstance(evidence.vectors.loss, SquaredLoss):
        raise RecipeError(
            f"VectorGP needs a sum of squares, such as ChiSquare, and not {evidence.vectors.loss!r}"
        )
    return evidence.vectors
