"""Figures of a tune show data, prediction and pulls of each observable."""

import numpy as np
import pytest
from tune_toy import study_of

from smbo.plots.tunes import (
    Reference,
    correlation_figure,
    information_figure,
    means_figure,
    panel_figures,
    pulls_figure,
)
from smbo.problem.observables import plain_axes
from smbo.tuning import fit_tune
from smbo.tuning.bands import eigentune_band


@pytest.fixture(scope="module")
def toy():
    problem, data = study_of(0)
    return problem, fit_tune(problem, data)


def test_each_observable_has_a_panel_with_its_ratio_below(toy):
    problem, tune = toy
    charts = plain_axes(tune.statistic.counts)
    ((title, figure),) = panel_figures(tune, charts, eigentune_band(problem.space, tune))
    assert title == "Observables"
    assert len(figure.axes) == 4
    titles = [axes.get_title(loc="right").partition(":")[0] for axes in figure.axes]
    assert [title for title in titles if title] == ["falling", "peak"]


def test_pulls_beyond_the_largest_shown_are_drawn_at_the_edge(toy):
    _, tune = toy
    reference = Reference("far", np.full_like(tune.outputs, 1e3))
    left, right = pulls_figure(tune, reference).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["falling", "peak"]
    assert all(np.abs(line.get_xdata()).max() <= 8.0 for line in right.lines)


def test_matrices_have_a_number_in_each_cell(toy):
    _, tune = toy
    assert [len(figure(tune).axes[0].texts) for figure in (correlation_figure, information_figure)] == [9, 6]


def test_observables_with_an_axis_have_no_figure_of_means(toy):
    _, tune = toy
    assert means_figure(tune, plain_axes(tune.statistic.counts)) is None
