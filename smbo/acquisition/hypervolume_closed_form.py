"""Expected hypervolume improvement over independent normal posteriors, in closed form and as a logarithm.

The hypervolume that a vector y adds to a front is, over the disjoint non-dominated boxes [l, u), the sum of
Π_j (u_j - max(l_j, y_j))₊.  For independent y_j the expectation of each factor is a difference of expected
improvements, E(u_j - y_j)₊ - E(l_j - y_j)₊, so that the sum is exact for any number of objectives.
Far from the front the factors underflow, and their logarithms are computed instead.

Source: Yang, Emmerich, Deutz & Bäck (2019), "Efficient computation of expected hypervolume improvement
    using box decomposition algorithms"; logarithms after Ament et al. (2023), "Unexpected Improvements
    to Expected Improvement for Bayesian Optimization".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from smbo.acquisition.expected_improvement import _log_h
from smbo.problem.hypervolume import Boxes
from smbo.training_data import Array

_LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))
# Below this share of the product of the largest factors the plain sum loses digits to rounding.
_SAFE = 1e-7
# A box this narrow, in stds and in decay lengths of the integrand, is integrated by its middle.
_NARROW = 1e-4
# Most numbers held in memory at a time.
_MOST_AT_ONCE = 2_000_000

Gathered = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Sides:
    """Boxes, their sides as indices into the edges of each objective.

    Attributes:
        edges: distinct sides of each objective, ascending, the first one -inf.
        lower, upper: index of each box's edges, (m, k).
    """

    edges: tuple[Array, ...]
    lower: Gathered
    upper: Gathered

    @classmethod
    def of(cls, boxes: Boxes) -> Sides:
        edges, lower, upper = [], [], []
        for low, high in zip(boxes.lower.T, boxes.upper.T):
            mine = np.unique(np.concatenate([[-np.inf], low, high]))
            edges.append(mine)
            lower.append(np.searchsorted(mine, low))
            upper.append(np.searchsorted(mine, high))
        return cls(tuple(edges), np.array(lower, dtype=np.intp), np.array(upper, dtype=np.intp))


def volume_of(sides: Sides, values: Array) -> Array:
    """Return the hypervolume that each of the values (n, m) adds to the front, (n,)."""
    total = np.ones((1, 1))
    for edges, lower, upper, value in zip(sides.edges, sides.lower, sides.upper, values.T):
        total = total * np.maximum(edges[upper] - np.maximum(edges[lower], value[:, None]), 0.0)
    return np.asarray(total.sum(axis=1))


def log_expected_volume(sides: Sides, means: Array, stds: Array) -> Array:
    """Return the log expected hypervolume improvement of normal posteriors, (n,); finite in any tail.

    Args:
        means, stds: shape (n, m).
    """
    n_rows = max(_MOST_AT_ONCE // (sides.lower.size + 1), 1)
    pieces = [
        _plain(sides, means[at : at + n_rows], stds[at : at + n_rows], False)[0]
        for at in range(0, len(means), n_rows)
    ]
    return np.concatenate(pieces) if pieces else np.zeros(0)


def log_expected_volume_and_slopes(sides: Sides, means: Array, stds: Array) -> tuple[Array, Array, Array]:
    """Return ``log_expected_volume``, (n,), and its slopes by means and stds, each (n, m)."""
    n_rows = max(_MOST_AT_ONCE // (3 * sides.lower.size + 1), 1)
    pieces = [
        _plain(sides, means[at : at + n_rows], stds[at : at + n_rows], True)
        for at in range(0, len(means), n_rows)
    ]
    logs, by_mean, by_std = (np.concatenate(part) for part in zip(*pieces))
    return logs, by_mean, by_std


def _plain(sides: Sides, means: Array, stds: Array, with_slopes: bool) -> tuple[Array, Array, Array]:
    """Return logarithm and slopes by plain sums, or by logarithms where the sums underflow or lose digits."""
    factors, by_mean, by_std, tops = [], [], [], np.zeros(len(means))
    for j, edges in enumerate(sides.edges):
        mean, std = means[:, j, None], stds[:, j, None]
        z = (edges[1:] - mean) / std
        logs = _log_h(z.ravel()).reshape(z.shape)
        top = logs[:, -1:]
        tops += top[:, 0] + np.log(std[:, 0])
        # of improvements on each edge, in units of that on the last; nothing improves on -inf
        factors.append(_differences(sides, j, np.exp(logs - top)))
        if with_slopes:
            with np.errstate(over="ignore", invalid="ignore"):
                scale = np.exp(-top) / std
                by_mean.append(_differences(sides, j, -ndtr(z) * scale))
                by_std.append(_differences(sides, j, np.exp(-0.5 * z**2 - _LOG_ROOT_TWO_PI) * scale))
    shares = np.prod(factors, axis=0)
    total = shares.sum(axis=1)
    logs = tops + np.log(np.maximum(total, 1e-300))
    to_means, to_stds = np.zeros(means.shape), np.zeros(means.shape)
    if with_slopes:
        for j in range(means.shape[1]):
            others = np.prod([each for i, each in enumerate(factors) if i != j], axis=0)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                to_means[:, j] = (others * by_mean[j]).sum(axis=1) / total
                to_stds[:, j] = (others * by_std[j]).sum(axis=1) / total
    poor = ~(total > _SAFE) | ~np.isfinite(to_means).all(axis=1) | ~np.isfinite(to_stds).all(axis=1)
    if with_slopes:
        # below z = -30 φ and Φ are too small for plain numbers, though their ratio to the top is not
        poor |= ((np.stack([e[-1] for e in sides.edges]) - means) / stds < -30.0).any(axis=1)
    if poor.any():
        logs[poor], to_means[poor], to_stds[poor] = _logarithmic(sides, means[poor], stds[poor])
    return logs, to_means, to_stds


def _differences(sides: Sides, j: int, at_edges: Array) -> Array:
    """Return a quantity's difference between each box's sides in objective j, (n, k); 0 at -inf."""
    padded = np.concatenate([np.zeros((len(at_edges), 1)), at_edges], axis=1)
    return np.asarray(padded[:, sides.upper[j]] - padded[:, sides.lower[j]])


def _logarithmic(sides: Sides, means: Array, stds: Array) -> tuple[Array, Array, Array]:
    """Return logarithm and slopes with every factor as a logarithm."""
    n, m = means.shape
    k = sides.lower.shape[1]
    logs = np.zeros((n, k))
    by_mean, by_std = np.empty((m, n, k)), np.empty((m, n, k))
    for j, edges in enumerate(sides.edges):
        mean, std = means[:, j, None], stds[:, j, None]
        z = np.concatenate([np.full((n, 1), -np.inf), (edges[1:] - mean) / std], axis=1)
        factor, by_mean[j], by_std[j] = _log_factor(z[:, sides.lower[j]], z[:, sides.upper[j]])
        logs += factor + np.log(std)
        by_mean[j] /= std
        by_std[j] /= std
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=1)
    weights /= total[:, None]
    to_means = np.einsum("nk,mnk->nm", weights, by_mean)
    return top[:, 0] + np.log(total), to_means, np.einsum("nk,mnk->nm", weights, by_std)


def _log_factor(low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Return log(h(high) - h(low)) for h(z) = φ(z) + z Φ(z), and its slopes, all of one shape.

    The slopes are by mean and by standard deviation, at a standard deviation of one, for low = (l - mean) /
    std and high likewise: -ΔΦ/Δh and Δφ/Δh.
    """
    shape = high.shape
    low, high = low.ravel(), high.ravel()
    open_below = np.isneginf(low)
    bottom = np.where(open_below, high - 1.0, low)
    width = high - bottom
    middle = 0.5 * (high + bottom)
    narrow = (width * (1.0 + np.abs(middle)) < _NARROW) & ~open_below

    log_high, log_low = _log_h(high), _log_h(bottom)
    gap = np.where(open_below, -np.inf, np.minimum(log_low - log_high, -1e-300))
    log_middle = log_ndtr(middle)
    logs = np.where(narrow, np.log(np.maximum(width, 1e-300)) + log_middle, log_high + np.log(-np.expm1(gap)))

    phi_high, phi_low = log_ndtr(high), np.where(open_below, -np.inf, log_ndtr(bottom))
    density_high = -0.5 * high**2 - _LOG_ROOT_TWO_PI
    density_low = np.where(open_below, -np.inf, -0.5 * bottom**2 - _LOG_ROOT_TWO_PI)
    # to the first order of its width a narrow box has the slopes of log Φ in its middle
    hazard = np.exp(-0.5 * middle**2 - _LOG_ROOT_TWO_PI - log_middle)
    far = high < -1e4  # the logarithms are rounding alone there; the ratios tend to |z| and z²
    with np.errstate(over="ignore", invalid="ignore"):
        by_mean = -(np.exp(phi_high - logs) - np.exp(phi_low - logs))
        by_std = np.exp(density_high - logs) - np.exp(density_low - logs)
    by_mean = np.where(narrow, -hazard, np.where(far, high, by_mean))
    by_std = np.where(narrow, -middle * hazard, np.where(far, high**2, by_std))
    return logs.reshape(shape), by_mean.reshape(shape), by_std.reshape(shape)
