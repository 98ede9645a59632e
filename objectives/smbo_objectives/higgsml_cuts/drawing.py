"""Figures of a cut scan: distributions with the cuts, and the cut flow.  Needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smbo.problem import Figure
from smbo_objectives.higgsml_cuts.events import VARIABLES, Cut, Events, Yields

# label, range of the histogram, logarithmic counts
_AXES: dict[str, tuple[str, tuple[float, float], bool]] = {
    "mmc": (r"$m_{\mathrm{MMC}}$ [GeV]", (40.0, 300.0), False),
    "mt": (r"$m_{\mathrm{T}}$ [GeV]", (0.0, 160.0), False),
    "cent": (r"$E_{\mathrm{T}}^{\mathrm{miss}}$ centrality in $\phi$", (-1.45, 1.45), False),
    "ratio": (r"$p_{\mathrm{T}}^{\ell}\,/\,p_{\mathrm{T}}^{\tau}$", (0.0, 4.0), False),
    "tau": (r"$p_{\mathrm{T}}^{\tau}$ [GeV]", (20.0, 120.0), True),
    "sumpt": (r"$\Sigma\, p_{\mathrm{T}}$ [GeV]", (40.0, 600.0), True),
}
_SYMBOLS = {
    "mmc": r"m_{\mathrm{MMC}}",
    "mt": r"m_{\mathrm{T}}",
    "cent": r"C_{\phi}^{\mathrm{miss}}",
    "ratio": r"p_{\mathrm{T}}^{\ell}/p_{\mathrm{T}}^{\tau}",
    "tau": r"p_{\mathrm{T}}^{\tau}",
    "sumpt": r"\Sigma p_{\mathrm{T}}",
}
_SIGNAL, _BACKGROUND, _CUT = "#c1272d", "#9dbcd9", "#222222"
_N_BINS = 40


def distributions(events: Events, cuts: Sequence[Cut], folder: Path) -> Figure:
    """Draw each variable after the cuts on all others, with its own cuts as lines."""
    figure, axes = _canvas(2, 3, (12.0, 7.0))
    for axis, variable in zip(axes.flat, VARIABLES, strict=True):
        _distribution(axis, events, variable, cuts)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return _save(
        figure,
        folder / "cuts_distributions",
        "The recommended cuts",
        "Each variable after the cuts on all others; its own cuts are the lines, and what lies in the grey "
        "is cut away. Background filled, signal as a line, both weighted to the expected events of the full "
        "set; the signal is enlarged by the factor in each panel. "
        "The outermost bins hold what lies beyond them.",
    )


def cut_flow(
    events: Events, cuts: Sequence[Cut], score: Callable[[Yields], float], name: str, folder: Path
) -> Figure:
    """Draw the yields and the figure of merit after each cut in turn, as bars with numbers beside them."""
    steps = [("no cut", events.count(()))]
    steps += [(f"${_formula(cut)}$", events.count(cuts[: i + 1])) for i, cut in enumerate(cuts)]
    figure, (left, right) = _canvas(1, 2, (12.0, 4.6), width_ratios=(2.2, 1.0))
    rows = np.arange(len(steps))
    start = steps[0][1]
    left.barh(rows - 0.19, [y.s / start.s for _, y in steps], 0.36, color=_SIGNAL, label="signal")
    left.barh(rows + 0.19, [y.b / start.b for _, y in steps], 0.36, color=_BACKGROUND, label="background")
    left.set_xscale("log")
    left.set_xlim(0.5 * min(y.b / start.b for _, y in steps if y.b > 0), 1.15)
    left.set_xlabel("fraction that is left")
    left.set_yticks(rows, [label for label, _ in steps])
    left.invert_yaxis()
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    right.set_ylim(left.get_ylim())
    columns = ("s", "b", "raw b", name.replace("_", " "))
    for x, head in zip((0.16, 0.42, 0.68, 1.0), columns, strict=True):
        right.text(x, -0.75, head, ha="right", va="bottom", weight="bold", fontsize=9)
    for row, (_, y) in enumerate(steps):
        texts = (f"{y.s:.1f}", f"{y.b:.0f}", f"{y.n_background}", f"{score(y):.4g}")
        for x, text in zip((0.16, 0.42, 0.68, 1.0), texts, strict=True):
            right.text(x, row, text, ha="right", va="center", fontsize=9)
    right.set_axis_off()
    return _save(
        figure,
        folder / "cuts_flow",
        "Cut flow",
        "What is left of signal and background after each recommended cut in turn: expected events of the "
        "full set, simulated (raw) background events, and the figure of merit.",
    )


def _distribution(axis: Any, events: Events, variable: str, cuts: Sequence[Cut]) -> None:
    """Draw one variable's panel; values outside the range fall into its first and last bin."""
    label, (low, high), is_log = _AXES[variable]
    mine = [cut for cut in cuts if cut.variable == variable]
    kept = events.passing([cut for cut in cuts if cut.variable != variable])
    values = events.columns[variable].astype(np.float64)
    # an undefined value is in no bin: it fails any lower cut on its variable
    kept &= values > -999.0
    is_signal = np.arange(len(events)) < events.n_signal
    edges = np.linspace(low, high, _N_BINS + 1)
    clipped = np.clip(values, low, high)
    counts = [
        np.histogram(clipped[kept & of], edges, weights=events.weights[kept & of])[0]
        for of in (is_signal, ~is_signal)
    ]
    factor = _enlargement(counts[0], counts[1])
    axis.stairs(counts[1], edges, fill=True, color=_BACKGROUND, label="background")
    axis.stairs(factor * counts[0], edges, color=_SIGNAL, linewidth=1.6, label="signal, enlarged")
    axis.set_xlim(low, high)
    positive = counts[1][counts[1] > 0]
    if is_log and len(positive):
        axis.set_yscale("log")
        axis.set_ylim(0.3 * positive.min(), None)
    for cut in mine:
        away = (low, cut.threshold) if cut.side == "lower" else (cut.threshold, high)
        axis.axvspan(*away, color="0.5", alpha=0.22, linewidth=0)
        axis.axvline(cut.threshold, color=_CUT, linewidth=1.4, label="cut" if cut is mine[0] else None)
    axis.set_title("   ".join(f"${_formula(cut)}$" for cut in mine), fontsize=10)
    corner = {"transform": axis.transAxes, "ha": "right", "va": "top", "fontsize": 9, "color": _SIGNAL}
    axis.text(0.97, 0.95, rf"signal $\times$ {factor:g}", **corner)
    axis.set_xlabel(label)
    axis.set_ylabel("expected events per bin")


def _enlargement(signal: Any, background: Any) -> float:
    """Return the factor 1, 2, 5, 10, 20, … that brings the signal's peak closest below the background's."""
    if signal.max() <= 0.0 or background.max() <= signal.max():
        return 1.0
    ratio = background.max() / signal.max()
    decade = 10.0 ** np.floor(np.log10(ratio))
    return float(max(f * decade for f in (1.0, 2.0, 5.0) if f * decade <= ratio))


def _formula(cut: Cut) -> str:
    sign = r"\geq" if cut.side == "lower" else "<"
    return f"{_SYMBOLS[cut.variable]} {sign} {cut.threshold:.4g}"


def _canvas(rows: int, columns: int, size: tuple[float, float], **layout: Any) -> tuple[Any, Any]:
    """Return a figure of its own, outside pyplot's global state, and its axes."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **layout)


def _save(figure: Any, stem: Path, title: str, caption: str) -> Figure:
    figure.savefig(stem.with_suffix(".png"), dpi=150)
    figure.savefig(stem.with_suffix(".pdf"))
    return Figure(stem=stem, title=title, caption=caption)
