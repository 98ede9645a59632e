"""Axes that show the whole range of a dimension, and a triangle of them for pairs of dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from smbo.plots.style import plain_log_labels, shorten
from smbo.space import Integer, Real, Space


def show_ranges(axes: Any, space: Space, across: str, up: str) -> None:
    """Show the whole range of both dimensions, so that evaluations crowded at a bound stand out."""
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
            plain_log_labels(axis, at_most=4)  # after the limits are set, on which the labels depend
        else:
            axis.get_major_locator().set_params(nbins=4, integer=isinstance(dimension, Integer))
            set_limits(low - 0.05 * (high - low), high + 0.05 * (high - low))


def pair_panels(figure: Any, space: Space, names: Sequence[str]) -> Iterator[tuple[Any, str, str]]:
    """Yield (axes, horizontal name, vertical name) of a triangle of panels, one for each pair of names.

    Ranges and labels of a panel are set when the next panel is requested, after its content is drawn.
    """
    n = len(names) - 1
    panels = figure.subplots(n, n, squeeze=False, sharex="col", sharey="row")
    for row, column in np.ndindex(n, n):
        axes, across, up = panels[row, column], names[column], names[row + 1]
        if column > row:
            axes.set_visible(False)
            continue
        yield axes, across, up
        show_ranges(axes, space, across, up)
        if row == n - 1:
            axes.set_xlabel(shorten(across, 18))
            axes.tick_params(axis="x", rotation=30)
        if column == 0:
            axes.set_ylabel(shorten(up, 18))


def pair_colour_bar(figure: Any, content: Any) -> Any:
    """Return a colour bar beside a triangle of panels, for content drawn in one of them."""
    bar = figure.colorbar(content, ax=figure.axes, shrink=0.6, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    figure.align_ylabels()
    return bar
