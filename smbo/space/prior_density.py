"""The prior density of the optimum over a space (πBO): the product of the priors of its dimensions.

Source: Hvarfner et al. (2022), "πBO: Augmenting Acquisition Functions with User Beliefs for Bayesian
    Optimization".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smbo.space.categorical import Categorical, Constant
from smbo.space.space import Space
from smbo.training_data import Array, TrainingData

# Weight of a uniform density that is mixed in, so that a wrong prior delays the search but cannot
# exclude the optimum for ever: the density falls to e^-4.6 of the highest at the least.
_UNIFORM_WEIGHT = 0.01
# Log densities that differ by less do not tell probable points from improbable ones.
_MIN_LOG_RANGE = 1.0
_MIN_SHARE = 1e-300


@dataclass(frozen=True, eq=False)
class PriorDensity:
    """The product of independent priors, with a uniform density mixed in.

    Attributes:
        space: with the priors in its dimensions.
    """

    space: Space

    @classmethod
    def of(cls, space: Space) -> PriorDensity | None:
        """Return the prior density of a space, None where no dimension has a prior."""
        return cls(space) if any(each.prior is not None for each in space.dimensions.values()) else None

    def log_density(self, points: Array) -> tuple[Array, Array]:
        """Return the log density at snapped unit points (m, d) over the highest, (m,), and its gradient.

        An inactive dimension adds nothing.
        """
        total, gradient = np.zeros(len(points)), np.zeros(points.shape)
        active = self.space.active(points)
        for column, axis in enumerate(self.space.axes):
            dimension = self.space.dimensions[axis.name]
            if dimension.prior is None:
                continue
            assert not isinstance(dimension, Constant)
            if isinstance(dimension, Categorical):
                assert dimension.prior is not None
                logs = np.log(np.array(dimension.prior) / max(dimension.prior))
                said, slope = logs[dimension.indices(points[:, column])], np.zeros(len(points))
            else:
                values = dimension.column(points[:, column])
                said, by_value = dimension.prior.log_density(values)
                low, high = float(dimension.low), float(dimension.high)
                to_value = values * math.log(high / low) if dimension.log else high - low
                slope = by_value * to_value
            total += np.where(active[:, column], said, 0.0)
            gradient[:, column] = np.where(active[:, column], slope, 0.0)
        share = np.exp(total)
        mixed = share + _UNIFORM_WEIGHT
        return np.log(mixed / (1.0 + _UNIFORM_WEIGHT)), (share / mixed)[:, None] * gradient

    def is_supported(self, data: TrainingData, n: int) -> bool:
        """Return whether the lowest of the first n values is at a point of high prior density.

        High means at one of the denser half of these n points, where their densities differ at all.
        """
        values = np.where(data.feasible, data.values, np.inf)[:n]
        if len(values) < n or not np.isfinite(values).any():
            return False
        said, _ = self.log_density(data.points[:n])
        return bool(np.ptp(said) >= _MIN_LOG_RANGE and said[np.argmin(values)] >= np.median(said))

    def design(self, rows: Array, start: int) -> Array:
        """Return rows ``start``, … of a design (m, d) with every second one mapped to the prior.

        The very first is the mode of the prior.
        """
        rows = rows.copy()
        mine = np.arange(start, start + len(rows)) % 2 == 0
        shares = np.clip(rows[mine], _MIN_SHARE, 1.0)
        first = int(start == 0)
        shares[:first] = 0.5
        for column, axis in enumerate(self.space.axes):
            dimension = self.space.dimensions[axis.name]
            if dimension.prior is None:
                continue
            assert not isinstance(dimension, Constant)
            if isinstance(dimension, Categorical):
                assert dimension.prior is not None
                weights = np.array(dimension.prior)
                levels = np.searchsorted(np.cumsum(weights / weights.sum()), shares[:, column], side="right")
                levels[:first] = int(weights.argmax())
                rows[mine, column] = dimension.positions()[np.minimum(levels, len(weights) - 1)]
            else:
                low, high = float(dimension.low), float(dimension.high)
                values = dimension.prior.quantiles(shares[:, column], low, high)
                values[:first] = np.clip(dimension.prior.centre, low, high)
                if dimension.log:
                    units = np.log(values / low) / math.log(high / low)
                else:
                    units = (values - low) / (high - low)
                rows[mine, column] = np.clip(units, 0.0, 1.0)
        return rows
