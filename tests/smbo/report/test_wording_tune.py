"""A tune as lines of text."""

from __future__ import annotations

import pytest
from tune_toy import TRUTH, study_of

from smbo.report.tune import Baseline, write_tune
from smbo.report.wording_tune import level_text, remarks_of, tune_lines
from smbo.tuning import fit_tune


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    problem, data = study_of(0)
    tune, folder = fit_tune(problem, data), tmp_path_factory.mktemp("tune")
    page = write_tune(folder, name="toy", problem=problem, tune=tune, baseline=Baseline("truth", TRUTH))
    return tune, folder, page.read_text(encoding="utf-8")


def test_lines_name_each_parameter_and_warn_of_one_that_is_not_constrained(written):
    tune, _, page = written
    lines = tune_lines(tune, TRUTH, "truth")
    assert lines[0] == f"tune: {level_text(tune)}"
    assert [line.split()[0] for line in lines[1:]] == [p.name for p in tune.parameters]
    assert any(remark.startswith("idle is not constrained") for remark in remarks_of(tune))
    assert "idle is not constrained" in page
