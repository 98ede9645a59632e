"""What a loss makes of normal components: its mean, its variance and their slopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from smbo.evidence import Array, Loss, SquaredLoss
from smbo.surrogates.components import Basis

_N_DRAWS = 64
_ROWS_AT_ONCE = 4096  # of outputs that a loss is asked for: bounds the memory that a search takes
_STEP = 1e-4  # of components whose size is one: slopes of a loss of one's own are differences


class Form(Protocol):
    """A loss on components."""

    @property
    def lowest(self) -> float | None:
        """What the loss cannot be below, whatever the components; None where that is not known."""
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
class SquaredForm:
    """A sum of squares as a form of the components: constant + 2 linearᵀz + zᵀ gram z."""

    constant: float
    linear: Array
    gram: Array
    lowest: float

    @classmethod
    def of(cls, loss: SquaredLoss, basis: Basis) -> SquaredForm:
        """Return the form of a loss.  The constant is freed of the noise that the centre has."""
        off = basis.centre - loss.data
        weighted = loss.metric[:, None] * basis.loadings
        constant = float(loss.metric @ (off**2 - basis.kept))
        linear, gram = weighted.T @ off, weighted.T @ basis.loadings
        # never below the form's own minimum: a loss is not negative
        lowest = float(linear @ np.linalg.lstsq(gram, linear, rcond=None)[0]) if len(linear) else 0.0
        constant = max(constant, lowest)
        return cls(constant, linear, gram, constant - lowest)

    def of_components(self, components: Array) -> Array:
        """Return the loss of components (..., c), shape (...)."""
        turned = components @ self.gram
        return np.asarray(self.constant + 2.0 * components @ self.linear + (turned * components).sum(axis=-1))

    def moments(self, means: Array, variances: Array) -> tuple[Array, Array]:
        """Return mean and variance of the loss for z ~ N(means, variances) of shape (m, c), each (m,)."""
        pull = 2.0 * (self.linear + means @ self.gram)
        mean = self.of_components(means) + variances @ np.diagonal(self.gram)
        spread = np.einsum("mc,mc->m", variances @ self.gram**2, variances)
        return mean, 2.0 * spread + np.einsum("mc,mc->m", pull**2, variances)

    def slopes(self, means: Array, variances: Array) -> tuple[Array, Array, Array, Array]:
        """Return d mean by means and by variances, d variance by means and by variances, each (m, c)."""
        pull = 2.0 * (self.linear + means @ self.gram)
        by_variances = np.broadcast_to(np.diagonal(self.gram), means.shape)
        of_spread = 4.0 * variances @ self.gram**2 + pull**2
        return pull, by_variances, 4.0 * (pull * variances) @ self.gram, of_spread


@dataclass(frozen=True, eq=False)
class DrawnForm:
    """Any loss, by draws that stay the same from point to point: as smooth in them as the loss itself.

    Attributes:
        loss: of outputs.
        basis: between components and outputs.
        normals: shape (draws, c).
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
        uniform = qmc.Sobol(n_components, scramble=True, rng=np.random.default_rng(0)).random(_N_DRAWS // 2)
        half = ndtri(np.clip(uniform, 1e-9, 1.0 - 1e-9))
        # mirrored, so that the mean of a linear loss is exact
        return cls(loss, basis, np.concatenate([half, -half]))

    def of_components(self, components: Array) -> Array:
        """Return the loss of components (..., c), shape (...)."""
        flat = components.reshape(-1, components.shape[-1])
        parts = [
            self.loss.of(self.basis.outputs(flat[start : start + _ROWS_AT_ONCE]))
            for start in range(0, len(flat), _ROWS_AT_ONCE)
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
            ahead[:, :, c] += _STEP
            behind[:, :, c] -= _STEP
            by_draw[:, :, c] = (self.of_components(ahead) - self.of_components(behind)) / (2.0 * _STEP)
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
