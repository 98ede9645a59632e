"""Gaussian process with its factor and solves in torch, in float64: on a GPU where there is one.

The same model and notation as ``gp``, whose code learns the hyperparameters (from a bounded number of rows,
for which numpy is fast enough).  torch is imported when a posterior is fitted, not before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from smbo.errors import NumericalError, RecipeError
from smbo.surrogates import linalg
from smbo.surrogates.base import Memory
from smbo.surrogates.gp.gp import GP
from smbo.surrogates.gp.input_warping import Warp
from smbo.surrogates.gp.kernels import Features, Matern32, Matern52, SquaredExponential
from smbo.surrogates.gp.marginal_likelihood import noise_variances
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData

# torch has no types that mypy could know
Tensor = Any
# from squared distances to the kernel's profile and its slope by the squared distance
Profile = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class TorchPosterior:
    """The posterior of a Gaussian process; numpy arrays outside, tensors on the device inside.

    Attributes:
        profile: of the kernel.
        features, warp: from unit points to the kernel's coordinates.
        lengths: length scale of each feature, (D,).
        amplitude, noise: prior variance of the function and variance of an evaluation, latent.
        scale: between the training data's units and the latent scale.
        scaled: features of the evaluated points over their length scales, (n, D).
        values: on the latent scale, (n,).
        factor: lower Cholesky factor L of the covariance of the values, (n, n).
        mean: constant mean, latent.
        alpha: covariance⁻¹ (values - mean), (n,).
        n_axes: number of columns of a unit point, d.
    """

    profile: Profile
    features: Features
    warp: Warp | None
    lengths: Array
    amplitude: float
    noise: float
    scale: OutcomeTransform
    scaled: Tensor
    values: Tensor
    factor: Tensor
    mean: float
    alpha: Tensor
    n_axes: int

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,)."""
        mean, std, _ = self._latent_moments(self._encode(points))
        return self.scale.moments(_array(mean), _array(std))

    @property
    def latent(self) -> TorchPosterior:
        """The same posterior on the latent scale of the values, on which it is normal."""
        return self if self.scale.is_affine else replace(self, scale=OutcomeTransform())

    def moments_and_gradients(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Return mean (m,), std (m,) and their gradients, each (m, d); zero for a categorical column."""
        import torch

        scaled = self._encode(points)
        mean, std, half = self._latent_moments(scaled)
        beta = torch.linalg.solve_triangular(self.factor.T, half, upper=True).T
        _, slope = self.profile(_squared_distances(scaled, self.scaled))
        slope = 2.0 * self.amplitude * slope  # d cross / d scaled = slope * (scaled - self.scaled)
        to_mean = self._by_points(slope * self.alpha, scaled, points)
        to_std = -self._by_points(slope * beta, scaled, points) / _array(std)[:, None]
        return self.scale.moments_and_gradients(_array(mean), _array(std), to_mean, to_std)

    def condition_on(self, points: Array, values: Array) -> TorchPosterior:
        """Return the posterior given also values (m,) at unit points (m, d): O(n² m)."""
        return self._extended(points, self._tensor(self.scale.to_latent(values)))

    def fantasize(self, points: Array) -> TorchPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return self._extended(points, self._latent_moments(self._encode(points))[0])

    def _extended(self, points: Array, latent: Tensor) -> TorchPosterior:
        import torch

        if len(points) == 0:
            return self
        added = self._encode(points)
        cross = self._cross(added)
        corner = self.amplitude * self.profile(_squared_distances(added, added))[0]
        corner.diagonal().fill_(self.amplitude + self.noise)
        below = torch.linalg.solve_triangular(self.factor, cross.T, upper=False).T
        above = torch.zeros(self.factor.shape[0], len(points), dtype=cross.dtype, device=cross.device)
        rows = torch.cat([below, _cholesky(corner - below @ below.T)], dim=1)
        factor = torch.cat([torch.cat([self.factor, above], dim=1), rows])
        values = torch.cat([self.values, latent])
        return replace(
            self,
            scaled=torch.cat([self.scaled, added]),
            values=values,
            factor=factor,
            alpha=torch.cholesky_solve((values - self.mean)[:, None], factor)[:, 0],
        )

    def _latent_moments(self, scaled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean (m,), std (m,) and factor⁻¹ cross (n, m)."""
        import torch

        cross = self._cross(scaled)
        half = torch.linalg.solve_triangular(self.factor, cross.T, upper=False)
        variance = self.amplitude - (half**2).sum(dim=0)
        return (
            self.mean + cross @ self.alpha,
            variance.clamp_min(linalg.VARIANCE_FLOOR * self.amplitude).sqrt(),
            half,
        )

    def _cross(self, scaled: Tensor) -> Tensor:
        return self.amplitude * self.profile(_squared_distances(scaled, self.scaled))[0]

    def _encode(self, points: Array) -> Tensor:
        return self._tensor(self.features.encode(points, self.warp) / self.lengths)

    def _tensor(self, array: Array) -> Tensor:
        import torch

        return torch.as_tensor(array, dtype=torch.float64, device=self.factor.device)

    def _by_points(self, weights: Tensor, scaled: Tensor, points: Array) -> Array:
        """Return Σ_b weights_ab (z_a - z_b) by coordinate of the unit point, shape (m, d)."""
        sums = _array(scaled * weights.sum(dim=1)[:, None] - weights @ self.scaled) / self.lengths
        gradient = np.zeros((len(points), self.n_axes))
        coordinates = self.features.coordinates
        gradient[:, self.features.columns[coordinates]] = sums[:, coordinates]
        return gradient if self.warp is None else gradient * self.warp.slopes(points)


@dataclass(frozen=True)
class TorchGP:
    """A Gaussian process whose posterior is computed in torch.

    Results equal those of ``GP`` up to rounding; the same training data gives the same proposals, bit for
    bit, on the same device and build of torch.

    Attributes:
        process: the model, which also learns the hyperparameters.
        device: of torch, such as "cpu" or "cuda:1"; "auto" is a GPU where there is one.

    Raises:
        RecipeError: the kernel has no implementation in torch.

    Example: ``Recipe(TorchGP(device="cuda:1"))``
    """

    process: GP = field(default_factory=GP)
    device: str = "auto"
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def __post_init__(self) -> None:
        if type(self.process.kernel) not in _PROFILES:
            known = ", ".join(kind.__name__ for kind in _PROFILES)
            raise RecipeError(f"TorchGP knows the kernels {known}, not {self.process.kernel!r}; use GP")

    def train(self, data: TrainingData, memory: Memory) -> tuple[TorchGP, Memory]:
        """Return the process with its hyperparameters fixed, and the memory that restores them."""
        process, learned = self.process.train(data, memory)
        return replace(self, process=process), learned

    def fit(self, data: TrainingData) -> TorchPosterior:
        """Return the posterior; hyperparameters are learned first where none are fixed.

        Raises:
            RecipeError: torch is not installed, or has no such device.
            NumericalError: no jitter makes the covariance positive definite.
        """
        theta = self.process.hyperparameters
        if theta is None:
            return self.train(data, {})[0].fit(data)
        torch = _torch()
        features = Features.of(data.axes)
        scale = self.process.scale_of(data)
        lengths = np.exp(np.array(theta.log_lengths))[features.columns]
        amplitude, noise = math.exp(theta.log_amplitude), math.exp(theta.log_noise)
        latent_variances = data.variances * scale.slopes(data.values) ** 2
        variances = noise_variances(latent_variances, noise)
        device = _device(self.device)

        def tensor(array: Array) -> Tensor:
            return torch.as_tensor(array, dtype=torch.float64, device=device)

        scaled = tensor(features.encode(data.points, theta.warp) / lengths)
        profile = _PROFILES[type(self.process.kernel)]
        covariance = amplitude * profile(_squared_distances(scaled, scaled))[0]
        covariance.diagonal().copy_(amplitude + tensor(variances))
        factor = _cholesky(covariance)
        values = tensor(scale.to_latent(data.values))
        solved = torch.cholesky_solve(torch.stack([values, torch.ones_like(values)], dim=1), factor)
        # the most probable constant mean under N(0, 1): see marginal_likelihood.constant_mean
        mean = float(solved[:, 0].sum() / (solved[:, 1].sum() + 1.0))
        return TorchPosterior(
            profile=profile,
            features=features,
            warp=theta.warp,
            lengths=lengths,
            amplitude=amplitude,
            noise=float(np.median(variances)) if len(data) else noise,
            scale=scale,
            scaled=scaled,
            values=values,
            factor=factor,
            mean=mean,
            alpha=solved[:, 0] - mean * solved[:, 1],
            n_axes=len(data.axes),
        )


def _matern52(squared: Tensor) -> tuple[Tensor, Tensor]:
    s = (5.0 * squared).sqrt()
    decay = (-s).exp()
    return (1.0 + s + (5.0 / 3.0) * squared) * decay, (-5.0 / 6.0) * (1.0 + s) * decay


def _matern32(squared: Tensor) -> tuple[Tensor, Tensor]:
    s = (3.0 * squared).sqrt()
    decay = (-s).exp()
    return (1.0 + s) * decay, -1.5 * decay


def _squared_exponential(squared: Tensor) -> tuple[Tensor, Tensor]:
    k = (-0.5 * squared).exp()
    return k, -0.5 * k


_PROFILES: dict[type, Profile] = {
    Matern52: _matern52,
    Matern32: _matern32,
    SquaredExponential: _squared_exponential,
}


def _squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """Return squared Euclidean distances between rows (m, D) and (n, D), shape (m, n), ≥ 0."""
    squared = (left**2).sum(dim=1)[:, None] + (right**2).sum(dim=1) - 2.0 * (left @ right.T)
    return squared.clamp_min_(0.0)


def _cholesky(matrix: Tensor) -> Tensor:
    """Return the lower factor of a symmetric positive (semi-)definite tensor, shape (n, n).

    Raises:
        NumericalError: the largest jitter is not enough.
    """
    import torch

    size = float(matrix.diagonal().mean())
    for jitter in linalg.JITTERS:
        shifted = matrix.clone()
        shifted.diagonal().add_(jitter * size)
        factor, info = torch.linalg.cholesky_ex(shifted)
        if int(info) == 0 and bool(torch.isfinite(factor.diagonal()).all()):
            return factor
    raise NumericalError(
        f"a covariance matrix of {len(matrix)} rows is not positive definite, "
        f"not even with {linalg.JITTERS[-1]:g} of its mean diagonal ({size:g}) added"
    )


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.cpu().numpy(), dtype=np.float64)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise RecipeError("TorchGP needs torch; install smbo[torch], or use GP") from None
    return torch


def _device(name: str) -> Any:
    torch = _torch()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise RecipeError(f"device={name!r}: torch has no such device here ({error})") from None
