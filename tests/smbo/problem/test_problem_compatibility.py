"""The table of kinds that go together: every pair is tried, and the page of the docs is held against it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from compatibility_page import page, recipe_for, refused_by_recipe
from kinds_of_problem import evaluated, problem_of

from smbo import Optimizer
from smbo.errors import ProblemError, RecipeError
from smbo.problem.compatibility import KINDS, REFUSED, pairs, refusal

DOCS = Path(__file__).parents[3] / "docs"
OF_A_PROBLEM = [kind for kind in KINDS if kind not in ("replication", "costs", "failures", "fixed values")]


@pytest.mark.parametrize("kind", OF_A_PROBLEM)
def test_a_problem_says_of_which_kinds_it_is(kind):
    assert kind in problem_of([kind]).kinds()


def test_the_table_names_known_kinds_and_each_pair_once():
    assert {kind for pair in REFUSED for kind in pair} <= KINDS.keys()
    assert len({frozenset(pair) for pair in REFUSED}) == len(REFUSED)


@pytest.mark.parametrize("pair", pairs(), ids=" and ".join)
def test_every_pair_works_or_is_refused_with_the_reason_of_the_table(pair):
    found = refusal(*pair)
    if found is not None:
        with pytest.raises(ProblemError, match=re.escape(found.reason.format(objectives="f, g"))):
            problem_of(pair)
        return
    problem = problem_of(pair)
    if (why := refused_by_recipe(pair)) is not None:
        with pytest.raises(RecipeError, match=re.escape(why)):
            Optimizer(problem, recipe_for(pair), seed=1)
        return
    proposes_points_of_the_space(problem, pair)


def proposes_points_of_the_space(problem, pair):
    optimizer = Optimizer(problem, recipe_for(pair), seed=1)
    fixed, before = {"x": 0.25} if "fixed values" in pair else None, 0.2
    # the design of one or two parameters has five points; the sixth rests on a model
    for number in range(6):
        context = {"t": number / 5} if problem.context else None
        present = None if number or not problem.step_limits else {"x": 0.2}
        if fixed and problem.step_limits:
            fixed = {"x": before}
        trial = optimizer.ask(fixed=fixed if number == 5 else None, context=context, present=present)
        assert not problem.step_limits or abs(trial.params["x"] - before) <= 0.2 + 1e-9
        before = trial.params["x"]
        assert problem.space.contains(trial.params)
        assert np.isfinite(problem.space.to_unit([trial.params])).all()
        if number < 5:
            optimizer.tell(trial, evaluated(problem, pair, trial))
    assert fixed is None or trial.params["x"] == fixed["x"]


def test_the_page_is_the_table():
    assert (DOCS / "compatibility.md").read_text(encoding="utf-8") == page()
