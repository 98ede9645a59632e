"""Axes show the whole range of their dimensions, and a triangle has one panel for each pair."""

import pytest

from smbo.plots.axes import pair_panels, show_ranges
from smbo.plots.style import new_figure
from smbo.space import Real, Space

SPACE = Space({"a": Real(0.0, 2.0), "b": Real(1e-3, 1.0, log=True), "c": Real(-1.0, 1.0)})


def test_limits_leave_a_margin_of_a_twentieth_of_the_range_on_its_own_scale():
    axes = new_figure(3, 3).subplots()
    show_ranges(axes, SPACE, "a", "b")
    assert axes.get_xlim() == pytest.approx((-0.1, 2.1))
    assert axes.get_ylim() == pytest.approx((10**-3.15, 10**0.15))
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_a_triangle_has_a_panel_for_each_pair_with_labels_on_its_outer_edge():
    figure = new_figure(4, 4)
    drawn = {(across, up): axes for axes, across, up in pair_panels(figure, SPACE, ["a", "b", "c"])}
    assert list(drawn) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert sum(axes.get_visible() for axes in figure.axes) == 3
    assert drawn["a", "b"].get_ylabel() == "b"
    assert (drawn["a", "c"].get_xlabel(), drawn["a", "c"].get_ylabel()) == ("a", "c")
    assert (drawn["b", "c"].get_xlabel(), drawn["b", "c"].get_ylabel()) == ("b", "")
