"""A page gives each parameter one error: the tune's where outputs are compared with data."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from tune_toy import study_of

from smbo.analysis.parameters import is_outside, of_tune, parameters
from smbo.problem import Problem
from smbo.report.study import write_report
from smbo.space import Real, Space
from smbo.trial import Recommendation
from smbo.tuning import fit_tune


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    for module in ("study", "tune"):
        monkeypatch.setattr(f"smbo.report.{module}.has_matplotlib", lambda: False)


@pytest.fixture(scope="module")
def tuned():
    problem, data = study_of(0)
    return problem, fit_tune(problem, data)


def page_of(folder, problem, tune, params):
    recommendation = Recommendation(params, 1.0, 0.1, None)
    page = write_report(
        folder, name="toy", problem=problem, trials=[], recommendation=recommendation, tune=tune
    )
    return page.read_text(encoding="utf-8"), json.loads((folder / "optimum.json").read_text())


def test_the_error_of_a_tune_at_the_recommended_point_is_the_one_of_table_and_file(tuned, tmp_path):
    problem, tune = tuned
    page, stored = page_of(tmp_path, problem, tune, tune.params)
    assert "<th>tune, 68 %</th>" in page
    assert "optimum, 68 %" not in page.lower()
    for each in tune.parameters:
        low, high = stored[each.name]["interval_68"]
        assert stored[each.name]["interval_of"] == "tune"
        assert low == pytest.approx(max(each.low, each.value - each.error))
        assert high == pytest.approx(min(each.high, each.value + each.error))


def test_errors_of_a_tune_elsewhere_are_not_given_to_the_recommended_point(tuned, tmp_path):
    problem, tune = tuned
    params = problem.space.from_unit(problem.space.snap(0.5 * (tune.unit[None] + 0.5)))[0]
    page, stored = page_of(tmp_path, problem, tune, params)
    assert not re.search("<th>[a-z]+, 68 %</th>", page)
    assert all(each["interval_68"] is None for each in stored.values())


def test_intervals_of_a_tune_end_at_the_range_and_lie_about_its_value(tuned):
    problem, tune = tuned
    found = {each.name: each for each in of_tune(problem.space, tune)}
    plain = {each.name: each for each in parameters(problem.space, tune.params)}
    for each in tune.parameters:
        mine = found[each.name]
        assert mine.low <= mine.interval_95[0] <= mine.interval[0] <= mine.value
        assert mine.value <= mine.interval[1] <= mine.interval_95[1] <= mine.high
        assert mine.interval_positions[0] <= mine.position <= mine.interval_positions[1]
    others = set(found) - set(tune.names)
    assert all(found[name] == plain[name] for name in others)


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_page_says_where_the_recommended_value_is_outside_of_its_interval(tmp_path, is_inside):
    problem = Problem(Space({"a": Real(0.0, 1.0), "b": Real(0.0, 1.0)}))
    draws = np.stack([np.linspace(0.4, 0.6, 50), np.linspace(0.1, 0.2, 50)], axis=1)
    params = {"a": 0.5, "b": 0.15 if is_inside else 0.9}
    found = parameters(problem.space, params, draws)
    assert [is_outside(each) for each in found] == [False, not is_inside]
    best = Recommendation(params, 0.0, 0.1)
    path = write_report(tmp_path, name="s", problem=problem, trials=[], recommendation=best, parameters=found)
    assert ("b: recommended outside of the interval" in path.read_text(encoding="utf-8")) is not is_inside
