"""Contours are drawn as lines with two continuous parameters, and as maps of probability with more."""

import numpy as np
import pytest

from smbo import LevelSet, Optimizer, Problem, Real
from smbo.plots import contour_figures


def study(n_parameters):
    space = {name: Real(0.0, 1.0) for name in "xyz"[:n_parameters]}
    optimizer = Optimizer(Problem(space, level_set=LevelSet(0.5, of=["f", "g"])), "sobol", seed=1)
    for _ in range(12):
        trial = optimizer.ask()
        x, y = trial.params["x"], trial.params.get("y", 0.0)
        optimizer.tell(trial, {"f": x, "g": y})
    return optimizer.contour(), optimizer.trials


def test_two_continuous_parameters_have_one_figure_with_a_line_for_each_function():
    ((stem, figure),) = contour_figures(*study(2))
    assert stem == "contour"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["f = 0.5", "g = 0.5", "evaluations"]


def test_more_parameters_have_a_figure_of_probabilities_for_each_function():
    contour, trials = study(3)
    figures = dict(contour_figures(contour, trials))
    assert list(figures) == ["contour-0", "contour-1"]
    (panel, *_) = [axes for axes in figures["contour-0"].axes if axes.get_xlabel() == "x"]
    image = panel.collections[0].get_array()
    assert np.nanmin(image) >= 0.0
    assert np.nanmax(image) <= 1.0
    # f is x: above its level on the right of the panel
    assert np.nanmean(image[:, -4:]) > 0.9 > 0.1 > np.nanmean(image[:, :4])


def test_one_parameter_has_no_figure():
    assert contour_figures(*study(1)) == []


@pytest.mark.parametrize("function", ["f", "g"])
def test_the_colour_bar_names_function_and_level(function):
    figures = [figure for _, figure in contour_figures(*study(3))]
    labels = {axes.get_ylabel() for figure in figures for axes in figure.axes}
    assert f"probability of {function} > 0.5" in labels
