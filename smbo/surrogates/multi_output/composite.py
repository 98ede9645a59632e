"""Composite objectives: a GP of each principal component of vector outputs, with a known loss on top.

The outputs are a few principal components (``pca.Basis``), each with a GP of its own with a quadratic trend;
the moments of the loss of independent normal components are exact for a sum of squares, and from fixed draws
for any other loss (``loss_moments``).  Far from the optimum a χ² is too steep for a GP, while the outputs
are smooth everywhere, and every evaluation is informative of all of them.

Sources: Higdon et al. (2008), "Computer Model Calibration Using High-Dimensional Output" (principal
components of outputs, a GP each); Astudillo & Frazier (2019), "Bayesian Optimization of
Composite Functions" (acquisition by the distribution of the loss).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from smbo.errors import RecipeError
from smbo.surrogates.base import Memory, is_learning_due
from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.multi_output import quadratic_trend as trend
from smbo.surrogates.multi_output.component_trend import ComponentTrend
from smbo.surrogates.multi_output.composite_posterior import CompositePosterior
from smbo.surrogates.multi_output.loss_moments import DrawnForm, Form, SquaredForm
from smbo.surrogates.multi_output.pca import Basis
from smbo.surrogates.transfer import SourceData, data_of_source, forward_selection
from smbo.training_data import Array, SquaredLoss, Target, TrainingData, VectorOutputs

# Default number of components: so many more than features, and at least so many.  Measured by
# tests/benchmarks/tune/closure.py ee20.
_MIN_COMPONENTS, _N_COMPONENTS_BEYOND_FEATURES = 12, 6
# Rows of a source study that its emulator is fitted to at most: it has a process for each component.
_MAX_SOURCE_ROWS = 150


@dataclass(frozen=True)
class CompositeGP:
    """Gaussian processes of the principal components of vector outputs, with a loss on top.

    Attributes:
        n_components: largest number of components; None for six more than features, and at least twelve: with
            fewer components than parameters the effects of some parameters on the outputs are lost.
        thetas: fixed hyperparameters of each component; None to learn them.
        relearn_growth: ``train`` learns hyperparameters again once the number of evaluations has grown by
            this share since the last time,
        always_relearn_until: or at every new evaluation while there are at most so many.
        n_iterations: L-BFGS iterations for each component.
        sources: source studies, by whose outputs the components are modelled as around a trend.
        emulators: surrogates of the sources, with their hyperparameters fixed; () before.
        weights: of each source in each component; None before they are learned.

    Example:
        >>> import numpy as np
        >>> from smbo import Optimizer, Problem
        >>> from smbo.history.encode import encode
        >>> from smbo.problem import ChiSquare
        >>> from smbo.surrogates import CompositeGP
        >>> loss = ChiSquare(data=np.array([0.2, 0.4]), errors=np.array([0.1, 0.1]))
        >>> optimizer = Optimizer(Problem({"x": (0.0, 1.0)}, loss=loss), "sobol", seed=1)
        >>> for trial in optimizer.ask(8):
        ...     _ = optimizer.tell(trial, outputs=[trial.params["x"], 2.0 * trial.params["x"]])
        >>> posterior = CompositeGP().fit(encode(optimizer.problem, optimizer.trials))
        >>> outputs, stds = posterior.outputs(np.array([[0.5]]))
        >>> outputs.round(2)
        array([[0.5, 1. ]])
    """

    n_components: int | None = None
    thetas: tuple[tuple[float, ...], ...] | None = None
    relearn_growth: float = 0.15
    always_relearn_until: int = 30
    n_iterations: int = 40
    sources: tuple[SourceData, ...] = ()
    emulators: tuple[CompositeGP, ...] = ()
    weights: tuple[tuple[float, ...], ...] | None = None
    serves: ClassVar[frozenset[Target]] = frozenset({Target.OUTPUTS})
    takes_replicates: ClassVar[bool] = True

    def fit(self, data: TrainingData) -> CompositePosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: there are no vector outputs.
            NumericalError: a covariance is not positive definite, whatever jitter is added.
        """
        if self.sources and self.weights is None:
            return self.train(data, {})[0].fit(data)
        vectors = _vectors(data)
        encoder = Features.of(data.axes)
        features = encoder.encode(data.points)
        basis, around, values, variances = self._components(data, features)
        thetas = self._learn(features, values, variances, ()) if self.thetas is None else self.thetas
        components = [
            trend.fit(np.array(_theta(thetas, c, features.shape[1])), features, values[:, c], variances[:, c])
            for c in range(values.shape[1])
        ]
        return CompositePosterior(basis, _form(vectors, basis), components, encoder, len(data.axes), around)

    def train(self, data: TrainingData, memory: Memory) -> tuple[CompositeGP, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        before: Sequence[Sequence[float]] = memory.get("thetas", ())
        n = len(data)
        known, kept = self._with_emulators(data, memory.get("emulators", ({},) * len(self.sources)))
        if before and not is_learning_due(
            n, int(memory["n_learned"]), self.always_relearn_until, self.relearn_growth
        ):
            weights = _frozen(memory["by_component"]) if self.sources else None
            return replace(known, thetas=_frozen(before), weights=weights), memory
        features = Features.of(data.axes).encode(data.points)
        learned: dict[str, Any] = {}
        if self.sources:
            known = replace(known, weights=_frozen([*known._weighed(data, features)]))
            learned = {
                "emulators": kept,
                "by_component": [list(each) for each in known.weights or ()],
                "weights": [max(each, default=0.0) for each in known.weights or ()],
            }
        _, _, values, variances = known._components(data, features)
        thetas = known._learn(features, values, variances, before)
        learned |= {"thetas": [list(theta) for theta in thetas], "n_learned": n}
        return replace(known, thetas=thetas), learned

    def with_sources(self, sources: Sequence[Sequence[SourceData]]) -> CompositeGP:
        """Return the surrogate with source studies, which have outputs."""
        return replace(self, sources=tuple(sources[0]))

    def _with_emulators(self, data: TrainingData, before: Sequence[Memory]) -> tuple[CompositeGP, list[Any]]:
        """Return the surrogate with emulators of its sources, and their memories."""
        pairs = [
            CompositeGP(self.n_components).train(data_of_source(each, data, _MAX_SOURCE_ROWS), known)
            for each, known in zip(self.sources, before, strict=True)
        ]
        return replace(self, emulators=tuple(gp for gp, _ in pairs)), [dict(kept) for _, kept in pairs]

    def _components(
        self, data: TrainingData, features: Array
    ) -> tuple[Basis, ComponentTrend | None, Array, Array]:
        """Return basis and trend, and the values around it and variances of the components, each (n, c)."""
        vectors = _vectors(data)
        told = self.weights or ()
        used = [k for k, each in enumerate(told) if any(each)]
        emulators = [self._emulator(k, data) for k in used]
        basis = self._basis(vectors, features, emulators)
        values, variances = basis.components(vectors)
        if not used:
            return basis, None, values, variances
        weights = [np.resize(told[k], values.shape[1]) for k in used]
        around = _trend_of(basis, emulators, weights, [self.sources[k] for k in used], data.points)
        return basis, around, values - around(data.points)[0], variances

    def _emulator(self, k: int, data: TrainingData) -> CompositePosterior:
        return self.emulators[k].fit(data_of_source(self.sources[k], data, _MAX_SOURCE_ROWS))

    def _weighed(self, data: TrainingData, features: Array) -> Array:
        """Return the weight of each source in each component, (s, c); see ``forward_selection``."""
        emulators = [self._emulator(k, data) for k in range(len(self.sources))]
        basis = self._basis(_vectors(data), features, emulators)
        values, variances = basis.components(_vectors(data))
        ones = [np.ones(values.shape[1])]
        squares = basis.loadings**2
        return forward_selection(
            lambda: [
                _trend_of(basis, [each], ones, [source], data.points)(data.points)[0].T
                for each, source in zip(emulators, self.sources)
            ],
            values.T,
            lambda rows: self._densities(features, rows.T, variances),
            (squares / np.maximum(squares.sum(axis=1), 1e-300)[:, None]).sum(axis=0),
        )

    def _densities(self, features: Array, values: Array, variances: Array) -> Array:
        """Return the log density of the values of each component, hyperparameters learned, (c,)."""
        thetas = self._learn(features, values, variances, ())
        rows = zip(thetas, values.T, variances.T)
        return np.array([trend.log_likelihood(np.array(t), features, y, v)[0] for t, y, v in rows])

    def _basis(
        self, vectors: VectorOutputs, features: Array, emulators: Sequence[CompositePosterior]
    ) -> Basis:
        n_components = self.n_components
        if n_components is None:
            n_components = max(_MIN_COMPONENTS, features.shape[1] + _N_COMPONENTS_BEYOND_FEATURES)
        others = [each.basis.loadings for each in emulators]
        return Basis.of(vectors, n_components, np.concatenate(others, axis=1) if others else None)

    def _learn(
        self, features: Array, values: Array, variances: Array, before: Sequence[Sequence[float]]
    ) -> tuple[tuple[float, ...], ...]:
        found = []
        for c in range(values.shape[1]):
            start = np.array(before[c]) if c < len(before) else None
            found.append(trend.learn(start, features, values[:, c], variances[:, c], self.n_iterations))
        return _frozen(found)


def _theta(thetas: Sequence[Sequence[float]], c: int, n_features: int) -> Sequence[float]:
    """Return the hyperparameters of component c; the prior mean for one that is not learned yet."""
    return thetas[c] if c < len(thetas) else tuple(trend.prior_mean(n_features))


def _trend_of(
    basis: Basis,
    emulators: Sequence[CompositePosterior],
    weights: Sequence[Array],
    sources: Sequence[SourceData],
    points: Array,
) -> ComponentTrend:
    """Return the trend of a basis' components, of mean zero at the points; weights (c,) of each source."""
    onto = [w[:, None] * (basis.reader.T @ each.basis.loadings) for w, each in zip(weights, emulators)]
    held = [each.held for each in sources]
    around = ComponentTrend(emulators, onto, held, np.zeros(basis.reader.shape[1]))
    return replace(around, constant=-around(points)[0].mean(axis=0))


def _frozen(thetas: Sequence[Sequence[float]] | Sequence[Array]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in theta) for theta in thetas)


def _vectors(data: TrainingData) -> VectorOutputs:
    if data.outputs is None:
        raise RecipeError(
            "CompositeGP models vector outputs, and the problem has none; give it a loss: "
            "Problem(..., loss=ChiSquare(...))"
        )
    return data.outputs


def _form(vectors: VectorOutputs, basis: Basis) -> Form:
    loss = vectors.loss
    return SquaredForm.of(loss, basis) if isinstance(loss, SquaredLoss) else DrawnForm.of(loss, basis)
