"""Points beyond the ranges of a space, as source studies have them: a wider space, and their coordinates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from smbo.errors import SpaceError
from smbo.space.numeric import Integer, Real
from smbo.space.space import Space
from smbo.training_data import Array


def neighbourhood(space: Space) -> Space:
    """Return a space without its known constraints, its ranges wider by one width at each end."""
    wider = {name: _wider(dimension) for name, dimension in space.dimensions.items()}
    return Space(wider)


def _wider(dimension: Any) -> Any:
    """Return a numeric dimension wider by its width (or its ratio) at each end; any other as it is."""
    if not isinstance(dimension, Real | Integer):
        return dimension
    low, high, step = dimension.low, dimension.high, dimension.step
    is_grid = step is not None or isinstance(dimension, Integer)
    try:
        if is_grid:
            unit = 1 if step is None else step
            n_levels = dimension.n_levels or 1
            n_below = n_levels - 1
            if dimension.log:
                n_below = min(n_below, math.ceil(low / unit) - 1)
            ends = low - n_below * unit, high + (n_levels - 1) * unit
        elif dimension.log:
            ends = low * (low / high), high * (high / low)
        else:
            ends = low - (high - low), high + (high - low)
        return replace(dimension, low=ends[0], high=ends[1], prior=None)  # type: ignore[arg-type]
    except (SpaceError, OverflowError):  # beyond what a dimension can hold
        return dimension


def to_unit_beyond(space: Space, points: Sequence[Mapping[str, Any]]) -> Array:
    """Return points of a space's neighbourhood in the coordinates of its unit cube, (m, d)."""
    units = space.snap(space.to_unit(points))
    for column, axis in enumerate(space.axes):
        dimension = space.dimensions[axis.name]
        if not isinstance(dimension, Real | Integer):
            continue
        values = np.array([point.get(axis.name, dimension.low) for point in points], dtype=np.float64)
        out = (values < dimension.low) | (values > dimension.high)
        units[out, column] = dimension.to_unit_beyond(values[out].tolist())
    return units
