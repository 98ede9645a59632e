"""The tune part of a report: tables, figures, and files for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smbo.history import table
from smbo.plots import save
from smbo.plots.tunes import (
    Reference,
    correlation_figure,
    information_figure,
    means_figure,
    panel_figures,
    pulls_figure,
)
from smbo.problem import Figure, Problem
from smbo.problem.observables import ObservableAxes, Plottable, plain_axes
from smbo.report.page import embedded, rendered
from smbo.report.wording_tune import level_text, remarks_of, weights_text
from smbo.training_data import Array
from smbo.tuning import AutomaticWeights, Tune, TuneSettings
from smbo.tuning.automatic import squares_of
from smbo.tuning.bands import Band, eigentune_band, predicted

PAGE = "index.html"
_MIN_SHARE = 0.3  # of the information on a parameter, for an observable to be listed as constraining it


@dataclass(frozen=True)
class Baseline:
    """A point to compare a tune with, such as a default tune: its name and its parameters."""

    name: str
    params: Mapping[str, Any]


def write_tune(
    folder: Path,
    *,
    name: str,
    problem: Problem,
    tune: Tune,
    objective: object = None,
    baseline: Baseline | None = None,
    written: str | None = None,
    weights: AutomaticWeights | None = None,
) -> Path:
    """Write a page of a tune with its figures and files, and return the page's path.

    The folder holds ``index.html`` (images inside it, nothing loaded from anywhere), ``figures/``, and what
    ``tune_content`` writes.

    Args:
        folder: made if it is missing.
        name: of the study; any text.
        objective: of the study; a ``Plottable`` one gives axes, labels and the simulator's files.
        baseline: of the model's space, such as a default tune.
        written: date and time, as text for the reader.
        weights: automatic weights of the tune, in a section of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = tune_content(
        folder, problem=problem, tune=tune, objective=objective, baseline=baseline, weights=weights
    )
    path = folder / PAGE
    _write(path, rendered("tune_page.html.j2", name=name, written=written, tuned=content))
    return path


def tune_content(
    folder: Path,
    *,
    problem: Problem,
    tune: Tune,
    objective: object = None,
    baseline: Baseline | None = None,
    weights: AutomaticWeights | None = None,
) -> dict[str, Any]:
    """Write a tune's files and figures into a folder, and return the content of the template.

    Files: ``tune.json`` (parameters, covariance, eigentunes, observables), ``tune_bins.csv`` (data and
    prediction bin by bin), and, where the objective can write the simulator's own format, the tune and
    its eigentunes in that format.
    """
    charts = (
        objective.observable_axes() if isinstance(objective, Plottable) else plain_axes(tune.statistic.counts)
    )
    (folder / "figures").mkdir(exist_ok=True)
    reference = _reference(problem, tune, baseline)
    band = eigentune_band(problem.space, tune)
    files = [*_cards(folder, tune, objective), "tune.json", "tune_bins.csv"]
    _write(folder / "tune.json", tune_json(tune))
    _write(folder / "tune_bins.csv", bins_csv(tune, charts, band))
    figures = [
        embedded(figure, folder) for figure in _figures(folder / "figures", tune, charts, band, reference)
    ]
    used = [each for each in tune.observables if each.weight]
    return {
        "title": "The tune",
        "n_bins": int((tune.statistic.weights > 0.0).sum()),
        "n_observables": len(used),
        "n_evaluations": tune.n_evaluations,
        "level": level_text(tune),
        "theory": _relative_theory(tune),
        "parameters": tune.parameters,
        "chosen": {key: value for key, value in tune.params.items() if key not in tune.names},
        "names": tune.names,
        "reference_name": None if baseline is None else baseline.name,
        "reference": {} if baseline is None else dict(baseline.params),
        "remarks": remarks_of(tune),
        "alternatives": _alternatives(tune),
        "weights": [] if weights is None else _weight_rows(weights),
        "weights_text": "" if weights is None else weights_text(weights),
        "eigentunes": tune.eigentunes,
        "files": files,
        "observables": _rows(tune, reference),
        "figures": figures,
    }


