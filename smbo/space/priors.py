"""Priors: the distribution of the optimum in one dimension, in the dimension's own units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from smbo.errors import SpaceError
from smbo.plain_values import finite_number, shown
from smbo.training_data import Array

# A prior so many standard deviations away from the range is taken for a mistake in the units.
_MAX_DEVIATIONS = 10.0


@dataclass(frozen=True)
class Normal:
    """A normal prior of the optimum, truncated to the dimension's range.

    Args:
        mean, std: in the dimension's own units; std > 0.

    Raises:
        SpaceError: a figure that is not finite or out of range.

    >>> log_density, slope = Normal(0.4, 0.1).log_density(np.array([0.4, 0.5]))
    >>> log_density.round(3)
    array([-0. , -0.5])
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        _check(self, "mean", -math.inf)
        _check(self, "std", 0.0)

    @property
    def centre(self) -> float:
        """Mode of the density."""
        return self.mean

    def log_density(self, values: Array) -> tuple[Array, Array]:
        """Return the log density over that of the centre, and its slope, each of the values' shape."""
        z = (values - self.mean) / self.std
        return -0.5 * z**2, -z / self.std

    def quantiles(self, shares: Array, low: float, high: float) -> Array:
        """Return quantiles of the prior truncated to [low, high], in the shape of ``shares``."""
        return np.clip(
            self.mean
            + self.std * _truncated((low - self.mean) / self.std, (high - self.mean) / self.std, shares),
            low,
            high,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the prior as JSON values."""
        return {"normal": [self.mean, self.std]}


@dataclass(frozen=True)
class LogNormal:
    """A normal prior of the optimum's logarithm: LogNormal(1e-3, 3) has one deviation at 3.3e-4 and 3e-3.

    Args:
        median: > 0, in the dimension's own units.
        factor: > 1; one standard deviation is this factor up or down.

    Raises:
        SpaceError: a figure that is not finite or out of range.

    >>> LogNormal(1e-3, 3).quantiles(np.array([0.5]), 1e-5, 1e-1).round(6)
    array([0.001])
    """

    median: float
    factor: float

    def __post_init__(self) -> None:
        _check(self, "median", 0.0)
        _check(self, "factor", 1.0)

    @property
    def centre(self) -> float:
        """Mode of the density of log(value)."""
        return self.median

    def log_density(self, values: Array) -> tuple[Array, Array]:
        """Return the log density of log(value) over that of the centre, and its slope by the value."""
        width = math.log(self.factor)
        positive = np.maximum(values, 1e-300)
        z = (np.log(positive) - math.log(self.median)) / width
        return -0.5 * z**2, -z / (width * positive)

    def quantiles(self, shares: Array, low: float, high: float) -> Array:
        """Return quantiles of the prior truncated to [low, high], in the shape of ``shares``."""
        width, middle = math.log(self.factor), math.log(self.median)
        ends = [(math.log(max(end, 1e-300)) - middle) / width for end in (low, high)]
        return np.clip(np.exp(middle + width * _truncated(ends[0], ends[1], shares)), low, high)

    def to_json(self) -> dict[str, Any]:
        """Return the prior as JSON values."""
        return {"lognormal": [self.median, self.factor]}


Prior: TypeAlias = Normal | LogNormal


def as_prior(given: Any) -> Prior | None:
    """Return the prior of a number in either form: a prior, or {"normal": [mean, std]}.

    Raises:
        SpaceError: it is neither.
    """
    if given is None or isinstance(given, Normal | LogNormal):
        return given
    if isinstance(given, Mapping) and len(given) == 1:
        ((kind, figures),) = given.items()
        if kind in _KINDS and isinstance(figures, list | tuple) and len(figures) == 2:
            return _KINDS[kind](*figures)
    raise SpaceError(
        f"prior={given!r}: write Normal(mean, std) or LogNormal(median, factor); "
        "in a job file {normal: [mean, std]} or {lognormal: [median, factor]}"
    )


_KINDS: Mapping[str, type[Normal] | type[LogNormal]] = {"normal": Normal, "lognormal": LogNormal}


def check_within(prior: Prior | None, low: float, high: float) -> None:
    """Refuse a prior with next to no mass in [low, high].

    Raises:
        SpaceError: the range is too many standard deviations away: a mistake in the units, most likely.
    """
    if prior is None:
        return
    nearest = min(max(prior.centre, low), high)
    log_density, _ = prior.log_density(np.array([nearest]))
    if log_density[0] < -0.5 * _MAX_DEVIATIONS**2:
        raise SpaceError(
            f"prior: {prior} is more than {_MAX_DEVIATIONS:g} standard deviations from all of "
            f"[{low:g}, {high:g}]; give it in the units of the range, or leave it out"
        )


def as_weights(given: Any, n: int) -> tuple[float, ...] | None:
    """Return the prior weights of n choices, as given; None for no prior.

    Raises:
        SpaceError: not one positive number for each.
    """
    if given is None:
        return None
    is_list = isinstance(given, list | tuple) or getattr(given, "ndim", 0) == 1
    weights = tuple(finite_number(weight) or 0.0 for weight in given) if is_list else ()
    if len(weights) != n or not all(weight > 0.0 for weight in weights):
        raise SpaceError(f"prior={shown(given)}: give a positive weight for each of the {n} choices")
    return weights


def _check(prior: Any, name: str, low: float) -> None:
    value = finite_number(getattr(prior, name))
    if value is None or not low < value:
        needed = "a finite number" if low == -math.inf else f"a finite number above {low:g}"
        given = shown(getattr(prior, name))
        raise SpaceError(f"prior: {name}={given} of {type(prior).__name__}; {needed} is needed")
    object.__setattr__(prior, name, value)


def _truncated(low: float, high: float, shares: Array) -> Array:
    """Return quantiles of a standard normal variable within [low, high]."""
    if low > 0.0:  # in the upper tail differences of probabilities are lost; the lower has them
        return -_truncated(-high, -low, 1.0 - shares)
    from scipy.special import log_ndtr, ndtr, ndtri  # a worker that evaluates points needs no scipy

    start, end = ndtr(low), ndtr(high)
    if end - start < 1e-280:  # all of it lies at the end that is nearest to the centre
        return np.full_like(shares, high)
    del start
    log_low, log_high = float(log_ndtr(low)), float(log_ndtr(high))
    inside = np.exp(log_low - log_high)
    return np.clip(ndtri(end * (inside + shares * (1.0 - inside))), low, high)
