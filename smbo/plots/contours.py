"""Figures of level sets: contour lines with their bands, or maps of the probability of being above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from smbo.analysis.contours import BAND, Contour
from smbo.plots.axes import pair_colour_bar, pair_panels, show_ranges
from smbo.plots.style import (
    BLUE,
    COLOURS,
    FAINT,
    GREEN,
    ORANGE,
    SKY,
    VERMILION,
    new_figure,
    shorten,
    style,
)
from smbo.space import Integer, Real
from smbo.trial import Trial, TrialState

_OF_FUNCTIONS = (BLUE, VERMILION, GREEN, ORANGE, SKY)
_N_BINS = 24  # along each axis of a projection
_MAX_PARAMETERS = 6  # in a figure of pairs
_N_GRID = 161  # points along each axis of a figure with lines


def contour_figures(contour: Contour, trials: Sequence[Trial]) -> list[tuple[str, Any]]:
    """Draw contours and return (stem of the file name, figure) pairs.

    With two continuous parameters one figure: the lines of all functions with their bands.  With more,
    one figure for each function: the probability that it is above its level, averaged over all parameters but
    two.  No figures with fewer than two numeric parameters.
    """
    numeric = [
        axis.name
        for axis in contour.space.axes
        if isinstance(contour.space.dimensions[axis.name], Real | Integer)
        and contour.space.dimensions[axis.name].active_when is None
    ]
    axes = contour.space.axes
    with style():
        if len(numeric) == len(axes) == 2 and all(axis.levels is None for axis in axes):
            return [("contour", _lines_figure(contour, trials, numeric))]
        if len(numeric) < 2:
            return []
        return [
            (f"contour-{row}", _pairs_figure(contour, row, trials, numeric[:_MAX_PARAMETERS]))
            for row in range(len(contour.names))
        ]


def _lines_figure(contour: Contour, trials: Sequence[Trial], names: Sequence[str]) -> Any:
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    figure = new_figure(6.4, 5.0)
    axes = figure.subplots()
    handles = []
    for row, (name, level) in enumerate(zip(contour.names, contour.level_set.levels)):
        colour = _OF_FUNCTIONS[row % len(_OF_FUNCTIONS)]
        ticks, above = contour.grid(name, _N_GRID)
        edges = [_in_units(contour, names[0], ticks), _in_units(contour, names[1], ticks)]
        if row == 0 and np.isnan(above).any():
            forbidden = np.where(np.isnan(above), 1.0, np.nan)
            axes.pcolormesh(*edges, forbidden, cmap=ListedColormap([FAINT]), alpha=0.5, rasterized=True)
        axes.contourf(*edges, above, levels=ndtri(BAND), colors=[colour], alpha=0.25)
        axes.contour(*edges, above, levels=[0.0], colors=[colour], linewidths=1.6)
        handles.append(Line2D([], [], color=colour, label=f"{shorten(name, 30)} = {level:g}"))
    handles += _scatter(axes, trials, names[0], names[1])
    show_ranges(axes, contour.space, names[0], names[1])
    axes.set_xlabel(shorten(names[0]))
    axes.set_ylabel(shorten(names[1]))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(4, len(handles)))
    return figure


def _pairs_figure(contour: Contour, row: int, trials: Sequence[Trial], names: Sequence[str]) -> Any:
    n = len(names) - 1
    figure = new_figure(1.9 * n + 1.5, 1.8 * n + 0.9)
    columns = {axis.name: index for index, axis in enumerate(contour.space.axes)}
    for axes, across, up in pair_panels(figure, contour.space, names):
        x, y = contour.survey[:, columns[across]], contour.survey[:, columns[up]]
        edges = np.linspace(0.0, 1.0, _N_BINS + 1)
        total, _, _ = np.histogram2d(y, x, bins=[edges, edges], weights=contour.above[row])
        count, _, _ = np.histogram2d(y, x, bins=[edges, edges])
        mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        image = axes.pcolormesh(
            _in_units(contour, across, edges),
            _in_units(contour, up, edges),
            mean,
            cmap="RdBu_r",
            vmin=0.0,
            vmax=1.0,
            rasterized=True,
        )
        _scatter(axes, trials, across, up, size=5)
    name, level = contour.names[row], contour.level_set.levels[row]
    pair_colour_bar(figure, image).set_label(f"probability of {shorten(name, 24)} > {level:g}")
    return figure


def _scatter(axes: Any, trials: Sequence[Trial], across: str, up: str, size: float = 12) -> list[Any]:
    """Draw complete and failed evaluations, and return the handles of their legend."""
    handles = []
    for state, marker, colour, label in (
        (TrialState.COMPLETE, "o", COLOURS["evaluation"], "evaluations"),
        (TrialState.FAILED, "x", COLOURS["failed"], "failed"),
    ):
        found = [trial for trial in trials if trial.state is state]
        if found:
            xs, ys = ([trial.params.get(name, math.nan) for trial in found] for name in (across, up))
            extra = {"linewidths": 0} if marker == "o" else {"linewidths": 0.8}
            handles.append(
                axes.scatter(xs, ys, s=size, c=colour, marker=marker, label=label, zorder=3, **extra)
            )
    return handles


def _in_units(contour: Contour, name: str, coordinates: Any) -> Any:
    """Return unit coordinates of one axis in the user's units."""
    dimension = contour.space.dimensions[name]
    assert isinstance(dimension, Real | Integer)
    low, high = float(dimension.low), float(dimension.high)
    if dimension.log:
        return low * (high / low) ** coordinates
    return low + coordinates * (high - low)
