"""Figure of evaluations in each pair of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from smbo.plots.axes import pair_colour_bar, pair_panels
from smbo.plots.style import COLOURS, INK, new_figure, style
from smbo.problem import Problem
from smbo.trial import Recommendation, Trial, TrialState


def pairs_figure(problem: Problem, trials: Sequence[Trial], recommendation: Recommendation) -> Any | None:
    """Draw the evaluations in each pair of numeric dimensions, the darker the better by rank of their value.

    None with fewer than two numeric dimensions, more than seven, or no complete evaluation.
    """
    from matplotlib.colors import LinearSegmentedColormap

    valued = [t for t in trials if t.state is TrialState.COMPLETE and t.value is not None]
    # evaluations that violate a constraint have no rank: their low values would look like good ones
    complete = [t for t in valued if t.feasible is not False]
    violating = [t for t in valued if t.feasible is False]
    failed = [t for t in trials if t.state is TrialState.FAILED]
    names = [axis.name for axis in problem.space.axes if _numeric(valued, axis.name)]
    if not 2 <= len(names) <= 7 or not complete or any(name not in recommendation.params for name in names):
        return None
    keys = problem.sign * np.array([t.value for t in complete], dtype=np.float64)
    ranks = np.argsort(np.argsort(keys)) / max(1, len(keys) - 1)
    order = np.argsort(-ranks)  # the best are drawn on top
    n = len(names) - 1
    # evaluations are grey in all figures; white would be invisible
    greys = LinearSegmentedColormap.from_list("ranks", [INK, COLOURS["evaluation"], "0.86"])
    with style():
        figure = new_figure(1.75 * n + 1.4, 1.65 * n + 0.7)
        for axes, across, up in pair_panels(figure, problem.space, names):
            dots = axes.scatter(
                [complete[k].params[across] for k in order],
                [complete[k].params[up] for k in order],
                c=ranks[order],
                cmap=greys,
                vmin=0.0,  # the colour scale of a single evaluation would be empty
                vmax=1.0,
                s=16,
                linewidths=0,
            )
            for others, marker, role in ((failed, "x", "failed"), (violating, "o", "violating")):
                axes.plot(
                    [t.params.get(across, math.nan) for t in others],
                    [t.params.get(up, math.nan) for t in others],
                    marker,
                    color=COLOURS[role],
                    markerfacecolor="none" if role == "violating" else COLOURS[role],
                    markersize=4,
                )
            axes.plot(
                recommendation.params[across],
                recommendation.params[up],
                "*",
                color=COLOURS["recommended"],
                markersize=15,
                markeredgecolor="white",
            )
        pair_colour_bar(figure, dots).set_ticks([0, 0.5, 1], labels=["best", "median", "worst"])
        return figure


def _numeric(complete: Sequence[Trial], name: str) -> bool:
    return all(
        isinstance(t.params.get(name), (int, float)) and not isinstance(t.params.get(name), bool)
        for t in complete
    )
