"""The course of a study: a value per evaluation, and what the model makes of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from smbo.analysis.summary import RECOMMENDED, Convergence, Measured, Verdict
from smbo.plots.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    new_figure,
    plain_log_labels,
    shorten,
    style,
)
from smbo.problem import Problem
from smbo.trial import Recommendation


def _wants_log(values: np.ndarray[Any, Any]) -> bool:
    """Return whether values spread so far that a linear axis would hide the end of the study."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) > 1 and finite.min() > 0 and finite.max() > 8 * np.median(finite))


def convergence_figure(
    problem: Problem,
    history: Convergence,
    recommendation: Recommendation | None = None,
    verdict: Verdict | None = None,
) -> Any:
    """Draw each evaluation's value, the best so far and what the model believes of the end.

    With a verdict a second panel shows the check evaluations, on a scale of their own.
    """
    with style():
        figure = new_figure(8.4, 4.2)
        grid = figure.add_gridspec(1, 2 if verdict else 1, width_ratios=[4.4, 1] if verdict else [1])
        axes = figure.add_subplot(grid[0, 0])
        _draw_history(axes, problem, history)
        if recommendation is not None and math.isfinite(recommendation.mean):
            _draw_belief(axes, recommendation)
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
                color=VERMILION,
                markersize=6,
                transform=axes.get_xaxis_transform(),
                label=f"failed ({len(history.failed)})",
                clip_on=False,
            )
        if verdict:
            _draw_checks(figure.add_subplot(grid[0, 1]), verdict, recommendation)
        entries = sorted(
            zip(*axes.get_legend_handles_labels()), key=lambda entry: "evaluation" not in entry[1]
        )
        handles, labels = zip(*entries)
        figure.legend(handles, labels, loc="outside upper left", ncols=4)
        return figure


def _draw_history(axes: Any, problem: Problem, history: Convergence) -> None:
    errors = np.where(np.isfinite(history.sems), history.sems, 0.0)
    for mask, color, label in (
        (history.feasible, BLUE, "evaluation ± standard error" if errors.any() else "evaluation"),
        (~history.feasible, ORANGE, "violates a constraint"),
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
            color=color,
            ecolor=color,
            elinewidth=0.9,
            alpha=0.75,
            label=label,
        )
    if np.isfinite(history.best_so_far).any():
        axes.step(
            history.numbers,
            history.best_so_far,
            where="post",
            color=INK,
            linewidth=1.4,
            label=f"{'lowest' if problem.sign > 0 else 'highest'} seen so far",
        )


def _draw_belief(axes: Any, recommendation: Recommendation) -> None:
    mean, std = recommendation.mean, recommendation.std
    if math.isfinite(std):
        axes.axhspan(mean - 2 * std, mean + 2 * std, color=GREEN, alpha=0.14, linewidth=0)
    axes.axhline(
        mean, color=GREEN, linewidth=1.6, linestyle=(0, (5, 2)), label="model at the recommended point ± 2σ"
    )


def _draw_checks(axes: Any, verdict: Verdict, recommendation: Recommendation | None) -> None:
    """Draw the re-evaluations: recommended first, then what it is compared with."""
    entries: list[tuple[str, Measured, str, str]] = [(RECOMMENDED, verdict.recommended, GREEN, "D")]
    if verdict.baseline is not None:
        entries.append((shorten(verdict.baseline_name or "baseline", 16), verdict.baseline, MUTED, "s"))
    if recommendation is not None and math.isfinite(recommendation.mean):
        _draw_belief(axes, recommendation)
    for place, (_, result, color, marker) in enumerate(entries):
        error = result.sem if math.isfinite(result.sem) else 0.0
        axes.errorbar(
            [place],
            [result.mean],
            yerr=[error],
            fmt=marker,
            color=color,
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
