"""Figures of data and tunes: a panel with the ratio for each observable; pulls of mean multiplicities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.problem import Figure, ObjectiveError, Outcome
from smbo_objectives.pythia_ee.charts import density_label, source_name
from smbo_objectives.pythia_ee.hadron_symbols import SYMBOLS
from smbo_objectives.pythia_ee.quantities import QUANTITIES
from smbo_objectives.pythia_ee.tables import PDG_MEANS, Observable

__all__ = ["Tune", "draw", "tunes"]

Array = NDArray[np.float64]
Results = Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]

# Okabe and Ito's palette, distinct for every kind of colour vision; dashes distinguish lines in print
_STYLES = (("#0072B2", (0, (4, 1.5))), ("#D55E00", "solid"), ("#009E73", (0, (1, 1))), ("#CC79A7", "dashdot"))
_DATA_COLOUR = "black"
_COLUMNS = 3
_PANELS_PER_FIGURE = 9
_PANEL_INCHES = (3.7, 3.3)
_LEGEND_INCHES = 0.35
_RC = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.linewidth": 0.8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "mathtext.fontset": "dejavusans",
}


@dataclass(frozen=True, eq=False)
class Tune:
    """Average prediction of the check evaluations of one point.

    Attributes:
        name: name of the point.
        values, variances: per observable, each of shape (b,).
        n_events: number of events of all evaluations together.
        colour, dashes: line style.
    """

    name: str
    values: Sequence[Array]
    variances: Sequence[Array]
    n_events: int
    colour: str
    dashes: Any


def tunes(observables: Sequence[Observable], results: Results) -> list[Tune]:
    """Return the average prediction of each point's evaluations; "recommended" comes last, on top.

    Raises:
        ObjectiveError: the outputs of an outcome are not the bins of these observables.
    """
    names = sorted((name for name in results if results[name]), key=lambda name: name == "recommended")
    return [
        _tune(observables, name, [outcome for _, outcome in results[name]], *_STYLES[i % len(_STYLES)])
        for i, name in enumerate(names)
    ]


def draw(
    folder: Path, observables: Sequence[Observable], results: Results, theory_uncertainty: float
) -> list[Figure]:
    """Draw data and tunes into PNG and PDF files in ``folder`` and return the figures."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas  # drawn by Agg; no pyplot, no window, no global state

    drawn = tunes(observables, results)
    figures = []
    with matplotlib.rc_context(_RC):
        for title, numbers in _pages(observables):
            figure = Canvas(figsize=_size(len(numbers)))
            _draw_page(figure, observables, numbers, drawn, theory_uncertainty)
            caption = _page_caption(observables, numbers, drawn, theory_uncertainty)
            figures.append(_saved(figure, folder, title, caption))
        means = [i for i, observable in enumerate(observables) if _is_mean(observable)]
        if means:
            n_rows = sum(observables[i].n_bins for i in means)
            figure = Canvas(figsize=(7.0, 1.4 + 0.25 * n_rows), layout="constrained")
            _draw_means(figure, observables, means, drawn, theory_uncertainty)
            caption = (
                "Mean numbers per event: distance of each tune from the data in units of the data's error, "
                f"with {theory_uncertainty:.0%} of the value and the simulation's statistical error added in "
                f"quadrature; grey: within one unit. Data: {_sources(observables, means)}."
            )
            figures.append(_saved(figure, folder, "Mean multiplicities", caption))
    return figures


def _tune(
    observables: Sequence[Observable], name: str, outcomes: Sequence[Outcome], colour: str, dashes: Any
) -> Tune:
    sizes = [observable.n_bins for observable in observables]
    for outcome in outcomes:
        if outcome.outputs is None or len(outcome.outputs) != sum(sizes) or outcome.outputs_variance is None:
            raise ObjectiveError(
                f"pythia-ee: a result of {name!r} does not hold the {sum(sizes)} bins of these observables; "
                "draw results of this same job"
            )
    values = np.mean([np.asarray(outcome.outputs) for outcome in outcomes], axis=0)
    variances = np.mean([np.asarray(outcome.outputs_variance) for outcome in outcomes], axis=0) / len(
        outcomes
    )
    ends = np.cumsum(sizes)[:-1]
    n_events = int(sum(outcome.metrics.get("n_events", 0) for outcome in outcomes))
    return Tune(name, np.split(values, ends), np.split(variances, ends), n_events, colour, dashes)


