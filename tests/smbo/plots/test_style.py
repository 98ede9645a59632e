"""Figures are written to files that depend on their content alone, and names fit on one line."""

import matplotlib as mpl
import numpy as np

from smbo.plots.style import new_figure, plain_log_labels, save, shorten, style


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
