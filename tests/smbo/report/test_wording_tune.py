"""A tune as lines of text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tune_toy import TRUTH

from smbo.report.wording_tune import level_text, remarks_of, slope_lines, tune_lines, weight_lines
from smbo.tuning import AutomaticWeights, SlopeCheck


def test_lines_name_each_parameter_and_warn_of_one_that_is_not_constrained(written_tune):
    tune, _, page = written_tune
    lines = tune_lines(tune, TRUTH, "truth")
    assert lines[0] == f"tune: {level_text(tune)}"
    assert [line.split()[0] for line in lines[1:]] == [p.name for p in tune.parameters]
    assert any(remark.startswith("idle is not constrained") for remark in remarks_of(tune))
    assert "idle is not constrained" in page


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("pdg", "scale factor of the Particle Data Group"),
        ("residuals", "residuals say"),
        (2.5, "as asked for"),
    ],
)
def test_the_level_is_said_with_the_rule_that_it_follows_from(written_tune, level, said):
    tune, _, _ = written_tune
    text = level_text(
        replace(tune, settings=replace(tune.settings, level=level), level=2.5, chi2=30.0, ndf=20.0)
    )
    assert text.startswith("χ²/ndf = 30.0/20.0 = 1.50")
    assert "Δχ² = 2.5 " in text
    assert said in text


def test_a_slope_that_is_not_known_is_said_with_its_reason_and_no_number():
    nan = float("nan")
    lines = slope_lines([SlopeCheck("width", 0.93, 0.041), SlopeCheck("k", nan, nan, "too far")], 5000)
    assert "5000 events" in lines[0]
    assert lines[1:] == ["  width  0.930 ± 0.041", "  k      not known: too far"]


def test_weights_are_listed_from_the_lowest_and_what_no_setting_describes_is_named(written_tune):
    tune, _, _ = written_tune
    found = AutomaticWeights(
        "robust", {"falling": 1.0, "peak": 0.25}, tune, tune, {"falling": 1.1, "peak": 4.0}, n_fits=9
    )
    first, *rows, moved = weight_lines(found)
    assert "No setting within the ranges describes peak:" in first
    assert "9 fits of the model" in first
    assert [row.split()[0] for row in rows] == ["peak", "falling"]
    assert "tuned to it alone: 4.00" in rows[0]
    for each in tune.parameters:
        assert f"{each.name} " in moved
