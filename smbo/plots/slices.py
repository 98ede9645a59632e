"""Figure of slices: the posterior along each dimension through the recommended point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smbo.analysis.summary import RECOMMENDED, Slice
from smbo.plots.style import COLOURS, DASHES, new_figure, plain_log_labels, shorten, style
from smbo.problem import Problem
from smbo.training_data import Array
from smbo.trial import Recommendation, Trial, TrialState

MODEL = "model: mean ± 2σ"
EVALUATIONS = "evaluations (projected)"


def slices_figure(
    problem: Problem,
    found: Sequence[Slice],
    recommendation: Recommendation,
    trials: Sequence[Trial],
    baseline: Mapping[str, Any] | None = None,
    baseline_name: str | None = None,
) -> Any:
    """Draw the posterior along each axis through the recommended point, mean ± 2σ.

    The evaluations are drawn faintly at their own coordinate; they lie off the slice in all other
    dimensions, so the curve need not pass through them.
    """
    n_columns = min(3, max(1, len(found)))
    n_rows = max(1, math.ceil(len(found) / n_columns))
    complete = [t for t in trials if t.state is TrialState.COMPLETE and t.value is not None]
    with style():
        figure = new_figure(2.9 * n_columns + 0.3, 2.45 * n_rows + 0.6)
        panels = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
        handles: dict[str, Any] = {}
        for axes, one in zip(panels, found):
            _draw_slice(axes, one, recommendation, complete, baseline, baseline_name)
            handles.update(dict(zip(*reversed(axes.get_legend_handles_labels()))))
        for axes in panels[len(found) :]:
            axes.set_visible(False)
        if found:
            _scale_values(panels[0], found, np.array([t.value for t in complete], dtype=np.float64))
        for axes in panels[::n_columns]:
            axes.set_ylabel(shorten(problem.value_name, 24))
        figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=4)
        return figure


def _draw_slice(
    axes: Any,
    one: Slice,
    recommendation: Recommendation,
    complete: Sequence[Trial],
    baseline: Mapping[str, Any] | None,
    baseline_name: str | None,
) -> None:
    name, coordinate = one.axis.name, _coordinate(one)
    observed = [(coordinate(t.params[name]), t.value) for t in complete if name in t.params]
    axes.plot(
        *zip(*observed),
        "o",
        color=COLOURS["evaluation"],
        alpha=0.35,
        markersize=3.5,
        markeredgewidth=0,
        label=EVALUATIONS,
    )
    x = [coordinate(position) for position in one.positions]
    if one.axis.kind == "continuous":
        axes.fill_between(
            x, one.mean - 2 * one.std, one.mean + 2 * one.std, color=COLOURS["model"], alpha=0.18, linewidth=0
        )
        axes.plot(x, one.mean, color=COLOURS["model"], linewidth=1.6, label=MODEL)
    else:
        axes.errorbar(
            x,
            one.mean,
            yerr=2 * one.std,
            fmt="o",
            color=COLOURS["model"],
            markersize=4,
            capsize=2.5,
            label=MODEL,
        )
    axes.axvline(
        coordinate(recommendation.params[name]),
        color=COLOURS["recommended"],
        linewidth=1.5,
        linestyle=DASHES["recommended"],
        label=RECOMMENDED,
    )
    if baseline is not None and name in baseline:
        axes.axvline(
            coordinate(baseline[name]),
            color=COLOURS["baseline"],
            linewidth=1.3,
            linestyle=DASHES["baseline"],
            label=shorten(baseline_name or "baseline", 20),
        )
    axes.set_xlabel(shorten(name, 32))
    _label_axis(axes, one)


def _is_numeric(one: Slice) -> bool:
    return all(isinstance(p, (int, float)) and not isinstance(p, bool) for p in one.positions)


def _coordinate(one: Slice) -> Any:
    """Return a function from a value of the dimension to its coordinate on the horizontal axis."""
    if _is_numeric(one):
        return float
    positions = list(one.positions)

    def position_of(value: Any) -> float:
        # types are compared too: the choices 1, True and 1.0 are three different ones
        matches = [k for k, p in enumerate(positions) if p == value and type(p) is type(value)]
        return float(matches[0]) if matches else math.nan

    return position_of


def _label_axis(axes: Any, one: Slice) -> None:
    if not _is_numeric(one):
        labels = [shorten(str(position), 12) for position in one.positions]
        crowded = sum(map(len, labels)) > 24
        axes.set_xticks(
            range(len(labels)), labels, rotation=30 if crowded else 0, ha="right" if crowded else "center"
        )
        axes.set_xlim(-0.6, len(labels) - 0.4)
        return
    x = np.array(one.positions, dtype=np.float64)
    ratios, steps = x[1:] / x[:-1] if (x > 0).all() else np.zeros(0), np.diff(x)
    # equal unit steps are equal ratios on a logarithmic dimension, equal differences on any other
    if len(ratios) > 2 and np.ptp(np.log(ratios)) < 1e-6 and np.ptp(steps) > 1e-6 * abs(steps).max():
        axes.set_xscale("log")
        plain_log_labels(axes.xaxis)
    elif one.axis.kind == "continuous":
        axes.locator_params(axis="x", nbins=5)
    else:
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=bool((x == x.round()).all())))


def _scale_values(axes: Any, found: Sequence[Slice], values: Array) -> None:
    """Set the shared vertical axis so that the curves fill it; values far outside are cut off."""
    low = min(np.nanmin(one.mean - 2 * one.std) for one in found)
    high = max(np.nanmax(one.mean + 2 * one.std) for one in found)
    if len(values):
        low, high = min(low, np.quantile(values, 0.05)), max(high, np.quantile(values, 0.75))
    if low > 0 and high > 5 * low:
        axes.set_yscale("log")
        plain_log_labels(axes.yaxis)
        axes.set_ylim(low / 1.12, high * 1.12)
    else:
        margin = 0.06 * (high - low) or 0.5
        axes.set_ylim(low - margin, high + margin)
