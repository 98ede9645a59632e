"""Figure of convergence: the value of each evaluation, the best so far, and the model's prediction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from smbo.analysis.summary import RECOMMENDED, Comparison, Convergence, Measured
from smbo.plots.style import COLOURS, MARKERS, new_figure, plain_log_labels, shorten, style
from smbo.problem import Problem
from smbo.trial import Recommendation


def _wants_log(values: np.ndarray[Any, Any]) -> bool:
    """Return whether values are so skewed that a linear axis would hide differences among low ones."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) > 1 and finite.min() > 0 and finite.max() > 8 * np.median(finite))


def convergence_figure(
    problem: Problem,
    history: Convergence,
    recommendation: Recommendation | None = None,
    comparison: Comparison | None = None,
) -> Any:
    """Draw each evaluation's value, the best so far and the posterior at the recommended point.

    With a comparison a second panel shows the re-evaluations, on a scale of their own.
    """
    with style():
        figure = new_figure(8.4, 4.2)
        grid = figure.add_gridspec(1, 2 if comparison else 1, width_ratios=[4.4, 1] if comparison else [1])
        axes = figure.add_subplot(grid[0, 0])
        _draw_history(axes, problem, history)
        if recommendation is not None and math.isfinite(recommendation.mean):
            _draw_prediction(axes, recommendation)
        if _wants_log(history.values):
            axes.set_yscale("log")
            plain_log_labels(axes.yaxis)
        axes.set_xlabel("evaluation")
        axes.set_ylabel(
            f"{shorten(problem.value_name)}  ({'lower' if problem.sign > 0 else 'higher'} is better)"
        )
        if len(history.failed):
            axes.plot(
                history.failed,
                np.full(len(history.failed), 0.015),
                "x",
                color=COLOURS["failed"],
                markersize=6,
                transform=axes.get_xaxis_transform(),
                label=f"failed ({len(history.failed)})",
                clip_on=False,
            )
        if comparison:
            _draw_checks(figure.add_subplot(grid[0, 1]), comparison, recommendation)
        entries = sorted(
            zip(*axes.get_legend_handles_labels()), key=lambda entry: "evaluation" not in entry[1]
        )
        handles, labels = zip(*entries)
        figure.legend(handles, labels, loc="outside upper left", ncols=4)
        return figure


def _draw_history(axes: Any, problem: Problem, history: Convergence) -> None:
    errors = np.where(np.isfinite(history.sems), history.sems, 0.0)
    for mask, colour, label in (
        (
            history.feasible,
            COLOURS["evaluation"],
            "evaluation ± standard error" if errors.any() else "evaluation",
        ),
        (~history.feasible, COLOURS["violating"], "violates a constraint"),
    ):
        if not mask.any():
            continue
        axes.errorbar(
            history.numbers[mask],
            history.values[mask],
            yerr=errors[mask] if errors.any() else None,
            fmt="o",
            markersize=4.5,
            markeredgewidth=0,
            color=colour,
            ecolor=colour,
            elinewidth=0.9,
            alpha=0.75,
            label=label,
        )
    if np.isfinite(history.best_so_far).any():
        axes.step(
            history.numbers,
            history.best_so_far,
            where="post",
            color=COLOURS["best"],
            linewidth=1.4,
            label=f"{'lowest' if problem.sign > 0 else 'highest'} observed so far",
        )


def _draw_prediction(axes: Any, recommendation: Recommendation) -> None:
    mean, std = recommendation.mean, recommendation.std
    if math.isfinite(std):
        axes.axhspan(mean - 2 * std, mean + 2 * std, color=COLOURS["recommended"], alpha=0.14, linewidth=0)
    axes.axhline(
        mean,
        color=COLOURS["recommended"],
        linewidth=1.6,
        linestyle=(0, (5, 2)),
        label="model at the recommended point ± 2σ",
    )


def _draw_checks(axes: Any, comparison: Comparison, recommendation: Recommendation | None) -> None:
    """Draw mean and standard error of the re-evaluations: recommended point first, then baseline."""
    entries: list[tuple[str, Measured, str]] = [(RECOMMENDED, comparison.recommended, "recommended")]
    if comparison.baseline is not None:
        entries.append((shorten(comparison.baseline_name or "baseline", 16), comparison.baseline, "baseline"))
    if recommendation is not None and math.isfinite(recommendation.mean):
        _draw_prediction(axes, recommendation)
    for position, (_, result, role) in enumerate(entries):
        error = result.sem if math.isfinite(result.sem) else 0.0
        axes.errorbar(
            [position],
            [result.mean],
            yerr=[error],
            fmt=MARKERS[role],
            color=COLOURS[role],
            markersize=7,
            markeredgecolor="white",
            capsize=5,
            elinewidth=1.6,
        )
    axes.set_xticks(range(len(entries)), [name for name, *_ in entries], rotation=30, ha="right")
    axes.set_xlim(-0.6, len(entries) - 0.4)
    axes.set_title("re-evaluated", fontweight="normal")
    axes.margins(y=0.15)
    axes.yaxis.tick_right()
    axes.spines["left"].set_visible(False)
    axes.spines["right"].set_visible(True)
    axes.grid(visible=False, axis="x")
