"""Max-value entropy search: maximise the information about the function's lowest value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfcx, log_ndtr, logsumexp

from smbo.acquisition.base import Criterion
from smbo.acquisition.expected_improvement import incumbent, normal
from smbo.acquisition.feasibility import Feasibility
from smbo.errors import RecipeError
from smbo.surrogates.base import DifferentiablePosterior, Posterior
from smbo.training_data import ONE_VALUE, Array, Axis, Target, TrainingData

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))
# Below this γ the terms of the gain cancel; three terms of its series then have an error of 2e-8.
_FAR = -50.0


@dataclass(frozen=True)
class MaxValueEntropySearch:
    """Logarithm of the information that an evaluation gives about the lowest value.

    Example: ``Recipe(GP(), MaxValueEntropySearch())``

    Source: Wang & Jegelka (2017), "Max-value Entropy Search for Efficient Bayesian Optimization",
        eq. 6 and sec. 3.1 (the lowest value's distribution by a Gumbel distribution), here for
        minimisation.

    Attributes:
        seed: of the sampled minima; a proposal sets its own.
        n_minima: samples of the lowest value.
        n_places: random points from whose marginals the lowest value's distribution is approximated.

    >>> recipe = Recipe(GP(), MaxValueEntropySearch())
    """

    seed: int = 0
    n_minima: int = 10
    n_places: int = 1000
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def __post_init__(self) -> None:
        if self.n_minima < 1 or self.n_places < 1:
            raise RecipeError(f"{self!r}: one minimum and one place at least are needed")

    def seeded(self, seed: int) -> MaxValueEntropySearch:
        """Return the acquisition with the samples of a seed."""
        return replace(self, seed=seed)

    def build(self, posterior: Posterior, data: TrainingData) -> Criterion:
        """Return the criterion, to be maximised."""
        latent = normal(posterior)
        rng = np.random.default_rng([self.seed, len(data.pending)])
        places = np.concatenate([data.points, _places(data.axes, self.n_places, rng)])
        mean, std = latent.moments(places)
        floor = 1e-9 * max(float(mean.std()), 1e-300)
        minima = sampled_minima(mean, np.maximum(std, floor), rng.random(self.n_minima))
        # the lowest value is no higher than the incumbent
        best = incumbent(latent, data)
        minima = np.minimum(minima, best - 1e-3 * float(np.median(std)) - floor)
        feasibility = Feasibility.of(data)
        if isinstance(latent, DifferentiablePosterior):
            return _DifferentiableGain(latent, minima, feasibility)
        return _Gain(latent, minima, feasibility)


def _places(axes: tuple[Axis, ...], n: int, rng: np.random.Generator) -> Array:
    places = rng.random((n, len(axes)))
    for column, axis in enumerate(axes):
        if axis.levels is not None:
            places[:, column] = (np.floor(places[:, column] * axis.levels) + 0.5) / axis.levels
    return places


def sampled_minima(mean: Array, std: Array, uniforms: Array) -> Array:
    """Return samples of the lowest of independent N(mean, std²), one for each uniform number.

    A Gumbel distribution is matched to the quartiles of the lowest value's distribution.

    Args:
        mean, std: at some points, each (m,); std > 0.
        uniforms: in (0, 1), (k,).
    """

    # trees that agree have almost no standard deviation: 10 of them must exceed the mean's rounding, or
    # the bracket below contains no root
    std = np.maximum(std, 1e-12 * float(np.abs(mean).max()))

    def excess(y: float, log_share: float) -> float:
        # log Pr[all are above y] falls from 0 to -inf as y grows
        return float(log_ndtr((mean - y) / std).sum()) - log_share

    low, high = float((mean - 10.0 * std).min()), float((mean + 10.0 * std).min())
    # Pr[min < y] = q means Pr[all above y] = 1 - q
    quartiles = [brentq(excess, low, high, args=(np.log1p(-share),)) for share in (0.25, 0.5, 0.75)]
    # of the lowest value, Pr[min > y] = exp(-exp((y - a) / b)): y = a + b log(-log(1 - q))
    inner = [np.log(-np.log1p(-share)) for share in (0.25, 0.5, 0.75)]
    b = (quartiles[2] - quartiles[0]) / (inner[2] - inner[0])
    a = quartiles[1] - b * inner[1]
    safe = np.clip(uniforms, 1e-12, 1.0 - 1e-12)
    return np.asarray(a + b * np.log(-np.log1p(-safe)))


def log_gain(gamma: Array) -> tuple[Array, Array]:
    """Return log(γ φ(γ) / (2 Φ(γ)) - log Φ(γ)) and its slope, each of the shape of γ.

    The information in nats, for γ = (mean - minimum) / std; finite wherever γ² is.
    """
    far = gamma < _FAR
    above = gamma > 0.0
    out, slope = np.empty_like(gamma), np.empty_like(gamma)

    t = -gamma[far]
    # φ/Φ = t + 1/t - 2/t³ + 10/t⁵ - …
    value = np.log(t) + _LOG_ROOT_TWO_PI - 0.5 + 2.0 / t**2 - 7.5 / t**4
    out[far] = np.log(value)
    slope[far] = _far_slope(t) / value

    z = gamma[~far & ~above]
    log_cdf = log_ndtr(z)
    hazard = np.exp(-0.5 * z**2 - _LOG_ROOT_TWO_PI - log_cdf)
    value = 0.5 * z * hazard - log_cdf
    out[~far & ~above] = np.log(value)
    slope[~far & ~above] = -0.5 * hazard * (1.0 + z**2 + z * hazard) / value

    # for γ > 0 both terms are proportional to φ(γ), which underflows and is factored out
    z = gamma[above]
    log_density = -0.5 * z**2 - _LOG_ROOT_TWO_PI
    mills = np.sqrt(np.pi / 2.0) * erfcx(z / np.sqrt(2.0))
    tail = mills * np.exp(log_density)  # 1 - Φ(γ)
    ratio = np.ones_like(z)  # -log(1 - tail) / tail
    seen = tail > 1e-12
    ratio[seen] = -np.log1p(-tail[seen]) / tail[seen]
    share = 0.5 * z / (1.0 - tail) + mills * ratio
    out[above] = log_density + np.log(share)
    hazard_share = 1.0 / (1.0 - tail)
    slope[above] = -0.5 * hazard_share * (1.0 + z**2 + z * np.exp(log_density) * hazard_share) / share
    return out, slope


def _far_slope(t: Array) -> Array:
    """Return the slope of ``log_gain`` at γ = -t, for large t."""
    # -φ/Φ (1 + γ² + γ φ/Φ) / 2, the bracket being 2/t² - 10/t⁴ + 74/t⁶ - …
    hazard = t + 1.0 / t - 2.0 / t**3 + 10.0 / t**5
    return -0.5 * hazard * (2.0 / t**2 - 10.0 / t**4 + 74.0 / t**6)


@dataclass(frozen=True, eq=False)
class _Gain:
    """Log of the mean gain over sampled minima (k,)."""

    posterior: Posterior
    minima: Array
    feasibility: Feasibility | None

    def __call__(self, points: Array) -> Array:
        mean, std = self.posterior.moments(points)
        logs, _ = log_gain(self._gamma(mean, std))
        worth = logsumexp(logs, axis=1) - np.log(len(self.minima))
        if self.feasibility is None:
            return np.asarray(worth)
        return np.asarray(worth + self.feasibility.log_probability(points))

    def _gamma(self, mean: Array, std: Array) -> Array:
        gaps = mean[:, None] - self.minima
        # keeps γ² finite where trees agree and the standard deviation is 0
        return np.asarray(gaps / np.maximum(std[:, None], 1e-10 * np.abs(gaps) + 1e-150))


@dataclass(frozen=True, eq=False)
class _DifferentiableGain(_Gain):
    posterior: DifferentiablePosterior

    def with_gradient(self, points: Array) -> tuple[Array, Array]:
        mean, std, mean_slope, std_slope = self.posterior.moments_and_gradients(points)
        gamma = self._gamma(mean, std)
        logs, slopes = log_gain(gamma)
        total = logsumexp(logs, axis=1)
        shares = np.exp(logs - total[:, None]) * slopes
        to_mean = shares.sum(axis=1) / std
        to_std = -(shares * gamma).sum(axis=1) / std
        worth = total - np.log(len(self.minima))
        slope = to_mean[:, None] * mean_slope + to_std[:, None] * std_slope
        if self.feasibility is None:
            return np.asarray(worth), slope
        log_p, log_p_slope = self.feasibility.with_gradient(points)
        return np.asarray(worth + log_p), slope + log_p_slope
