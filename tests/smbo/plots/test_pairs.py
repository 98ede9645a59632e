"""The figure of where a study looked is readable however little there is to show."""

import pytest

from smbo.plots import pairs_figure
from smbo.problem import Problem
from smbo.space import Integer, Real, Space
from smbo.trial import Recommendation, Trial, TrialState

PROBLEM = Problem(
    Space({"depth": Integer(1, 9), "rate": Real(1e-3, 1.0, log=True), "width": Real(1e-5, 0.1, log=True)})
)
POINT = {"depth": 7, "rate": 0.0033, "width": 1e-4}


def figure(n_trials):
    trials = [Trial(k, POINT, k, TrialState.COMPLETE, value=float(k)) for k in range(n_trials)]
    drawn = pairs_figure(PROBLEM, trials, Recommendation(POINT, 0.0, 0.1, 0))
    drawn.canvas.draw()
    return drawn


@pytest.mark.parametrize("n_trials", [1, 2])
def test_a_handful_of_trials_leaves_the_colour_bar_whole(n_trials):
    *_, bar = figure(n_trials).axes
    assert bar.get_ylim() == (0.0, 1.0)


def test_an_integer_dimension_has_whole_ticks():
    (axes,) = [axes for axes in figure(3).axes if axes.get_xlabel() == "depth"]
    ticks = axes.get_xticks()
    assert len(ticks) >= 3
    assert [tick for tick in ticks if tick != round(tick)] == []


def test_a_logarithmic_dimension_has_few_labels():
    (axes,) = [axes for axes in figure(1).axes if axes.get_xlabel() == "rate"]
    low, high = axes.get_xlim()
    assert sum(low <= tick <= high for tick in axes.get_xticks()) <= 4


def test_what_violates_a_constraint_has_no_rank():
    trials = [
        Trial(k, POINT, k, TrialState.COMPLETE, value=float(k), feasible=feasible)
        for k, feasible in enumerate([False, True, True])
    ]
    drawn = pairs_figure(PROBLEM, trials, Recommendation(POINT, 0.0, 0.1, 0))
    (panel, *_) = [axes for axes in drawn.axes if axes.get_visible()]
    (ranked,) = panel.collections
    assert sorted(ranked.get_array()) == [0.0, 1.0]
    (empty,) = [line for line in panel.lines if line.get_markerfacecolor() == "none"]
    assert len(empty.get_xdata()) == 1
