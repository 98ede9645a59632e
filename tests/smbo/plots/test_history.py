"""The figure of convergence shows every evaluation, the best so far and the re-evaluations."""

import numpy as np
import pytest

from smbo.analysis.summary import Comparison, Measured, convergence
from smbo.plots import convergence_figure
from smbo.problem import Problem
from smbo.space import Real
from smbo.trial import Recommendation, Trial, TrialState

PROBLEM = Problem({"x": Real(0.0, 1.0)})
RECOMMENDATION = Recommendation({"x": 0.5}, 1.0, 0.1)


def drawn(values, comparison=None):
    trials = [
        Trial(k, {"x": 0.5}, k, TrialState.COMPLETE, value=value, feasible=True)
        for k, value in enumerate(values)
    ]
    trials.append(Trial(len(trials), {"x": 0.5}, 0, TrialState.FAILED, reason="crashed"))
    return convergence_figure(PROBLEM, convergence(PROBLEM, trials), RECOMMENDATION, comparison)


def line_of(axes, label):
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found


def test_the_step_follows_the_lowest_value_so_far():
    (axes,) = drawn([3.0, 1.0, 2.0]).axes
    assert line_of(axes, "lowest observed so far").get_ydata() == pytest.approx([3.0, 1.0, 1.0])
    assert list(line_of(axes, "failed (1)").get_xdata()) == [3]


@pytest.mark.parametrize(("values", "scale"), [([1.0, 2.0, 3.0], "linear"), ([1.0, 2.0, 1e3], "log")])
def test_skewed_positive_values_have_a_logarithmic_axis(values, scale):
    assert drawn(values).axes[0].get_yscale() == scale


def test_re_evaluations_have_a_panel_of_their_own():
    comparison = Comparison(Measured(1.0, 0.1, 3), Measured(2.0, np.nan, 1), "default")
    _, checks = drawn([3.0, 1.0], comparison).axes
    assert [label.get_text() for label in checks.get_xticklabels()] == ["recommended", "default"]
