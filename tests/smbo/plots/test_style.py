"""Figures are written to files that depend on their content alone, and names fit on one line."""

import matplotlib as mpl
import numpy as np

from smbo.plots.style import (
    COLOURS,
    MOST_VECTORS,
    decade_labels,
    new_figure,
    plain_log_labels,
    power_of_ten,
    save,
    shorten,
    style,
)


def test_names_are_shortened_to_one_printable_line():
    assert shorten("a\nb\u202ec  d") == "a b c d"
    assert len(shorten("x" * 10_000)) == 40
    assert shorten("short") == "short"


def test_the_style_holds_inside_the_context_only():
    with style():
        assert mpl.rcParams["text.parse_math"] is False
    assert mpl.rcParams["text.parse_math"] is True


def test_a_figure_is_saved_as_png_and_pdf_under_a_stem_with_dots(tmp_path):
    save(new_figure(2, 2), tmp_path / "x.p")
    assert {path.name for path in tmp_path.iterdir()} == {"x.p.png", "x.p.pdf"}


def test_a_logarithmic_axis_is_labelled_with_plain_numbers():
    axes = new_figure(3, 3).subplots()
    axes.set_xscale("log")
    axes.set_xlim(1.0, 100.0)
    plain_log_labels(axes.xaxis, at_most=4)
    labels = {axes.xaxis.get_major_formatter()(tick) for tick in axes.get_xticks()}
    assert {"1", "10", "100"} <= labels
    assert np.isfinite([float(label) for label in labels]).all()


def test_each_thing_has_a_colour_of_its_own():
    assert len({colour.lower() for colour in COLOURS.values()}) == len(COLOURS)


def test_powers_of_ten_are_written_with_an_exponent():
    values = [1e-12, 1e-3, 1.0, 10.0, 1e10, 2.0, 0.0]
    assert [power_of_ten(value) for value in values] == ["10⁻¹²", "10⁻³", "10⁰", "10¹", "10¹⁰", "2", "0"]


def test_a_logarithmic_axis_of_about_a_decade_keeps_plain_numbers():
    axes = new_figure(3, 3).subplots()
    axes.set_yscale("log")
    axes.set_ylim(1.0, 20.0)
    decade_labels(axes.yaxis)
    assert axes.yaxis.get_major_formatter()(2.0) == "2"
    assert 2.0 in axes.yaxis.get_ticklocs()


def test_many_points_are_an_image_in_a_pdf_and_few_are_not(tmp_path):
    for n in (MOST_VECTORS, MOST_VECTORS + 1):
        figure = new_figure(1, 1)
        axes = figure.add_subplot()
        axes.scatter(range(n), range(n), c=range(n))
        axes.plot(range(n), range(n))
        save(figure, tmp_path / "points")
        drawn = [*axes.collections, *axes.lines]
        assert [bool(each.get_rasterized()) for each in drawn] == [n > MOST_VECTORS] * 2
