"""A tune's page holds its table, figures and files."""

import csv
import json

import pytest


def test_the_page_embeds_every_figure_and_links_the_files(written_tune):
    _, folder, page = written_tune
    n_figures = len(list((folder / "figures").glob("*.png")))
    assert n_figures == page.count("data:image/png;base64,") == 4
    assert 'href="tune.json"' in page
    assert 'href="tune_bins.csv"' in page


def test_the_json_holds_the_parameters_with_their_errors(written_tune):
    tune, folder, _ = written_tune
    stored = json.loads((folder / "tune.json").read_text())
    assert stored["chi2"] == tune.chi2
    assert {p["name"]: (p["value"], p["error"]) for p in stored["parameters"]} == {
        p.name: (p.value, p.error) for p in tune.parameters
    }


def test_the_table_of_bins_has_a_row_for_each(written_tune):
    tune, folder, _ = written_tune
    rows = list(csv.DictReader((folder / "tune_bins.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(tune.statistic.data)
    assert [float(row["data"]) for row in rows] == pytest.approx(tune.statistic.data)
