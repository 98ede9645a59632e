"""Figures of a tune show the pulls of each observable, correlations and information."""

import numpy as np
import pytest
from tune_toy import study_of

from smbo.plots.observables import Curve
from smbo.plots.tunes import correlation_figure, information_figure, pulls_figure
from smbo.tuning import fit_tune


@pytest.fixture(scope="module")
def toy():
    problem, data = study_of(0)
    return problem, fit_tune(problem, data)


def test_pulls_beyond_the_largest_shown_are_drawn_at_the_edge(toy):
    _, tune = toy
    far = Curve("baseline", "far", np.full_like(tune.outputs, 1e3), np.zeros_like(tune.outputs))
    left, right = pulls_figure(tune, [far]).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["falling", "peak"]
    assert all(np.abs(line.get_xdata()).max() <= 8.0 for line in right.lines)


def test_matrices_have_a_number_in_each_cell(toy):
    _, tune = toy
    assert [len(figure(tune).axes[0].texts) for figure in (correlation_figure, information_figure)] == [9, 6]
