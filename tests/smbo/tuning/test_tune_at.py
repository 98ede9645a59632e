"""The tune at a given point: one point on a page, with the errors that it has as a tune."""

from __future__ import annotations

import pytest
from tune_toy import SPACE, TRUTH, study_of

from smbo.tuning import fit_tune
from smbo.tuning.bins import BinModel
from smbo.tuning.fit import refit


def test_the_tune_at_a_point_is_that_point_with_errors_like_those_of_the_minimum():
    problem, data = study_of(1)
    best = fit_tune(problem, data)
    there = refit(problem, data, BinModel.of(data), at=TRUTH)
    assert dict(there.params) == TRUTH
    assert {each.name: each.value for each in there.parameters} == pytest.approx(TRUTH)
    assert there.chi2 >= best.chi2 * (1.0 - 1e-6)
    for name in ("slope", "width"):
        assert there.errors[name] == pytest.approx(best.errors[name], rel=0.3)


def test_the_tune_at_its_own_minimum_is_the_same():
    problem, data = study_of(1)
    best = fit_tune(problem, data)
    again = refit(problem, data, BinModel.of(data), at=SPACE.check(best.params))
    assert again.chi2 == pytest.approx(best.chi2, rel=1e-3)
    assert again.errors == pytest.approx(best.errors, rel=1e-2)
