"""Axes that show the whole range of a dimension."""

from __future__ import annotations

from typing import Any

from smbo.plots.style import plain_log_labels
from smbo.space import Integer, Real, Space


def show_ranges(axes: Any, space: Space, across: str, up: str) -> None:
    """Show the whole range of both dimensions, so that a crowd at a bound is seen to be one."""
    for name, axis, set_scale, set_limits in (
        (across, axes.xaxis, axes.set_xscale, axes.set_xlim),
        (up, axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        dimension = space.dimensions[name]
        if not isinstance(dimension, Real | Integer):
            continue
        low, high = float(dimension.low), float(dimension.high)
        if dimension.log:
            set_scale("log")
            set_limits(low * (low / high) ** 0.05, high * (high / low) ** 0.05)
            plain_log_labels(axis, at_most=4)  # after the limits, on which they depend
        else:
            axis.get_major_locator().set_params(nbins=4, integer=isinstance(dimension, Integer))
            set_limits(low - 0.05 * (high - low), high + 0.05 * (high - low))
