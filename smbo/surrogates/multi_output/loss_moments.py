"""Moments of a loss of normal components z ~ N(μ, V), V diagonal: mean, variance and their derivatives.

For a quadratic form a + 2 bᵀz + zᵀ G z the mean is a + 2 bᵀμ + μᵀGμ + tr(G V), the variance
2 tr(G V G V) + 4 (b + Gμ)ᵀ V (b + Gμ); any other loss is averaged over fixed quasi-random draws of z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from smbo.space.designs import design_rows
from smbo.surrogates.multi_output.pca import Basis
from smbo.training_data import Array, Loss, SquaredLoss

_N_DRAWS = 64  # of the components, for a loss that is no sum of squares
_MAX_ROWS_PER_CALL = 4096  # of outputs passed to a loss: bounds the memory of a search
_DIFFERENCE_STEP = 1e-4  # of components of unit size, for derivatives of a user's loss by central differences


class Form(Protocol):
    """A loss as a function of components."""

    @property
    def lowest(self) -> float | None:
        """Lower bound of the loss over all components; None if unknown."""
        ...

    def drawn(self, basis: Basis, rng: np.random.Generator, boldness: float) -> Form:
        """Return the loss with the basis' centre and loadings drawn; see ``Basis.drawn``."""
        ...

    def drawn_given_components(self, basis: Basis, rng: np.random.Generator) -> Form:
        """Return the loss with the basis drawn; see ``Basis.drawn_given_components``."""
        ...

    def of_components(self, components: Array) -> Array:
        """Return the loss of components (..., c), shape (...)."""
        ...

    def moments(self, means: Array, variances: Array) -> tuple[Array, Array]:
        """Return mean and variance of the loss for z ~ N(means, variances) of shape (m, c), each (m,)."""
        ...

    def slopes(self, means: Array, variances: Array) -> tuple[Array, Array, Array, Array]:
        """Return d mean by means and by variances, d variance by means and by variances, each (m, c)."""
        ...


@dataclass(frozen=True, eq=False)
class Quadratic:
    """constant + 2 linearᵀz + zᵀ gram z."""

    constant: float
    linear: Array
    gram: Array

    @classmethod
    def of(cls, weights: Array, basis: Basis, data: Array) -> Quadratic:
        """Return Σ weights (centre + loadings z - data)²."""
        off = basis.centre - data
        weighted = weights[:, None] * basis.loadings
        return cls(float(weights @ off**2), weighted.T @ off, weighted.T @ basis.loadings)

    @classmethod
    def of_matrix(cls, matrix: Array) -> Quadratic:
        """Return (1, z)ᵀ matrix (1, z), the matrix of shape (1 + c, 1 + c)."""
        return cls(float(matrix[0, 0]), matrix[0, 1:], matrix[1:, 1:])

    def __call__(self, components: Array) -> Array:
        """Return the values at components (..., c), shape (...)."""
        turned = components @ self.gram
        return np.asarray(self.constant + 2.0 * components @ self.linear + (turned * components).sum(axis=-1))

    def less(self, factor: float, root: Array) -> Quadratic:
        """Return this form minus factor · root rootᵀ on (1, z), with negative eigenvalues set to zero.

        Args:
            root: shape (1 + c, 1 + c), of full rank.
        """
        whole = np.block(
            [[np.array([[self.constant]]), self.linear[None]], [self.linear[:, None], self.gram]]
        )
        in_units = np.linalg.solve(root, np.linalg.solve(root, whole).T)  # of root rootᵀ
        # Subtracting entry by entry would remove a square that is noise and leave its linear part, and the
        # form would be far below zero in that direction.
        squares, axes = np.linalg.eigh(in_units)
        half = root @ (axes * np.sqrt(np.maximum(squares - factor, 0.0)))
        return Quadratic.of_matrix(half @ half.T)

    def slope(self, components: Array) -> Array:
        """Return the slopes at components (m, c), same shape."""
        return np.asarray(2.0 * (self.linear + components @ self.gram))


