"""Figures of a tune: data and prediction bin by bin, pulls, correlations, shares of the information."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smbo.plots.style import BLUE, INK, MUTED, SKY, VERMILION, new_figure, plain_log_labels, shorten, style
from smbo.problem.observables import ObservableAxes
from smbo.training_data import Array
from smbo.tuning import Tune
from smbo.tuning.bands import Band

_COLUMNS, _ROWS = 3, 3
_PANEL = (3.7, 3.3)  # inches
_LEGEND_INCHES = 0.4
_MAX_PULL = 8.0  # larger pulls are drawn at the edge


@dataclass(frozen=True, eq=False)
class Reference:
    """A point to compare a tune with: its name, and the model's prediction of its bins, (k,)."""

    name: str
    outputs: Array


def panel_figures(
    tune: Tune, charts: Sequence[ObservableAxes], band: Band, reference: Reference | None = None
) -> Iterator[tuple[str, Any]]:
    """Yield (title, figure): data, tune with its band, and their ratio, up to nine observables each."""
    groups: dict[str, list[ObservableAxes]] = {}
    for chart in charts:
        if not chart.bins:
            groups.setdefault(chart.title, []).append(chart)
    for title, members in groups.items():
        pages = math.ceil(len(members) / (_COLUMNS * _ROWS))
        for page in range(pages):
            part = members[page * _COLUMNS * _ROWS : (page + 1) * _COLUMNS * _ROWS]
            name = f"{title or 'Observables'} ({page + 1})" if pages > 1 else title or "Observables"
            with style():
                yield name, _panels(tune, part, band, reference)


def means_figure(
    tune: Tune, charts: Sequence[ObservableAxes], reference: Reference | None = None
) -> Any | None:
    """Draw the pulls of observables without an axis, such as mean multiplicities; None without any."""
    chosen = [chart for chart in charts if chart.bins]
    if not chosen:
        return None
    where = tune.statistic.slices()
    rows = np.concatenate([np.arange(where[c.name].start, where[c.name].stop) for c in chosen])
    labels = [label for chart in chosen for label in chart.bins]
    errors = _errors(tune)[rows]
    data = tune.statistic.data[rows]
    with style():
        figure = new_figure(6.4, 1.1 + 0.24 * len(rows))
        axes = figure.subplots()
        axes.axvspan(-1, 1, color="0.92", linewidth=0)
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        positions = np.arange(len(rows))
        if reference is not None:
            pulls = _clipped((reference.outputs[rows] - data) / errors)
            axes.plot(pulls, positions - 0.15, "s", color=VERMILION, markersize=4.5, label=reference.name)
        axes.plot(
            _clipped((tune.outputs[rows] - data) / errors), positions + 0.15, "o", color=BLUE, label="tune"
        )
        axes.set_yticks(positions, labels)
        for label in axes.get_yticklabels():
            label.set_parse_math(True)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(-_MAX_PULL - 0.4, _MAX_PULL + 0.4)
        axes.set_xlabel("(prediction - data) / error")
        figure.legend(loc="outside upper center", ncols=3)
        return figure