def _is_mean(observable: Observable) -> bool:
    return observable.name == PDG_MEANS or QUANTITIES[observable.name].kind == "mean"


def _pages(observables: Sequence[Observable]) -> Iterator[tuple[str, list[int]]]:
    """Yield the observables' numbers in pages of one family and source each, with a title."""
    groups: dict[str, list[int]] = {}
    for i, observable in enumerate(observables):
        if not _is_mean(observable):
            family = QUANTITIES[observable.name].family
            groups.setdefault(f"{family}, {source_name(observable)}", []).append(i)
    for title, numbers in groups.items():
        for start in range(0, len(numbers), _PANELS_PER_FIGURE):
            part = f" ({start // _PANELS_PER_FIGURE + 1})" if len(numbers) > _PANELS_PER_FIGURE else ""
            yield title + part, numbers[start : start + _PANELS_PER_FIGURE]


def _sources(observables: Sequence[Observable], numbers: Sequence[int]) -> str:
    return ", ".join(dict.fromkeys(source_name(observables[i]) for i in numbers))


def _size(n_panels: int) -> tuple[float, float]:
    columns = min(n_panels, _COLUMNS)
    return _PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * -(-n_panels // columns) + _LEGEND_INCHES


def _panel(figure: Any, number: int) -> tuple[Any, Any]:
    """Return the axes of one observable and, below and touching them, those of its ratio."""
    # Placed by hand: matplotlib's own layout takes ten seconds for nine panels on logarithmic axes.
    width, height = figure.get_size_inches()
    columns = round(width / _PANEL_INCHES[0])
    row, column = divmod(number, columns)
    left = column * _PANEL_INCHES[0] + 0.62
    bottom = height - _LEGEND_INCHES - (row + 1) * _PANEL_INCHES[1] + 0.45
    wide, low, high = _PANEL_INCHES[0] - 0.74, 0.75, _PANEL_INCHES[1] - 0.45 - 0.75 - 0.3
    lower = figure.add_axes((left / width, bottom / height, wide / width, low / height))
    upper = figure.add_axes(
        (left / width, (bottom + low) / height, wide / width, high / height), sharex=lower
    )
    return upper, lower


def _draw_page(
    figure: Any,
    observables: Sequence[Observable],
    numbers: Sequence[int],
    drawn: Sequence[Tune],
    theory_uncertainty: float,
) -> None:
    for number, i in enumerate(numbers):
        upper, lower = _panel(figure, number)
        _draw_spectrum(upper, observables[i], [(tune, tune.values[i]) for tune in drawn])
        _draw_ratio(lower, observables[i], [(tune, tune.values[i]) for tune in drawn], theory_uncertainty)
        terms = [_term(observables[i], t.values[i], t.variances[i], theory_uncertainty) for t in drawn]
        if terms:
            shown = " / ".join(f"{term:.2f}" for term in terms)
            upper.set_title(
                rf"$\chi^2/n$ = {shown}", loc="right", fontsize=8, y=1.02
            )  # with a given y matplotlib does not search for a position
    figure.legend(*upper.get_legend_handles_labels(), loc="upper center", ncols=5, frameon=False)


def _draw_spectrum(axes: Any, observable: Observable, curves: Sequence[tuple[Tune, Array]]) -> None:
    quantity = QUANTITIES[observable.name]
    centre, half = _centres(observable)
    axes.errorbar(
        centre,
        observable.values,
        observable.errors,
        half,
        fmt="o",
        ms=2.2,
        lw=0.8,
        color=_DATA_COLOUR,
        label="data",
        zorder=3,
    )
    for tune, values in curves:
        axes.plot(*_steps(observable, values), color=tune.colour, ls=tune.dashes, lw=1.2, label=tune.name)
    if quantity.log_x:
        axes.set_xscale("log")
    positive = observable.values[observable.values > 0]
    if quantity.log_y and positive.size:
        axes.set_yscale("log")
        axes.set_ylim(positive.min() / 3, positive.max() * 3)
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel("probability" if quantity.kind == "probability" else density_label(quantity.label))
    axes.tick_params(labelbottom=False, which="both", top=True, right=True)


def _draw_ratio(
    axes: Any, observable: Observable, curves: Sequence[tuple[Tune, Array]], theory_uncertainty: float
) -> None:
    centre, half = _centres(observable)
    known = observable.values > 0
    scale = np.where(known, observable.values, np.nan)
    axes.axhspan(1 - theory_uncertainty, 1 + theory_uncertainty, color="0.88", lw=0, zorder=0)
    axes.errorbar(
        centre,
        np.where(known, 1.0, np.nan),
        observable.errors / scale,
        half,
        fmt="none",
        lw=0.8,
        color=_DATA_COLOUR,
    )
    for tune, values in curves:
        axes.plot(*_steps(observable, values / scale), color=tune.colour, ls=tune.dashes, lw=1.2)
    axes.set_ylim(0.5, 1.5)
    axes.set_yticks([0.6, 0.8, 1.0, 1.2])  # the topmost tick would touch the panel above
    axes.tick_params(which="both", top=True, right=True)
    axes.set_ylabel("tune / data", fontsize=8)
    axes.set_xlabel(QUANTITIES[observable.name].label)
    axes.set_xlim(observable.low[0], observable.high[-1])


def _draw_means(
    figure: Any,
    observables: Sequence[Observable],
    numbers: Sequence[int],
    drawn: Sequence[Tune],
    theory_uncertainty: float,
) -> None:
    axes = figure.subplots()
    labels = [label for i in numbers for label in _mean_labels(observables[i])]
    rows = np.arange(len(labels), dtype=np.float64)
    axes.axvspan(-1, 1, color="0.9", lw=0)
    axes.axvline(0, color="0.4", lw=0.8)
    for k, tune in enumerate(drawn):
        pulls = np.concatenate(
            [
                (tune.values[i] - observables[i].values)
                / np.sqrt(_floor(observables[i], theory_uncertainty) + tune.variances[i])
                for i in numbers
            ]
        )
        # side by side: points at equal pulls would overlap
        shift = 0.16 * (2 * k - len(drawn) + 1)
        axes.plot(
            pulls, rows + shift, ls="none", marker="so^D"[k % 4], ms=5, color=tune.colour, label=tune.name
        )
    axes.set_yticks(rows, labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    limit = max(4.0, 1.08 * float(np.abs(axes.get_xlim()).max()))
    axes.set_xlim(-limit, limit)
    axes.grid(axis="y", color="0.93", lw=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(r"(tune $-$ data) / error")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)


def _mean_labels(observable: Observable) -> list[str]:
    if observable.hadron_names:
        return [SYMBOLS.get(name, name) for name in observable.hadron_names]
    return [f"{QUANTITIES[observable.name].label} {source_name(observable)}"]


def _page_caption(
    observables: Sequence[Observable],
    numbers: Sequence[int],
    drawn: Sequence[Tune],
    theory_uncertainty: float,
) -> str:
    events = ", ".join(f"{tune.name}: {tune.n_events:,} events" for tune in drawn)
    order = " / ".join(tune.name for tune in drawn)
    return (
        f"{_sources(observables, numbers)} data with total errors, and the tunes ({events}). Below: ratio to "
        f"the data; grey: the theory uncertainty of {theory_uncertainty:.0%}. Above each panel, in the order "
        f"{order}: mean over bins of the squared distance in units of all errors, that uncertainty included."
    )


def _centres(observable: Observable) -> tuple[Array, Array]:
    """Return the bins' centres and half widths."""
    return 0.5 * (observable.low + observable.high), 0.5 * (observable.high - observable.low)


def _steps(observable: Observable, values: Array) -> tuple[Array, Array]:
    """Return the corners of a stepped line, broken where there is a gap between bins."""
    x = np.stack([observable.low, observable.high, np.full_like(values, np.nan)], axis=1)
    y = np.stack([values, values, np.full_like(values, np.nan)], axis=1)
    touching = np.append(np.isclose(observable.low[1:], observable.high[:-1]), False)
    keep = np.ones(x.shape, dtype=bool)
    keep[touching, 2] = False
    return x[keep], y[keep]


def _floor(observable: Observable, theory_uncertainty: float) -> Array:
    return np.asarray(observable.errors**2 + (theory_uncertainty * observable.values) ** 2)


def _term(observable: Observable, values: Array, variances: Array, theory_uncertainty: float) -> float:
    pulls = (values - observable.values) ** 2 / (_floor(observable, theory_uncertainty) + variances)
    return float(pulls.mean())


def _saved(figure: Any, folder: Path, title: str, caption: str) -> Figure:
    stem = folder / re.sub(r"\W+", "_", title.lower()).strip("_")
    figure.savefig(stem.with_suffix(".png"), dpi=150)
    # without the date, the same results give the same file
    figure.savefig(stem.with_suffix(".pdf"), metadata={"CreationDate": None})
    return Figure(stem, title, caption)
