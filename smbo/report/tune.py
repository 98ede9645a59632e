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

from smbo.errors import ProblemError
from smbo.history import table
from smbo.plots import save
from smbo.plots.observables import Curve, means_figure, panel_figures
from smbo.plots.style import has_matplotlib
from smbo.plots.tunes import correlation_figure, information_figure, pulls_figure
from smbo.problem import ChiSquare, Figure, Problem
from smbo.problem.observables import ObservableAxes, Plottable, plain_axes
from smbo.report.page import embedded, rendered
from smbo.report.wording_tune import level_text, remarks_of, weights_text
from smbo.tuning import AutomaticWeights, Tune, TuneSettings
from smbo.tuning.automatic import squares_of
from smbo.tuning.bands import Band, eigentune_band, predicted
from smbo.tuning.statistic import Statistic

PAGE = "index.html"
_AT_RECOMMENDED = (
    "The recommended point, with the parts of the errors of its parameters: how far other data within their "
    "errors would move it, and what evaluations leave open. Agreement is by"
)
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
    evaluated: Sequence[Curve] = (),
    recommended: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a tune's files and figures into a folder, and return the content of the template.

    Files: ``tune.json`` (parameters, covariance, eigentunes, observables), ``tune_bins.csv`` (data and
    prediction bin by bin), and, where the objective can write the simulator's own format, the tune and
    its eigentunes in that format.

    Args:
        evaluated: predictions by evaluations of the recommended point and of the baseline; the model's
            is drawn for a baseline that was not evaluated.
        recommended: the study's recommended point, if the page names one.
    """
    charts = charts_of(objective, tune.statistic.counts)
    (folder / "figures").mkdir(exist_ok=True)
    others = [*evaluated]
    if not any(each.role == "baseline" for each in others):
        others += _modelled(problem, tune, baseline)
    reference = next((each for each in others if each.role == "baseline"), None)
    band = eigentune_band(problem.space, tune)
    files = [*_cards(folder, tune, objective), "tune.json", "tune_bins.csv"]
    _write(folder / "tune.json", tune_json(tune))
    _write(folder / "tune_bins.csv", bins_csv(tune, charts, band))
    curves = [Curve("tune", "tune", tune.outputs, tune.outputs_std**2, band), *others]
    figures = [embedded(figure, folder) for figure in _figures(folder / "figures", tune, charts, curves)]
    used = [each for each in tune.observables if each.weight]
    return {
        "title": "The tune",
        "intro": _AT_RECOMMENDED if recommended == tune.params else "Parameters that minimise",
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


def charts_of(objective: object, counts: Mapping[str, int]) -> Sequence[ObservableAxes]:
    """Return the axes of an objective's observables, or plain ones."""
    return objective.observable_axes() if isinstance(objective, Plottable) else plain_axes(counts)


def evaluated_figures(
    folder: Path, loss: ChiSquare, objective: object, curves: Sequence[Curve]
) -> list[Figure]:
    """Draw data and evaluated predictions, for a study that has no tune."""
    try:
        statistic = Statistic.of(loss, TuneSettings())
    except ProblemError:
        return []
    return _bin_figures(folder, statistic, charts_of(objective, statistic.counts), curves)


def _modelled(problem: Problem, tune: Tune, baseline: Baseline | None) -> list[Curve]:
    """Return the model's prediction at the baseline, if there is one."""
    if baseline is None or not problem.space.contains(dict(baseline.params)):
        return []
    bins, std = predicted(problem.space, tune, baseline.params)
    return [Curve("baseline", f"{baseline.name} (model)", bins, std**2)]


def _relative_theory(tune: Tune) -> float:
    data = np.abs(tune.statistic.data)
    known = data > 0.0
    return float((tune.statistic.theory[known] / data[known]).max()) if known.any() else 0.0


def _alternatives(tune: Tune) -> list[tuple[str, float]]:
    return [
        (", ".join(f"{key} = {value}" for key, value in choice.items()), value)
        for choice, value in tune.alternatives
    ]


def _rows(tune: Tune, reference: Curve | None) -> list[dict[str, Any]]:
    where = tune.statistic.slices()
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
                "reference": reference and reference.mean_squared_pull(tune.statistic, where[each.name]),
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
    folder: Path, tune: Tune, charts: Sequence[ObservableAxes], curves: Sequence[Curve]
) -> list[Figure]:
    drawn: list[Figure] = []
    if not has_matplotlib():
        return drawn

    def add(stem: str, title: str, caption: str, figure: Any) -> None:
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
        pulls_figure(tune, curves[1:]),
    )
    return drawn + _bin_figures(folder, tune.statistic, charts, curves)


def _bin_figures(
    folder: Path, statistic: Statistic, charts: Sequence[ObservableAxes], curves: Sequence[Curve]
) -> list[Figure]:
    """Draw data and predictions bin by bin, and the pulls of mean values."""
    drawn: list[Figure] = []
    if not has_matplotlib():
        return drawn
    names = ", ".join(curve.name for curve in curves)
    for number, (title, figure) in enumerate(panel_figures(statistic, charts, curves), 1):
        save(figure, folder / f"observables_{number}")
        caption = f"Data with their errors, and {names or 'nothing else'}" + (
            " (as the model predicts it, with the band of its eigentunes)"
            if any(curve.band is not None for curve in curves)
            else ""
        )
        caption += (
            "; below, the ratio to the data, grey: the theory uncertainty. Above each panel the mean squared "
            "distance in units of all errors, in the order of these names."
        )
        drawn.append(Figure(folder / f"observables_{number}", title, caption))
    if (figure := means_figure(statistic, charts, curves)) is not None:
        save(figure, folder / "means")
        caption = "Distance from the data in units of all errors; grey: within one."
        drawn.append(Figure(folder / "means", "Mean values", caption))
    return drawn


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