@dataclass(frozen=True, eq=False)
class SquaredForm:
    """A sum of squares as a quadratic form of the components.

    Attributes:
        loss: of outputs.
        value: the quadratic form.
        lowest: its minimum.
        leverage: Σ metric² noise (centre + loadings z - data)².
        doubt: variance of centre and loadings in units of the noise; their errors contribute
            4 · leverage · doubt to the variance of the loss.
    """

    loss: SquaredLoss
    value: Quadratic
    lowest: float
    leverage: Quadratic
    doubt: Quadratic

    @classmethod
    def of(cls, loss: SquaredLoss, basis: Basis) -> SquaredForm:
        """Return the form of a loss, corrected for the noise of centre and loadings.

        The expected square of an estimate exceeds the true square by the estimate's variance, which grows
        with the distance from the centre of the evaluations and would bias the optimum towards that centre.
        """
        value = Quadratic.of(loss.metric, basis, loss.data)
        value = value.less(float(loss.metric @ basis.noise), basis.doubt)
        below = float(value.linear @ np.linalg.lstsq(value.gram, value.linear, rcond=None)[0])
        leverage = Quadratic.of(loss.metric**2 * basis.noise, basis, loss.data)
        doubt = Quadratic.of_matrix(basis.doubt @ basis.doubt.T)
        return cls(loss, value, max(value.constant - below, 0.0), leverage, doubt)

    def drawn(self, basis: Basis, rng: np.random.Generator, boldness: float) -> SquaredForm:
        """Return the form with centre and loadings drawn; its average over draws is this form."""
        value = Quadratic.of(self.loss.metric, basis.drawn(rng, boldness), self.loss.data)
        # the average excess of the drawn squares, in addition to that of the estimates
        more = (1.0 + boldness**2) * float(self.loss.metric @ basis.noise)
        return replace(self, value=value.less(more, basis.doubt))

    def drawn_given_components(self, basis: Basis, rng: np.random.Generator) -> SquaredForm:
        """Return the form with centre and loadings drawn; its average over draws is this form."""
        value = Quadratic.of(self.loss.metric, basis.drawn_given_components(rng), self.loss.data)
        more = float(self.loss.metric @ (basis.noise + basis.unread_noise()))
        return replace(self, value=value.less(more, basis.doubt))

    def of_components(self, components: Array) -> Array:
        """Return the loss of components (..., c), shape (...)."""
        return self.value(components)

    def moments(self, means: Array, variances: Array) -> tuple[Array, Array]:
        """Return mean and variance of the loss for z ~ N(means, variances) of shape (m, c), each (m,)."""
        gram, pull = self.value.gram, self.value.slope(means)
        mean = self.value(means) + variances @ np.diagonal(gram)
        spread = 2.0 * np.einsum("mc,mc->m", variances @ gram**2, variances)
        spread += np.einsum("mc,mc->m", pull**2, variances)
        return mean, spread + 4.0 * self.leverage(means) * self.doubt(means)

    def slopes(self, means: Array, variances: Array) -> tuple[Array, Array, Array, Array]:
        """Return d mean by means and by variances, d variance by means and by variances, each (m, c)."""
        gram, pull = self.value.gram, self.value.slope(means)
        by_variances = np.broadcast_to(np.diagonal(gram), means.shape)
        to_spread = 4.0 * (pull * variances) @ gram
        to_spread += 4.0 * self.leverage.slope(means) * self.doubt(means)[:, None]
        to_spread += 4.0 * self.leverage(means)[:, None] * self.doubt.slope(means)
        return pull, by_variances, to_spread, 4.0 * variances @ gram**2 + pull**2


@dataclass(frozen=True, eq=False)
class DrawnForm:
    """Any loss, averaged over draws that are the same at all points, so that moments are smooth.

    Attributes:
        loss: of outputs.
        basis: between components and outputs.
        normals: quasi-random standard normal draws, (draws, c).
    """

    loss: Loss
    basis: Basis
    normals: Array
    lowest: None = None

    @classmethod
    def of(cls, loss: Loss, basis: Basis) -> DrawnForm:
        n_components = basis.loadings.shape[1]
        if n_components == 0:
            return cls(loss, basis, np.zeros((1, 0)))
        uniform = design_rows("sobol", n_components, 0, 0, _N_DRAWS // 2)
        half = ndtri(np.clip(uniform, 1e-9, 1.0 - 1e-9))
        # antithetic draws, so that the mean of a linear loss is exact
        return cls(loss, basis, np.concatenate([half, -half]))

    def drawn(self, basis: Basis, rng: np.random.Generator, boldness: float) -> DrawnForm:
        """Return the loss with the basis' centre and loadings drawn."""
        return replace(self, basis=basis.drawn(rng, boldness))

    def drawn_given_components(self, basis: Basis, rng: np.random.Generator) -> DrawnForm:
        """Return the loss with the basis' centre and loadings drawn."""
        return replace(self, basis=basis.drawn_given_components(rng))

    def of_components(self, components: Array) -> Array:
        """Return the loss of components (..., c), shape (...)."""
        flat = components.reshape(-1, components.shape[-1])
        parts = [
            self.loss.of(self.basis.outputs(flat[start : start + _MAX_ROWS_PER_CALL]))
            for start in range(0, len(flat), _MAX_ROWS_PER_CALL)
        ]
        return np.concatenate([np.zeros(0), *parts]).reshape(components.shape[:-1])

    def moments(self, means: Array, variances: Array) -> tuple[Array, Array]:
        """Return mean and variance of the loss for z ~ N(means, variances) of shape (m, c), each (m,)."""
        values = self.of_components(self._draws(means, variances))
        return values.mean(axis=1), values.var(axis=1)

    def slopes(self, means: Array, variances: Array) -> tuple[Array, Array, Array, Array]:
        """Return d mean by means and by variances, d variance by means and by variances, each (m, c)."""
        draws = self._draws(means, variances)
        values = self.of_components(draws)
        by_draw = np.empty_like(draws)
        for c in range(draws.shape[2]):
            ahead, behind = draws.copy(), draws.copy()
            ahead[:, :, c] += _DIFFERENCE_STEP
            behind[:, :, c] -= _DIFFERENCE_STEP
            by_draw[:, :, c] = (self.of_components(ahead) - self.of_components(behind)) / (
                2.0 * _DIFFERENCE_STEP
            )
        # z = mean + √variance · normal
        to_variance = self.normals / (2.0 * np.sqrt(np.maximum(variances, 1e-300)))[:, None, :]
        off = 2.0 * (values - values.mean(axis=1)[:, None])[:, :, None]
        return (
            by_draw.mean(axis=1),
            (by_draw * to_variance).mean(axis=1),
            (off * by_draw).mean(axis=1),
            (off * by_draw * to_variance).mean(axis=1),
        )

    def _draws(self, means: Array, variances: Array) -> Array:
        """Return draws of the components, (m, draws, c)."""
        return np.asarray(means[:, None, :] + np.sqrt(variances)[:, None, :] * self.normals)