def pulls_figure(tune: Tune, reference: Reference | None = None) -> Any:
    """Draw the mean squared pull of each observable, and the pulls of its bins."""
    shown = tune.observables
    with style():
        figure = new_figure(8.6, 1.2 + 0.3 * len(shown))
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.0, 1.3])
        positions = np.arange(len(shown))
        left.barh(
            positions,
            [each.chi2 / max(len(each.pulls), 1) for each in shown],
            height=0.62,
            color=[BLUE if each.weight else "0.8" for each in shown],
        )
        if reference is not None:
            squares = ((reference.outputs - tune.statistic.data) / _errors(tune)) ** 2
            means = [float(squares[where].mean()) for where in tune.statistic.slices().values()]
            left.plot(means, positions, "d", color=VERMILION, markersize=5, label=reference.name)
            figure.legend(loc="outside upper center")
        left.set_axisbelow(True)
        left.axvline(1.0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
        left.set_yticks(positions, [shorten(each.name, 36) for each in shown])
        left.set_ylim(len(shown) - 0.4, -0.6)
        left.set_xlabel("mean squared pull")
        for position, each in zip(positions, shown):
            spread = np.linspace(-0.24, 0.24, len(each.pulls)) if len(each.pulls) > 1 else np.zeros(1)
            colour = BLUE if each.weight else MUTED
            right.plot(_clipped(each.pulls), position + spread, ".", color=colour, markersize=3.5, alpha=0.8)
        right.axvspan(-1, 1, color="0.92", linewidth=0, zorder=0)
        right.set_xlim(-_MAX_PULL - 0.4, _MAX_PULL + 0.4)
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


def _panels(tune: Tune, charts: Sequence[ObservableAxes], band: Band, reference: Reference | None) -> Any:
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(charts))
    rows = math.ceil(len(charts) / columns)
    size = (_PANEL[0] * columns, _PANEL[1] * rows + _LEGEND_INCHES)
    # panels are placed by hand: a constrained layout takes ten seconds for nine with logarithmic axes
    figure = Figure(figsize=size)
    where = tune.statistic.slices()
    for number, chart in enumerate(charts):
        upper, lower = _pair(figure, size, number, columns)
        bins = where[chart.name]
        _spectrum(upper, chart, tune, bins, band, reference)
        _ratio(lower, chart, tune, bins, band, reference)
    figure.legend(*upper.get_legend_handles_labels(), loc="upper center", ncols=4)
    return figure


def _pair(figure: Any, size: tuple[float, float], number: int, columns: int) -> tuple[Any, Any]:
    row, column = divmod(number, columns)
    left, wide = column * _PANEL[0] + 0.68, _PANEL[0] - 0.8
    bottom = size[1] - _LEGEND_INCHES - (row + 1) * _PANEL[1] + 0.48
    low, high = 0.78, _PANEL[1] - 0.48 - 0.78 - 0.3
    lower = figure.add_axes((left / size[0], bottom / size[1], wide / size[0], low / size[1]))
    upper = figure.add_axes(
        (left / size[0], (bottom + low) / size[1], wide / size[0], high / size[1]), sharex=lower
    )
    return upper, lower


def _spectrum(
    axes: Any, chart: ObservableAxes, tune: Tune, bins: slice, band: Band, reference: Reference | None
) -> None:
    data, errors = tune.statistic.data[bins], tune.statistic.errors[bins]
    centre, half = 0.5 * (chart.low + chart.high), 0.5 * (chart.high - chart.low)
    values = tune.outputs[bins]
    _fill_band(axes, chart, values - band.below[bins], values + band.above[bins], "eigentunes")
    if reference is not None:
        axes.plot(
            *_steps(chart, reference.outputs[bins]),
            color=VERMILION,
            linewidth=1.1,
            linestyle=(0, (4, 1.5)),
            label=reference.name,
        )
    axes.plot(*_steps(chart, values), color=BLUE, linewidth=1.3, label="tune")
    axes.errorbar(centre, data, errors, half, fmt="o", ms=2.3, lw=0.8, color=INK, label="data", zorder=3)
    if chart.log_x:  # a first bin that begins at 0 is cut off, since 0 has no logarithm
        axes.set_xscale("log")
    positive = data[data > 0]
    if chart.log_y and positive.size:
        axes.set_yscale("log")
        axes.set_ylim(positive.min() / 3, positive.max() * 3)
        plain_log_labels(axes.yaxis, at_most=6)
    elif (data >= 0).all():
        axes.set_ylim(bottom=0.0)
    label = axes.set_ylabel(chart.y_label, fontsize=8.5)
    label.set_parse_math(True)
    axes.tick_params(labelbottom=False, which="both")
    squares = next(each for each in tune.observables if each.name == chart.name)
    weight = "" if squares.weight else "  (not in the fit)"
    axes.set_title(
        f"{shorten(chart.name, 30)}: {squares.chi2 / len(data):.2f}{weight}",
        loc="right",
        fontsize=8,
        fontweight="normal",
        y=1.0,
    )


