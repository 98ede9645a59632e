"""Figures of observables: measured and predicted bins with their ratio, and pulls of mean values.

One family of panels for all predictions on a page: a tune with the band of its eigentunes, and the averages
of evaluated points.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smbo.plots.style import COLOURS, DASHES, MARKERS, MUTED, decade_labels, new_figure, shorten, style
from smbo.problem import Outcome
from smbo.problem.observables import ObservableAxes
from smbo.training_data import Array
from smbo.tuning.bands import Band
from smbo.tuning.statistic import Statistic

RATIO_LABEL = "MC / data"
_BAND = "eigentunes"
_COLUMNS, _ROWS = 3, 3
_PANEL = (3.7, 3.5)  # inches
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.68, 0.12, 0.48, 0.5  # inches around the axes of a panel
_RATIO_INCHES = 0.78
_LEGEND_INCHES = 0.4
MAX_PULL = 8.0  # larger pulls are drawn at the edge


@dataclass(frozen=True, eq=False)
class Curve:
    """A prediction of all bins.

    Attributes:
        role: "tune", "recommended" or "baseline", by which it has its colour (``style.COLOURS``).
        name: in legends.
        outputs, variances: of the bins, shape (k,).
        band: of a tune's eigentunes.
    """

    role: str
    name: str
    outputs: Array
    variances: Array
    band: Band | None = None

    @classmethod
    def of_outcomes(cls, role: str, name: str, outcomes: Sequence[Outcome], n_bins: int) -> Curve | None:
        """Return the average of evaluations of a point; None unless all hold so many outputs."""
        vectors = [outcome.outputs for outcome in outcomes if outcome.outputs is not None]
        if not vectors or any(len(each) != n_bins for each in vectors) or len(vectors) < len(outcomes):
            return None
        variances = [
            np.zeros(n_bins) if each.outputs_variance is None else each.outputs_variance.reshape(n_bins, -1)
            for each in outcomes
        ]
        # of a low-rank covariance the first column is what is independent, the others are factors
        full = [each if each.ndim == 1 else each[:, 0] + (each[:, 1:] ** 2).sum(axis=1) for each in variances]
        return cls(role, name, np.mean(vectors, axis=0), np.mean(full, axis=0) / len(vectors))

    def pulls(self, statistic: Statistic) -> Array:
        """Return (prediction - data) / error of each bin, NaN where the data have none, shape (k,)."""
        full = np.where(statistic.variances > 0.0, statistic.variances + self.variances, np.nan)
        return np.asarray((self.outputs - statistic.data) / np.sqrt(full))

    def mean_squared_pull(self, statistic: Statistic, bins: slice) -> float:
        """Return the mean of the squared pulls of an observable, NaN without any."""
        squares = self.pulls(statistic)[bins] ** 2
        known = np.isfinite(squares)
        return float(squares[known].mean()) if known.any() else math.nan


def panel_figures(
    statistic: Statistic, charts: Sequence[ObservableAxes], curves: Sequence[Curve]
) -> Iterator[tuple[str, Any]]:
    """Yield (title, figure): data and predictions, and their ratio, up to nine observables each."""
    groups: dict[str, list[ObservableAxes]] = {}
    for chart in charts:
        if not chart.bins:
            groups.setdefault(f"{chart.family}, {chart.title}".strip(", "), []).append(chart)
    for title, members in groups.items():
        pages = math.ceil(len(members) / (_COLUMNS * _ROWS))
        for page in range(pages):
            part = members[page * _COLUMNS * _ROWS : (page + 1) * _COLUMNS * _ROWS]
            name = f"{title or 'Observables'} ({page + 1})" if pages > 1 else title or "Observables"
            with style():
                yield name, _panels(statistic, part, curves)


def means_figure(
    statistic: Statistic, charts: Sequence[ObservableAxes], curves: Sequence[Curve]
) -> Any | None:
    """Draw the pulls of observables without an axis, such as mean multiplicities; None without any."""
    chosen = [chart for chart in charts if chart.bins]
    if not chosen:
        return None
    where = statistic.slices()
    rows = np.concatenate([np.arange(where[c.name].start, where[c.name].stop) for c in chosen])
    labels = [label for chart in chosen for label in chart.bins]
    with style():
        figure = new_figure(6.4, 1.1 + 0.24 * len(rows))
        axes = figure.subplots()
        axes.axvspan(-1, 1, color="0.92", linewidth=0)
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        for number, curve in enumerate(curves):
            # side by side: points at equal pulls would overlap
            shift = 0.24 * (number - 0.5 * (len(curves) - 1))
            axes.plot(
                clipped(curve.pulls(statistic)[rows]),
                np.arange(len(rows)) + shift,
                MARKERS[curve.role],
                color=COLOURS[curve.role],
                markersize=4.5,
                label=curve.name,
            )
        axes.set_yticks(range(len(rows)), labels)
        for label in axes.get_yticklabels():
            label.set_parse_math(True)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(-MAX_PULL - 0.4, MAX_PULL + 0.4)
        axes.set_xlabel("(MC - data) / error")
        processes = dict.fromkeys(chart.process for chart in chosen if chart.process)
        axes.set_title(", ".join(processes), loc="left", fontsize=8, fontweight="normal")
        if curves:
            figure.legend(loc="outside upper center", ncols=3)
        return figure


def clipped(pulls: Array) -> Array:
    """Return pulls with those beyond the edge of a figure at the edge."""
    return np.clip(pulls, -MAX_PULL, MAX_PULL)


def _panels(statistic: Statistic, charts: Sequence[ObservableAxes], curves: Sequence[Curve]) -> Any:
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(charts))
    rows = math.ceil(len(charts) / columns)
    size = (_PANEL[0] * columns, _PANEL[1] * rows + _LEGEND_INCHES)
    # panels are placed by hand: a constrained layout takes ten seconds for nine with logarithmic axes
    figure = Figure(figsize=size)
    where = statistic.slices()
    for number, chart in enumerate(charts):
        upper, lower = _pair(figure, size, number, columns)
        bins = where[chart.name]
        _spectrum(upper, chart, statistic, bins, curves)
        _ratio(lower, chart, statistic, bins, curves)
        _title(upper, chart, statistic, bins, curves)
    found = dict(zip(*reversed(upper.get_legend_handles_labels())))
    order = [name for name in ("data", *(curve.name for curve in curves), _BAND) if name in found]
    figure.legend([found[name] for name in order], order, loc="upper center", ncols=5)
    return figure


def _pair(figure: Any, size: tuple[float, float], number: int, columns: int) -> tuple[Any, Any]:
    row, column = divmod(number, columns)
    left, wide = column * _PANEL[0] + _LEFT, _PANEL[0] - _LEFT - _RIGHT
    bottom = size[1] - _LEGEND_INCHES - (row + 1) * _PANEL[1] + _BOTTOM
    high = _PANEL[1] - _BOTTOM - _RATIO_INCHES - _TOP
    lower = figure.add_axes((left / size[0], bottom / size[1], wide / size[0], _RATIO_INCHES / size[1]))
    upper = figure.add_axes(
        (left / size[0], (bottom + _RATIO_INCHES) / size[1], wide / size[0], high / size[1]), sharex=lower
    )
    return upper, lower


def _title(
    axes: Any, chart: ObservableAxes, statistic: Statistic, bins: slice, curves: Sequence[Curve]
) -> None:
    """Write the process above a panel, and the name of the observable with χ²/n of each curve."""
    squares = " / ".join(f"{curve.mean_squared_pull(statistic, bins):.2f}" for curve in curves)
    unused = "" if statistic.weights[bins].any() else " (not in the fit)"
    name = shorten(chart.name, 26) + unused
    line = f"{name}: χ²/n = {squares}" if squares else name
    axes.set_title(f"{chart.process}\n{line}", loc="left", fontsize=8, fontweight="normal", y=1.0)


def _spectrum(
    axes: Any, chart: ObservableAxes, statistic: Statistic, bins: slice, curves: Sequence[Curve]
) -> None:
    # data without a number are kept as 0 ± 0
    data = np.where(statistic.variances[bins] > 0.0, statistic.data[bins], np.nan)
    centre, half = 0.5 * (chart.low + chart.high), 0.5 * (chart.high - chart.low)
    for curve in curves:
        values = curve.outputs[bins]
        if curve.band is not None:
            below, above = curve.band.below[bins], curve.band.above[bins]
            _fill_band(axes, chart, curve.role, values - below, values + above, _BAND)
    for curve in reversed(curves):  # the first is on top
        axes.plot(
            *_steps(chart, curve.outputs[bins]),
            color=COLOURS[curve.role],
            linestyle=DASHES[curve.role],
            linewidth=1.2,
            label=curve.name,
        )
    axes.errorbar(
        centre,
        data,
        statistic.errors[bins],
        half,
        fmt="o",
        ms=2.3,
        lw=0.8,
        color=COLOURS["data"],
        label="data",
        zorder=3,
    )
    if chart.log_x:  # a first bin that begins at 0 is cut off, since 0 has no logarithm
        axes.set_xscale("log")
    positive = data[data > 0]
    if chart.log_y and positive.size:
        axes.set_yscale("log")
        axes.set_ylim(positive.min() / 3, positive.max() * 3)
        decade_labels(axes.yaxis, at_most=6)
    elif not (data < 0).any():
        axes.set_ylim(bottom=0.0)
    label = axes.set_ylabel(chart.y_label, fontsize=8.5)
    label.set_parse_math(True)
    axes.tick_params(labelbottom=False, which="both")


def _ratio(
    axes: Any, chart: ObservableAxes, statistic: Statistic, bins: slice, curves: Sequence[Curve]
) -> None:
    data = statistic.data[bins]
    scale = np.where((data != 0.0) & (statistic.variances[bins] > 0.0), np.abs(data), np.nan)
    theory, errors = statistic.theory[bins] / scale, statistic.errors[bins] / scale
    centre, half = 0.5 * (chart.low + chart.high), 0.5 * (chart.high - chart.low)
    x, edge = _steps(chart, np.nan_to_num(theory))
    axes.fill_between(x, 1.0 - edge, 1.0 + edge, color="0.9", linewidth=0, zorder=0)
    ratios = [curve.outputs[bins] / scale for curve in curves]
    for curve, ratio in zip(curves, ratios):
        if curve.band is not None:
            below, above = curve.band.below[bins] / scale, curve.band.above[bins] / scale
            _fill_band(axes, chart, curve.role, ratio - below, ratio + above, None)
    for curve, ratio in reversed(list(zip(curves, ratios))):
        axes.plot(
            *_steps(chart, ratio), color=COLOURS[curve.role], linestyle=DASHES[curve.role], linewidth=1.2
        )
    axes.errorbar(centre, np.sign(data), errors, half, fmt="none", lw=0.8, color=COLOURS["data"])
    off = [np.abs(ratio - np.sign(data)) for ratio in ratios]
    half_height, ticks = _zoom(np.concatenate(off) if off else np.zeros(0))
    axes.set_ylim(1.0 - half_height, 1.0 + half_height)
    axes.set_yticks(ticks)
    axes.set_ylabel(RATIO_LABEL, fontsize=8)
    axes.set_xlabel(chart.x_label or "bin", fontsize=9).set_parse_math(True)
    axes.set_xlim(chart.low[0] if chart.low[0] > 0 or not chart.log_x else chart.high[0] / 3, chart.high[-1])
    if chart.log_x:
        decade_labels(axes.xaxis, at_most=5)


def _zoom(distances: Array) -> tuple[float, list[float]]:
    """Return half the height of a ratio panel that shows nine bins of ten, and its ticks."""
    known = distances[np.isfinite(distances)]
    reach = float(np.quantile(known, 0.9)) if len(known) else 0.0
    # the topmost tick would touch the panel above
    for half_height, ticks in ((0.14, [0.9, 1.0, 1.1]), (0.28, [0.8, 1.0, 1.2])):
        if reach < 0.8 * half_height:
            return half_height, ticks
    return 0.5, [0.6, 0.8, 1.0, 1.2]


def _fill_band(
    axes: Any, chart: ObservableAxes, role: str, low: Array, high: Array, label: str | None
) -> None:
    x, bottom = _steps(chart, low)
    _, top = _steps(chart, high)
    axes.fill_between(x, bottom, top, color=COLOURS[role], alpha=0.25, linewidth=0, label=label)


def _steps(chart: ObservableAxes, values: Array) -> tuple[Array, Array]:
    """Return the corners of a stepped line, broken where there is a gap between bins."""
    gap = np.full_like(values, np.nan)
    x = np.stack([chart.low, chart.high, chart.high], axis=1)
    y = np.stack([values, values, gap], axis=1)
    keep = np.ones(x.shape, dtype=bool)
    keep[np.append(np.isclose(chart.low[1:], chart.high[:-1]), False), 2] = False
    return x[keep], y[keep]
