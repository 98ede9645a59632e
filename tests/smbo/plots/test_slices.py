"""Slices show the posterior along each axis, the recommended point and the baseline."""

import numpy as np

from smbo.analysis.summary import slices
from smbo.plots.slices import MODEL, slices_figure
from smbo.problem import Problem
from smbo.space import Categorical, Real, Space
from smbo.trial import Recommendation, Trial, TrialState

PROBLEM = Problem(
    Space({"x": Real(0.0, 1.0), "rate": Real(1e-3, 1.0, log=True), "kind": Categorical(["a", "b"])})
)
POINT = {"x": 0.3, "rate": 0.1, "kind": "a"}


class Bowl:
    """A posterior with its minimum at 0.3 along the first axis, and a deviation of 0.1."""

    def moments(self, points):
        return (points[:, 0] - 0.3) ** 2, np.full(len(points), 0.1)


def figure(baseline=None):
    trials = [Trial(k, POINT, k, TrialState.COMPLETE, value=0.1 * k) for k in range(4)]
    found = slices(PROBLEM, Bowl(), POINT)
    recommendation = Recommendation(POINT, 0.0, 0.1)
    return slices_figure(PROBLEM, found, recommendation, trials, baseline, "default")


def test_each_axis_has_a_panel_on_its_own_scale():
    panels = [axes for axes in figure().axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in panels] == ["x", "rate", "kind"]
    assert [axes.get_xscale() for axes in panels] == ["linear", "log", "linear"]
    assert [label.get_text() for label in panels[2].get_xticklabels()] == ["a", "b"]


def test_the_line_is_the_posterior_mean():
    panel = figure().axes[0]
    (line,) = [line for line in panel.lines if line.get_label() == MODEL]
    x, y = line.get_data()
    np.testing.assert_allclose(y, (np.asarray(x) - 0.3) ** 2, atol=1e-12)


def test_a_baseline_is_marked_where_it_has_the_parameter():
    panels = figure({"x": 0.8, "kind": "b"}).axes
    marks = [[line.get_xdata()[0] for line in axes.lines if line.get_label() == "default"] for axes in panels]
    assert marks == [[0.8], [], [1.0]]