def tune_json(tune: Tune) -> str:
    """Return a tune as JSON, in the user's units."""
    content = {
        "params": {key: table.plain(value) for key, value in tune.params.items()},
        "chi2": tune.chi2,
        "ndf": tune.ndf,
        "level": tune.level,
        "settings": _settings(tune.settings),
        "left_out": list(tune.statistic.left_out),
        "parameters": [
            {
                "name": each.name,
                "value": each.value,
                "error": each.error,
                "parts": dict(each.parts),
                "range": [each.low, each.high],
                "bound": each.bound,
                "is_constrained": each.is_constrained,
            }
            for each in tune.parameters
        ],
        "covariance": tune.covariance.tolist(),
        "correlation": tune.correlation.tolist(),
        "eigentunes": [
            {
                "size": each.size,
                "direction": dict(each.direction),
                "plus": {key: table.plain(value) for key, value in each.plus.items()},
                "minus": {key: table.plain(value) for key, value in each.minus.items()},
                "is_cut": each.is_cut,
            }
            for each in tune.eigentunes
        ],
        "observables": [
            {
                "name": each.name,
                "bins": len(each.pulls),
                "weight": each.weight,
                "chi2": each.chi2,
                "pulls": each.pulls.tolist(),
                "information": dict(zip(tune.names, each.information.tolist())),
                "response": dict(zip(tune.names, each.response.tolist())),
            }
            for each in tune.observables
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def bins_csv(tune: Tune, charts: Sequence[ObservableAxes], band: Band) -> str:
    """Return data and prediction bin by bin, as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "observable",
            "bin_lo",
            "bin_hi",
            "data",
            "data_error",
            "theory",
            "tune",
            "model_error",
            "below",
            "above",
            "weight",
        ]
    )
    where = tune.statistic.slices()
    columns = (
        tune.statistic.data,
        tune.statistic.errors,
        tune.statistic.theory,
        tune.outputs,
        tune.outputs_std,
        band.below,
        band.above,
        tune.statistic.weights,
    )
    for chart in charts:
        rows = zip(chart.low, chart.high, *(column[where[chart.name]] for column in columns), strict=True)
        writer.writerows([chart.name, *(f"{value:.8g}" for value in row)] for row in rows)
    return out.getvalue()


def _settings(settings: TuneSettings) -> dict[str, Any]:
    return {
        "observables": None if settings.observables is None else list(settings.observables),
        "weights": None if settings.weights is None else dict(settings.weights),
        "theory": settings.theory,
        "same_measurement": [list(group) for group in settings.same_measurement],
        "level": settings.level,
    }


def _reference(problem: Problem, tune: Tune, baseline: Baseline | None) -> Reference | None:
    if baseline is None or not problem.space.contains(dict(baseline.params)):
        return None
    bins, _ = predicted(problem.space, tune, baseline.params)
    return Reference(f"{baseline.name} (model)", bins)


def _relative_theory(tune: Tune) -> float:
    data = np.abs(tune.statistic.data)
    known = data > 0.0
    return float((tune.statistic.theory[known] / data[known]).max()) if known.any() else 0.0


def _alternatives(tune: Tune) -> list[tuple[str, float]]:
    return [
        (", ".join(f"{key} = {value}" for key, value in choice.items()), value)
        for choice, value in tune.alternatives
    ]


def _rows(tune: Tune, reference: Reference | None) -> list[dict[str, Any]]:
    squares = _squares(tune, reference.outputs) if reference is not None else {}
    rows = []
    for each in tune.observables:
        shares = sorted(zip(each.information, tune.names), reverse=True)
        constrains = ", ".join(f"{name} ({share:.0%})" for share, name in shares if share >= _MIN_SHARE)
        rows.append(
            {
                "name": each.name,
                "n": len(each.pulls),
                "weight": each.weight,
                "square": each.chi2 / max(len(each.pulls), 1),
                "reference": squares.get(each.name),
                "constrains": constrains if each.weight else "not in the fit",
            }
        )
    return rows


def _weight_rows(found: AutomaticWeights) -> list[dict[str, Any]]:
    now, equal = squares_of(found.tune), squares_of(found.equal)
    rows = [
        {
            "name": name,
            "weight": weight,
            "weighted": now[name],
            "equal": equal[name],
            "alone": found.alone[name],
        }
        for name, weight in found.weights.items()
    ]
    return sorted(rows, key=lambda row: float(row["weight"]))


def _squares(tune: Tune, outputs: Array) -> dict[str, float]:
    full = tune.statistic.variances + tune.outputs_std**2
    pulls = (outputs - tune.statistic.data) ** 2 / np.where(full > 0.0, full, np.inf)
    return {name: float(pulls[where].mean()) for name, where in tune.statistic.slices().items()}


def _cards(folder: Path, tune: Tune, objective: object) -> list[str]:
    """Write the tune and its eigentunes in the simulator's format; return the names of the files."""
    if not isinstance(objective, Plottable):
        return []
    points = [("", "Tune", tune.params)]
    for number, each in enumerate(tune.eigentunes, 1):
        for word, point in (("plus", each.plus), ("minus", each.minus)):
            points.append((f"_eigen{number}_{word}", f"Eigentune {number}, {word}", point))
    names = []
    for suffix, title, point in points:
        remarks = [title, level_text(tune)]
        if not suffix:
            remarks += [f"{p.name} = {p.value:.5g} +- {p.error:.2g}" for p in tune.parameters]
        card = objective.run_card(point, remarks)
        if card is None:
            return []
        path = Path(card.name)
        names.append(f"{path.stem}{suffix}{path.suffix}")
        _write(folder / names[-1], card.text)
    return names


def _figures(
    folder: Path, tune: Tune, charts: Sequence[ObservableAxes], band: Band, reference: Reference | None
) -> list[Figure]:
    drawn: list[Figure] = []

    def add(stem: str, title: str, caption: str, figure: Any) -> None:
        if figure is not None:
            save(figure, folder / stem)
            drawn.append(Figure(folder / stem, title, caption))

    if tune.names:
        add("tune_correlation", "Correlations", "Of the tuned parameters.", correlation_figure(tune))
        add(
            "tune_information",
            "What constrains which parameter",
            "Share of all information on each parameter, the others held: a column adds up to 100.",
            information_figure(tune),
        )
    add(
        "tune_pulls",
        "Pulls",
        "Left: mean over bins of the squared distance in units of all errors; grey bars are not in the fit. "
        "Right: every bin, (prediction - data) / error; those beyond 8 at the edge.",
        pulls_figure(tune, reference),
    )
    for number, (title, figure) in enumerate(panel_figures(tune, charts, band, reference), 1):
        caption = (
            "Data with their errors, the tune as the model predicts it and the band of its eigentunes; "
            "below, ratios to the data, grey: the theory uncertainty. The number above each panel is the "
            "mean squared pull."
        )
        add(f"tune_panels_{number}", title, caption, figure)
    add(
        "tune_means",
        "Mean values",
        "Distance from the data in units of all errors; grey: within one.",
        means_figure(tune, charts, reference),
    )
    return drawn


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