def _ratio(
    axes: Any, chart: ObservableAxes, tune: Tune, bins: slice, band: Band, reference: Reference | None
) -> None:
    statistic = tune.statistic
    data = statistic.data[bins]
    scale = np.where(data != 0.0, np.abs(data), np.nan)
    theory, errors = statistic.theory[bins] / scale, statistic.errors[bins] / scale
    centre, half = 0.5 * (chart.low + chart.high), 0.5 * (chart.high - chart.low)
    x, edge = _steps(chart, np.nan_to_num(theory))
    axes.fill_between(x, 1.0 - edge, 1.0 + edge, color="0.9", linewidth=0, zorder=0)
    values = tune.outputs[bins]
    _fill_band(axes, chart, (values - band.below[bins]) / scale, (values + band.above[bins]) / scale, None)
    if reference is not None:
        x, y = _steps(chart, reference.outputs[bins] / scale)
        axes.plot(x, y, color=VERMILION, linewidth=1.1, linestyle=(0, (4, 1.5)))
    axes.plot(*_steps(chart, values / scale), color=BLUE, linewidth=1.3)
    axes.errorbar(centre, np.sign(data), errors, half, fmt="none", lw=0.8, color=INK)
    shown = [values / scale] if reference is None else [values / scale, reference.outputs[bins] / scale]
    half_height, ticks = _zoom(np.abs(np.concatenate(shown) - np.sign(np.tile(data, len(shown)))))
    axes.set_ylim(1.0 - half_height, 1.0 + half_height)
    axes.set_yticks(ticks)
    axes.set_ylabel("ratio", fontsize=8.5)
    axes.set_xlabel(chart.x_label or "bin", fontsize=9).set_parse_math(True)
    axes.set_xlim(chart.low[0] if chart.low[0] > 0 or not chart.log_x else chart.high[0] / 3, chart.high[-1])
    if chart.log_x:
        plain_log_labels(axes.xaxis, at_most=5)


def _zoom(distances: Array) -> tuple[float, list[float]]:
    """Return half the height of a ratio panel that shows nine bins of ten, and its ticks."""
    known = distances[np.isfinite(distances)]
    reach = float(np.quantile(known, 0.9)) if len(known) else 0.0
    # the topmost tick would touch the panel above
    for half_height, ticks in ((0.12, [0.9, 1.0, 1.1]), (0.25, [0.8, 1.0, 1.2])):
        if reach < 0.8 * half_height:
            return half_height, ticks
    return 0.5, [0.6, 0.8, 1.0, 1.2]


def _fill_band(axes: Any, chart: ObservableAxes, low: Array, high: Array, label: str | None) -> None:
    x, bottom = _steps(chart, low)
    _, top = _steps(chart, high)
    axes.fill_between(x, bottom, top, color=SKY, alpha=0.45, linewidth=0, label=label)


def _steps(chart: ObservableAxes, values: Array) -> tuple[Array, Array]:
    """Return the corners of a stepped line, broken where there is a gap between bins."""
    gap = np.full_like(values, np.nan)
    x = np.stack([chart.low, chart.high, chart.high], axis=1)
    y = np.stack([values, values, gap], axis=1)
    keep = np.ones(x.shape, dtype=bool)
    keep[np.append(np.isclose(chart.low[1:], chart.high[:-1]), False), 2] = False
    return x[keep], y[keep]


def _errors(tune: Tune) -> Array:
    full = tune.statistic.variances + tune.outputs_std**2
    return np.sqrt(np.where(full > 0.0, full, np.inf))


def _clipped(pulls: Array) -> Array:
    return np.clip(pulls, -_MAX_PULL, _MAX_PULL)
