"""Outcome constraints as slacks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from smbo import Optimizer, Problem, Real
from smbo.history.encode import encode
from smbo.problem.outcome_constraints import ConstraintSlacks
from smbo.space.expressions import Expression

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def margins(*texts: str) -> ConstraintSlacks:
    return ConstraintSlacks.of(Expression.parse(text) for text in texts)


@given(NUMBERS, NUMBERS)
@pytest.mark.parametrize(
    "text", ["a >= 2", "a < b", "1 <= a <= b", "a > 0 and b - a <= 3", "max(a, b) <= 100 + abs(a)"]
)
def test_a_constraint_holds_where_no_slack_is_negative(text, a, b):
    known = {"a": a, "b": b}
    slacks = margins(text).of_metrics([known], [True])
    holds = bool(Expression.parse(text).evaluate(known))
    # at a slack of 0 a strict comparison does not hold; rounding may bring two numbers together
    assert holds == (slacks.values >= 0.0).all() or np.abs(slacks.values).min() < 1e-9


@pytest.mark.parametrize("text", ["a == 2", "a > 1 or b > 1", "not a > 1", "a in [1, 2]", "a > 1 and b != 2"])
def test_what_is_no_comparison_of_numbers_has_no_slack_and_is_left_to_the_classifier(text):
    found = margins("b >= 1", text)
    assert [formula.text for formula in found.formulas] == ["(b) - (1)"]
    assert not found.is_whole


def test_a_violation_that_slacks_do_not_tell_of_is_not_explained_by_them():
    problem = Problem({"x": Real(0, 1)}, objectives={"y": "min"}, constraints=["a >= 0", "b == 1"])
    opt = Optimizer(problem, seed=1)
    for x, a, b in ((0.1, 1.0, 1.0), (0.2, -1.0, 1.0), (0.3, 1.0, 0.0), (0.4, -1.0, 0.0)):
        opt.tell({"x": x}, {"y": x, "a": a, "b": b})
    data = encode(problem, opt.trials)
    assert data.feasible.tolist() == [True, False, False, False]
    assert data.outcome_constraints is not None
    assert data.outcome_constraints.is_explained.tolist() == [True, True, False, True]


def test_errors_of_metrics_become_those_of_the_slack():
    known = {"a": 3.0, "a_sem": 0.5, "b": 4.0, "b_sem": 0.1}
    slacks = margins("a * b >= 2", "b <= 7", "3 <= c").of_metrics([{**known, "c": 5.0}], [True])
    assert slacks.values[0] == pytest.approx([10.0, 3.0, 2.0])
    assert slacks.variances[0, :2] == pytest.approx([(4.0 * 0.5) ** 2 + (3.0 * 0.1) ** 2, 0.1**2], rel=1e-6)
    assert math.isnan(slacks.variances[0, 2])


def test_a_metric_may_be_told_with_its_error():
    opt = Optimizer(Problem({"x": Real(0, 1)}, objectives={"y": "min"}, constraints=["n >= 100"]), seed=1)
    told = opt.tell(opt.ask(), {"y": 1.0, "n": (208.0, 14.4), "other": (1.0, 2.0)})
    assert told.metrics == {"y": 1.0, "n": 208.0, "n_sem": 14.4, "other": 1.0}
    slacks = encode(opt.problem, opt.trials).outcome_constraints
    assert slacks is not None
    assert slacks.variances[0, 0] == pytest.approx(14.4**2)


def test_an_evaluation_whose_constrained_metric_is_no_number_has_failed():
    opt = Optimizer(Problem({"x": Real(0, 1)}, constraints=["n >= 100"]), seed=1)
    told = opt.tell(opt.ask(), {"value": 1.0, "n": math.nan, "other": math.nan})
    assert (str(told.state), told.reason, told.error) == ("failed", "non-finite", "n=nan")
    assert told.metrics["value"] == 1.0
    infinite = opt.tell(opt.ask(), {"value": 1.0, "n": math.inf, "other": math.nan})
    assert (str(infinite.state), infinite.feasible) == ("complete", True)


def test_a_slack_that_is_no_number_is_unknown():
    slacks = margins("log(a) >= 0").of_metrics([{"a": -1.0}, {"a": 2.0}, {}], [False, True, False])
    assert np.isnan(slacks.values[:, 0]).tolist() == [True, False, True]
    assert slacks.is_explained.tolist() == [False, True, False]


def test_metrics_of_any_name_stand_in_outcome_constraints():
    problem = Problem(
        {"x": (0.0, 1.0)}, objectives={"loss": "min"}, constraints=["`acc@5` >= 0.8", "`bkg (SR)` + µ <= 3"]
    )
    optimizer = Optimizer(problem, seed=1)
    good = optimizer.tell({"x": 0.5}, {"loss": 1.0, "acc@5": (0.9, 0.01), "bkg (SR)": 1.0, "µ": 1.0})
    bad = optimizer.tell({"x": 0.6}, {"loss": 0.5, "acc@5": 0.9, "bkg (SR)": 3.0, "µ": 1.0})
    assert (good.feasible, bad.feasible) == (True, False)
    assert good.metrics["acc@5_sem"] == 0.01
    slacks = problem.constraint_slacks
    assert [formula.text for formula in slacks.formulas] == ["(`acc@5`) - (0.8)", "(3) - (`bkg (SR)` + `µ`)"]
    known = slacks.of_metrics([good.metrics], [True])
    np.testing.assert_allclose(known.values, [[0.1, 1.0]])
    np.testing.assert_allclose(known.variances[0, 0], 1e-4)
    assert Problem.from_json(problem.to_json()).constraints == problem.constraints


def test_an_outcome_constraint_may_sum_hundreds_of_metrics():
    names = [f"bin{k}" for k in range(300)]
    problem = Problem({"x": (0.0, 1.0)}, constraints=[" + ".join(names) + " <= 100"])
    (slack,) = problem.constraint_slacks.formulas
    assert slack.evaluate(dict.fromkeys(names, 0.25)) == 25.0
