"""Fixtures of the reports' tests."""

import pytest
from tune_toy import TRUTH, study_of

from smbo.report.tune import Baseline, write_tune
from smbo.tuning import fit_tune


@pytest.fixture(scope="session")
def written_tune(tmp_path_factory):
    """Return a tune of the toy, the folder of its page, and the page."""
    problem, data = study_of(0)
    tune, folder = fit_tune(problem, data), tmp_path_factory.mktemp("tune")
    page = write_tune(folder, name="toy", problem=problem, tune=tune, baseline=Baseline("truth", TRUTH))
    return tune, folder, page.read_text(encoding="utf-8")
