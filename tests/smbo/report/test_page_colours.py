"""One thing has one colour in all figures of a page, those of bins and those of values alike."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pytest
from matplotlib.colors import to_hex
from tune_toy import TRUTH, spectra, study_of

from smbo.plots.style import COLOURS
from smbo.problem import ChiSquare, Outcome, Problem
from smbo.problem.observables import ObservableAxes
from smbo.report import study as study_page, tune as tune_page
from smbo.report.study import write_report
from smbo.surrogates import CompositeGP
from smbo.trial import Recommendation, Trial, TrialState
from smbo.tuning import fit_tune

# by label, or its beginning: the thing that it names
THINGS = {
    "data": "data",
    "tune": "tune",
    "eigentunes": "tune",
    "recommended": "recommended",
    "model at the recommended point": "recommended",
    "expert": "baseline",
    "model: mean": "model",
    "evaluation": "evaluation",
    "lowest observed": "best",
    "failed": "failed",
}


class Drawn:
    """An objective with axes of its outputs."""

    def evaluate(self, params, context):
        return Outcome(outputs=spectra(**params), outputs_variance=np.full(24, 4e-4))

    def observable_axes(self):
        low, high = np.arange(12) - 0.5, np.arange(12) + 0.5
        return [
            ObservableAxes(n, low, high, process="pp, √s = 7 TeV", x_label="p [GeV]", y_label="1/N [1/GeV]")
            for n in ("falling", "peak")
        ]

    def same_measurement(self):
        return []

    def run_card(self, params, remarks):
        return None


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the figures of a page by the names of their files, and its text."""
    problem, data = study_of(0, n=14)
    outputs = data.outputs
    trials = [
        Trial(
            number,
            point,
            number,
            TrialState.COMPLETE,
            value=float(problem.loss.of(outputs.values[number])),
            sem=0.1,
            feasible=True,
        )
        for number, point in enumerate(problem.space.from_unit(data.points))
    ]
    trials.append(Trial(14, trials[0].params, 14, TrialState.FAILED, reason="aborted"))
    tune = fit_tune(problem, data)
    objective = Drawn()
    points = {"recommended": dict(tune.params), "expert": {**TRUTH, "slope": 1.6}}
    checks = {name: [(point, checked(problem, objective, point))] * 2 for name, point in points.items()}
    figures, folder = {}, tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        for module in (study_page, tune_page):
            patch.setattr(module, "save", lambda figure, stem: figures.__setitem__(stem.name, figure))
        written = write_report(
            folder,
            name="toy",
            problem=problem,
            trials=trials,
            recommendation=Recommendation(points["recommended"], 1.0, 0.1),
            posterior=CompositeGP().fit(data),
            checks=checks,
            tune=tune,
            objective=objective,
        )
    return figures, written.read_text(encoding="utf-8")


def checked(problem: Problem, objective: Drawn, point) -> Outcome:
    assert isinstance(problem.loss, ChiSquare)
    return problem.outcome(objective.evaluate(point, None))


def labelled(figure):
    """Yield (label, colour) of everything that a figure's legends name."""
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            first = handle[0] if isinstance(handle, tuple) else handle
            colour = first.get_color() if hasattr(first, "get_color") else first.get_facecolor()
            colour = np.asarray(colour, dtype=object)
            yield label, to_hex(colour[0] if colour.ndim == 2 else colour.tolist())


def test_a_named_thing_has_its_colour_in_every_figure(page):
    figures, _ = page
    assert {"convergence", "slices", "evaluations", "tune_pulls", "observables_1"} <= set(figures)
    found = defaultdict(set)
    for figure in figures.values():
        for label, colour in labelled(figure):
            (thing,) = {thing for start, thing in THINGS.items() if label.startswith(start)}
            found[thing].add(colour)
    assert set(found) == set(THINGS.values())
    assert found == {thing: {COLOURS[thing].lower()} for thing in found}


def test_the_star_and_the_bars_of_the_page_are_of_the_recommended_points_colour(page):
    figures, text = page
    stars = [line for axes in figures["evaluations"].axes for line in axes.lines if line.get_marker() == "*"]
    assert {line.get_color() for line in stars} == {COLOURS["recommended"]}
    marks = re.findall(r'<(circle|line)[^>]*(?:fill|stroke)="(#\w{6})"', text)
    assert set(marks) == {("circle", COLOURS["recommended"]), ("line", COLOURS["baseline"])}


def test_the_panels_show_the_evaluated_points_beside_the_tune_once(page):
    figures, text = page
    assert [name for name in figures if name.startswith("observables")] == ["observables_1"]
    names = {label for label, _ in labelled(figures["observables_1"])}
    assert names == {"data", "tune", "eigentunes", "recommended", "expert"}
    for axes in figures["observables_1"].axes[1::2]:
        assert axes.get_title(loc="left").startswith("pp, √s = 7 TeV\n")
    assert "expert (model)" not in text
