"""Figures of a multi-objective study: the Pareto front, and the hypervolume by evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from smbo.analysis.pareto import ParetoSet
from smbo.plots.style import COLOURS, FAINT, new_figure, shorten, style
from smbo.trial import Trial, TrialState

_MAX_PANELS = 6  # pairs of objectives in one figure


def front_figure(found: ParetoSet, trials: Sequence[Trial]) -> Any:
    """Draw the evaluations by pairs of objectives, with the observed and the predicted front."""
    names = list(found.directions)
    pairs = list(combinations(range(len(names)), 2))[:_MAX_PANELS]
    n_columns = min(len(pairs), 3)
    n_rows = -(-len(pairs) // n_columns)
    with style():
        # space for a legend above, and for both labels of each panel
        figure = new_figure(max(6.4, 3.4 * n_columns), 0.6 + (4.2 if len(pairs) == 1 else 3.2 * n_rows))
        panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for axes, (j, k) in zip(panels, pairs):
            _draw_pair(axes, found, trials, names[j], names[k])
        for axes in panels[len(pairs) :]:
            axes.set_axis_off()
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
        return figure


def _draw_pair(axes: Any, found: ParetoSet, trials: Sequence[Trial], one: str, other: str) -> None:
    done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    feasible = [trial for trial in done if trial.feasible is not False]
    violating = [trial for trial in done if trial.feasible is False]

    def values(some: Sequence[Trial]) -> tuple[list[float], list[float]]:
        return [trial.metrics[one] for trial in some], [trial.metrics[other] for trial in some]

    axes.plot(
        *values(feasible),
        "o",
        color=COLOURS["evaluation"],
        markersize=4,
        alpha=0.55,
        markeredgewidth=0,
        label="evaluation",
    )
    if violating:
        axes.plot(
            *values(violating), "x", color=COLOURS["violating"], markersize=4.5, label="violates a constraint"
        )
    means = np.array([[each.means[one], each.means[other]] for each in found.predicted])
    stds = np.array([[each.stds[one], each.stds[other]] for each in found.predicted])
    bars = np.where(np.isfinite(stds), 2.0 * stds, 0.0)
    label = "front by the model ± 2σ" if bars.any() else "front by the model"
    errors = {"xerr": bars[:, 0], "yerr": bars[:, 1]} if bars.any() else {}
    axes.errorbar(
        *means.T,
        **errors,
        fmt="D",
        color=COLOURS["model"],
        ecolor=COLOURS["model"],
        elinewidth=0.9,
        markersize=4.5,
        alpha=0.8,
        label=label,
    )
    observed = np.array(values(found.observed)).T
    if len(found.directions) == 2:  # the front of three objectives is not a front of two of them
        _draw_attained_region(axes, found, observed, one, other)
    axes.plot(
        *observed.T,
        "o",
        mfc="none",
        mec=COLOURS["best"],
        markersize=7,
        mew=1.3,
        label="front by observed values",
    )
    knee = found.recommended
    axes.plot(
        knee.means[one],
        knee.means[other],
        "*",
        color=COLOURS["recommended"],
        markersize=15,
        mec="white",
        zorder=5,
        label="recommended",
    )
    axes.set_xlabel(f"{shorten(one, 28)}  ({_better(found, one)})")
    axes.set_ylabel(f"{shorten(other, 28)}  ({_better(found, other)})")
    _limit_axes_to_front(axes, found, one, other)


def _better(found: ParetoSet, name: str) -> str:
    return "lower is better" if found.directions[name] == "min" else "higher is better"


def _draw_attained_region(axes: Any, found: ParetoSet, observed: Any, one: str, other: str) -> None:
    """Draw the region that the front dominates, up to the reference point, and its border."""
    order = np.argsort(observed[:, 0])
    if found.directions[one] == "max":
        order = order[::-1]
    x, y = observed[order, 0], observed[order, 1]
    x = np.concatenate([x[:1], x, [found.reference[one]]])
    y = np.concatenate([[found.reference[other]], y, y[-1:]])
    axes.step(x, y, where="post", color=COLOURS["best"], linewidth=1.2)
    axes.fill_between(x, y, found.reference[other], step="post", color=FAINT, alpha=0.5, linewidth=0)


def _limit_axes_to_front(axes: Any, found: ParetoSet, one: str, other: str) -> None:
    """Cut off evaluations far beyond the reference point, which would shrink the front to a dot."""
    for name, limits, setter in (
        (one, axes.get_xlim(), axes.set_xlim),
        (other, axes.get_ylim(), axes.set_ylim),
    ):
        values = [trial.metrics[name] for trial in found.observed] + [found.reference[name]]
        low, high = min(values), max(values)
        margin = max(high - low, 1e-12)
        setter(max(limits[0], low - margin), min(limits[1], high + margin))


def hypervolume_figure(found: ParetoSet) -> Any:
    """Draw the hypervolume of the observed values up to each evaluation."""
    with style():
        figure = new_figure(8.4, 3.6)
        axes = figure.add_subplot()
        axes.step(found.numbers, found.history, where="post", color=COLOURS["best"], linewidth=1.4)
        new = np.flatnonzero(np.diff([0.0, *found.history]) > 0.0)
        axes.plot(
            np.array(found.numbers)[new],
            np.array(found.history)[new],
            "o",
            color=COLOURS["best"],
            markersize=4.5,
            mew=0,
            label="evaluation that added to it",
        )
        axes.set_xlabel("evaluation")
        axes.set_ylabel("hypervolume  (higher is better)")
        if len(new):
            figure.legend(loc="outside upper left")
        return figure
