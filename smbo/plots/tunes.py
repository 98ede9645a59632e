"""Figures of a tune: pulls, correlations, shares of the information (bins: ``observables``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smbo.plots.observables import MAX_PULL, Curve, clipped
from smbo.plots.style import COLOURS, INK, MARKERS, MUTED, new_figure, shorten, style
from smbo.training_data import Array
from smbo.tuning import Tune


def pulls_figure(tune: Tune, others: Sequence[Curve] = ()) -> Any:
    """Draw the mean squared pull of each observable, also by other predictions, and the pulls of its bins."""
    shown = tune.observables
    with style():
        figure = new_figure(8.6, 1.2 + 0.3 * len(shown))
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.0, 1.3])
        positions = np.arange(len(shown))
        left.barh(
            positions,
            [each.chi2 / max(len(each.pulls), 1) for each in shown],
            height=0.62,
            color=[COLOURS["tune"] if each.weight else "0.8" for each in shown],
            label="tune",
        )
        for curve in others:
            means = [
                curve.mean_squared_pull(tune.statistic, where) for where in tune.statistic.slices().values()
            ]
            left.plot(
                means,
                positions,
                MARKERS[curve.role],
                color=COLOURS[curve.role],
                markeredgecolor="white",
                markersize=5.5,
                label=curve.name,
            )
        figure.legend(loc="outside upper center", ncols=4)
        left.set_axisbelow(True)
        left.axvline(1.0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
        left.set_yticks(positions, [shorten(each.name, 36) for each in shown])
        left.set_ylim(len(shown) - 0.4, -0.6)
        left.set_xlabel("mean squared pull")
        for position, each in zip(positions, shown):
            spread = np.linspace(-0.24, 0.24, len(each.pulls)) if len(each.pulls) > 1 else np.zeros(1)
            colour = COLOURS["tune"] if each.weight else MUTED
            right.plot(clipped(each.pulls), position + spread, ".", color=colour, markersize=3.5, alpha=0.8)
        right.axvspan(-1, 1, color="0.92", linewidth=0, zorder=0)
        right.set_xlim(-MAX_PULL - 0.4, MAX_PULL + 0.4)
        right.set_xlabel("pull of each bin, first bin on top")
        return figure


def correlation_figure(tune: Tune) -> Any:
    """Draw the correlations of the parameters."""
    return _matrix(tune.correlation, tune.names, tune.names, "{:+.2f}", (-1.0, 1.0), "RdBu_r", "correlation")


def information_figure(tune: Tune) -> Any:
    """Draw each observable's share of the information on each parameter, in percent."""
    used = [each for each in tune.observables if each.weight]
    shares = 100.0 * np.array([each.information for each in used])
    names = [each.name for each in used]
    return _matrix(shares, names, tune.names, "{:.0f}", (0.0, 100.0), "Blues", "% of the information")


def _matrix(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    form: str,
    limits: tuple[float, float],
    colours: str,
    label: str,
) -> Any:
    with style():
        figure = new_figure(2.9 + 0.62 * len(columns), 1.5 + 0.34 * max(len(rows), 3))
        axes = figure.subplots()
        image = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
        axes.set_xticks(range(len(columns)), [shorten(c, 18) for c in columns], rotation=40, ha="right")
        axes.set_yticks(range(len(rows)), [shorten(r, 30) for r in rows])
        axes.grid(visible=False)
        dark = 0.6 * max(abs(limits[0]), abs(limits[1]))
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if abs(value) > dark else INK
            axes.text(column, row, form.format(value), ha="center", va="center", fontsize=7.5, color=colour)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=30, pad=0.02, label=label)
        bar.outline.set_visible(False)
        return figure
