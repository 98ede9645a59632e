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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from smbo.errors import RecipeError
from smbo.surrogates.base import Memory, is_learning_due
from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.multi_output import quadratic_trend as trend
from smbo.surrogates.multi_output.composite_posterior import CompositePosterior
from smbo.surrogates.multi_output.loss_moments import DrawnForm, Form, SquaredForm
from smbo.surrogates.multi_output.pca import Basis
from smbo.training_data import Array, SquaredLoss, Target, TrainingData, VectorOutputs

# Default number of components: so many more than features, and at least so many.  Measured by
# tests/benchmarks/tune/closure.py ee20.
_MIN_COMPONENTS, _N_COMPONENTS_BEYOND_FEATURES = 12, 6


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
    serves: ClassVar[frozenset[Target]] = frozenset({Target.OUTPUTS})
    takes_replicates: ClassVar[bool] = True

    def fit(self, data: TrainingData) -> CompositePosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: there are no vector outputs.
            NumericalError: a covariance is not positive definite, whatever jitter is added.
        """
        vectors = _vectors(data)
        encoder = Features.of(data.axes)
        features = encoder.encode(data.points)
        basis = self._basis(vectors, features)
        values, variances = basis.components(vectors)
        thetas = self._learn(features, values, variances, ()) if self.thetas is None else self.thetas
        components = [
            trend.fit(np.array(_theta(thetas, c, features.shape[1])), features, values[:, c], variances[:, c])
            for c in range(values.shape[1])
        ]
        return CompositePosterior(basis, _form(vectors, basis), components, encoder, len(data.axes))

    def train(self, data: TrainingData, memory: Memory) -> tuple[CompositeGP, Memory]:
        """Return the surrogate with its hyperparameters fixed, and the memory that restores them."""
        before: Sequence[Sequence[float]] = memory.get("thetas", ())
        n = len(data)
        if before and not is_learning_due(
            n, int(memory["n_learned"]), self.always_relearn_until, self.relearn_growth
        ):
            return replace(self, thetas=_frozen(before)), memory
        vectors = _vectors(data)
        features = Features.of(data.axes).encode(data.points)
        basis = self._basis(vectors, features)
        thetas = self._learn(features, *basis.components(vectors), before)
        learned: Mapping[str, Any] = {"thetas": [list(theta) for theta in thetas], "n_learned": n}
        return replace(self, thetas=thetas), learned

    def _basis(self, vectors: VectorOutputs, features: Array) -> Basis:
        n_components = self.n_components
        if n_components is None:
            n_components = max(_MIN_COMPONENTS, features.shape[1] + _N_COMPONENTS_BEYOND_FEATURES)
        return Basis.of(vectors, n_components)

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
