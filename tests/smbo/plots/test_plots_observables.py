"""Data and predictions are drawn bin by bin, in one family of panels for all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from smbo.plots.observables import Curve, means_figure, panel_figures
from smbo.plots.style import COLOURS
from smbo.problem import ChiSquare, Outcome
from smbo.problem.observables import ObservableAxes, plain_axes
from smbo.tuning import TuneSettings
from smbo.tuning.bands import Band
from smbo.tuning.statistic import Statistic

DATA = {
    "shape": (np.array([1e3, 10.0, 0.1]), np.array([10.0, 1.0, 0.01])),
    "means": ([17.0, 2.0], [0.2, 0.1]),
}
EDGES = np.array([1e-3, 1e-2, 1e-1, 1.0])
CHARTS = [
    ObservableAxes(
        "shape",
        EDGES[:-1],
        EDGES[1:],
        title="ALEPH 1996",
        family="Event shapes",
        process="e⁺e⁻, √s = 91.2 GeV",
        x_label="$p$ [GeV]",
        y_label="$1/N$ [GeV$^{-1}$]",
        log_x=True,
        log_y=True,
    ),
    ObservableAxes("means", np.arange(2) - 0.5, np.arange(2) + 0.5, process="e⁺e⁻", bins=(r"$\pi$", "$K$")),
]


@pytest.fixture
def statistic():
    return Statistic.of(ChiSquare.of_observables(DATA, theory=0.05), TuneSettings())


@pytest.fixture
def curves(statistic):
    band = Band(0.1 * statistic.data, 0.1 * statistic.data)
    return [
        Curve("tune", "tune", 1.02 * statistic.data, np.zeros(5), band),
        Curve("recommended", "recommended", 1.05 * statistic.data, np.zeros(5)),
        Curve("baseline", "Monash 2013", 0.9 * statistic.data, np.zeros(5)),
    ]


def test_a_panel_has_process_energy_units_and_powers_of_ten(statistic, curves):
    ((title, figure),) = panel_figures(statistic, CHARTS, curves)
    figure.draw_without_rendering()
    lower, upper = figure.axes
    assert title == "Event shapes, ALEPH 1996"
    process, line = upper.get_title(loc="left").splitlines()
    assert process == "e⁺e⁻, √s = 91.2 GeV"
    # (1.02 - 1)² / (s² + 0.05²) and so on, in the order of the legend
    assert line.startswith("shape: χ²/n = 0.")
    assert len(line.split(" / ")) == 3
    assert (upper.get_ylabel(), lower.get_xlabel()) == ("$1/N$ [GeV$^{-1}$]", "$p$ [GeV]")
    assert lower.get_ylabel() == "MC / data"
    for axis in (upper.yaxis, lower.xaxis):
        shown = [label.get_text() for label in axis.get_ticklabels() if label.get_text()]
        assert "10⁻¹" in shown
        assert all(text.startswith("10") for text in shown)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["data", "tune", "recommended", "Monash 2013", "eigentunes"]


def test_a_curve_has_the_colour_of_its_role_in_the_panel_its_ratio_and_among_the_means(statistic, curves):
    ((_, figure),) = panel_figures(statistic, CHARTS, curves)
    means = means_figure(statistic, CHARTS, curves)
    for curve in curves:
        for axes in (*figure.axes, *means.axes):
            colours = [to_hex(line.get_color()) for line in axes.lines]
            assert COLOURS[curve.role].lower() in colours
    assert means.axes[0].get_title(loc="left") == "e⁺e⁻"


def test_without_any_curve_the_data_are_drawn_alone(statistic):
    ((_, figure),) = panel_figures(statistic, CHARTS, [])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["data"]
    assert means_figure(statistic, CHARTS, []) is not None


def test_observables_with_an_axis_have_no_figure_of_means(statistic, curves):
    assert means_figure(statistic, plain_axes(statistic.counts), curves) is None


def test_nine_panels_are_a_figure(statistic):
    charts = [replace(CHARTS[0], x_label=str(k)) for k in range(11)]
    assert [len(figure.axes) for _, figure in panel_figures(statistic, charts, [])] == [18, 4]


def test_data_that_do_not_count_are_not_drawn_and_have_no_pull():
    loss = ChiSquare([1.0, 0.0], [0.1, 0.0], weights=[1.0, 0.0], counts={"shape": 2})
    statistic = Statistic.of(loss, TuneSettings())
    curve = Curve("tune", "tune", np.array([1.1, 5.0]), np.zeros(2))
    assert curve.mean_squared_pull(statistic, slice(0, 2)) == pytest.approx(1.0)
    ((_, figure),) = panel_figures(statistic, [replace(CHARTS[0], low=EDGES[:2], high=EDGES[1:3])], [curve])
    (container,) = figure.axes[1].containers
    assert np.isnan(container[0].get_ydata()).tolist() == [False, True]


def test_repeated_evaluations_are_averaged_with_their_error():
    outcomes = [
        Outcome(outputs=np.array([x, 2.0]), outputs_variance=np.array([4.0, 1.0])) for x in (1.0, 3.0)
    ]
    found = Curve.of_outcomes("recommended", "recommended", outcomes, 2)
    assert (found.outputs.tolist(), found.variances.tolist()) == ([2.0, 2.0], [2.0, 0.5])
    # independent noise 4, and a common factor 3
    common = Outcome(outputs=np.ones(2), outputs_variance=np.array([[4.0, 3.0], [1.0, 0.0]]))
    assert Curve.of_outcomes("tune", "tune", [common], 2).variances.tolist() == [13.0, 1.0]


@pytest.mark.parametrize("other", [Outcome(1.0), Outcome(outputs=np.ones(3), outputs_variance=np.ones(3))])
def test_results_of_another_job_are_not_drawn(other):
    assert Curve.of_outcomes("recommended", "recommended", [other], 2) is None
    assert Curve.of_outcomes("recommended", "recommended", [], 2) is None
