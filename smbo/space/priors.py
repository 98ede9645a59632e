"""Where a user thinks that the optimum lies: beliefs about single dimensions, in their own units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from smbo.errors import SpaceError
from smbo.training_data import Array

# Standard deviations from the range at which a belief is no belief about it.
_FARTHEST = 10.0


@dataclass(frozen=True)
class Normal:
    """The optimum lies around ``mean``, give or take ``std``, in the dimension's own units."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        _check(self, "mean", -math.inf)
        _check(self, "std", 0.0)

    @property
    def centre(self) -> float:
        """Where the optimum most likely lies."""
        return self.mean

    def log_density(self, values: Array) -> tuple[Array, Array]:
        """Return the log density over that of the centre, and its slope, each of the values' shape."""
        z = (values - self.mean) / self.std
        return -0.5 * z**2, -z / self.std

    def quantiles(self, shares: Array, low: float, high: float) -> Array:
        """Return the values below which these shares of the belief within [low, high] lie."""
        return np.clip(
            self.mean
            + self.std * _truncated((low - self.mean) / self.std, (high - self.mean) / self.std, shares),
            low,
            high,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the belief as JSON values."""
        return {"normal": [self.mean, self.std]}


@dataclass(frozen=True)
class LogNormal:
    """The optimum lies around ``median``, up or down by ``factor``: LogNormal(1e-3, 3) is 3.3e-4 to 3e-3."""

    median: float
    factor: float

    def __post_init__(self) -> None:
        _check(self, "median", 0.0)
        _check(self, "factor", 1.0)

    @property
    def centre(self) -> float:
        """Where the optimum most likely lies, on the logarithmic scale."""
        return self.median

    def log_density(self, values: Array) -> tuple[Array, Array]:
        """Return the log density of log(value) over that of the centre, and its slope by the value."""
        width = math.log(self.factor)
        positive = np.maximum(values, 1e-300)
        z = (np.log(positive) - math.log(self.median)) / width
        return -0.5 * z**2, -z / (width * positive)

    def quantiles(self, shares: Array, low: float, high: float) -> Array:
        """Return the values below which these shares of the belief within [low, high] lie."""
        width, middle = math.log(self.factor), math.log(self.median)
        ends = [(math.log(max(end, 1e-300)) - middle) / width for end in (low, high)]
        return np.clip(np.exp(middle + width * _truncated(ends[0], ends[1], shares)), low, high)

    def to_json(self) -> dict[str, Any]:
        """Return the belief as JSON values."""
        return {"lognormal": [self.median, self.factor]}


Belief: TypeAlias = Normal | LogNormal


def as_belief(given: Any) -> Belief | None:
    """Return what a user wrote for a belief about a number: one, or {"normal": [mean, std]}.

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


def check_within(prior: Belief | None, low: float, high: float) -> None:
    """Refuse a belief that leaves no room for any value of [low, high].

    Raises:
        SpaceError: it is next to impossible that the optimum lies there: a mistake in the units, most likely.
    """
    if prior is None:
        return
    nearest = min(max(prior.centre, low), high)
    log_density, _ = prior.log_density(np.array([nearest]))
    if log_density[0] < -0.5 * _FARTHEST**2:
        raise SpaceError(
            f"prior: {prior} is more than {_FARTHEST:g} standard deviations from all of [{low:g}, {high:g}]; "
            "give it in the units of the range, or leave it out"
        )


def as_weights(given: Any, n: int) -> tuple[float, ...] | None:
    """Return how likely each of n choices holds the optimum, as given; None for nothing said.

    Raises:
        SpaceError: not one positive number for each.
    """
    if given is None:
        return None
    weights = tuple(given) if isinstance(given, list | tuple) else ()
    are_numbers = all(isinstance(w, int | float) and not isinstance(w, bool) for w in weights)
    if len(weights) != n or not are_numbers or not all(0.0 < w < math.inf for w in weights):
        raise SpaceError(f"prior={given!r}: give a positive weight for each of the {n} choices")
    return tuple(float(weight) for weight in weights)


def _check(belief: Any, name: str, low: float) -> None:
    value = getattr(belief, name)
    if isinstance(value, np.generic):
        value = value.item()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and low < value < math.inf):
        needed = "a finite number" if low == -math.inf else f"a finite number above {low:g}"
        raise SpaceError(f"prior: {name}={value!r} of {type(belief).__name__}; {needed} is needed")
    object.__setattr__(belief, name, float(value))


def _truncated(low: float, high: float, shares: Array) -> Array:
    """Return quantiles of a standard normal variable within [low, high]."""
    if low > 0.0:  # in the upper tail differences of probabilities are lost; the lower has them
        return -_truncated(-high, -low, 1.0 - shares)
    start, end = ndtr(low), ndtr(high)
    if end - start < 1e-280:  # all of it lies at the end that is nearest to the centre
        return np.full_like(shares, high)
    del start
    log_low, log_high = float(log_ndtr(low)), float(log_ndtr(high))
    inside = np.exp(log_low - log_high)
    return np.clip(ndtri(end * (inside + shares * (1.0 - inside))), low, high)
