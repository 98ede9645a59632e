"""Templates escape what they are given, and figures are embedded as data."""

import pytest
from jinja2 import UndefinedError

from smbo.plots import save
from smbo.plots.style import new_figure
from smbo.problem import Figure
from smbo.report.page import embedded, rendered


def test_a_template_escapes_text_and_refuses_missing_content():
    rows = [(["<b>"], False), (["&"], True)]
    page = rendered("pareto.html.j2", pareto=rows)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    with pytest.raises(UndefinedError):
        rendered("pareto.html.j2")


def test_a_figure_is_data_and_links_its_pdf_inside_the_folder_only(tmp_path):
    inside, outside = tmp_path / "report" / "figures", tmp_path / "elsewhere"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
        save(new_figure(2, 2), folder / "one")
    found = [embedded(Figure(folder / "one", "t", "c"), tmp_path / "report") for folder in (inside, outside)]
    assert all(each["image"].startswith("data:image/png;base64,") for each in found)
    assert [each["pdf"] for each in found] == ["figures/one.pdf", None]
    missing = embedded(Figure(inside / "none", "t", "c"), tmp_path / "report")
    assert (missing["image"], missing["missing"]) == (None, "none")
