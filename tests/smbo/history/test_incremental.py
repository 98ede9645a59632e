"""Training data that is kept up to date beside training data that is made anew."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from smbo.fidelity import Asha, Fidelity
from smbo.history.encode import encode
from smbo.history.incremental import Columns, is_columnar
from smbo.problem import Problem
from smbo.space import Space
from smbo.training_data import EvaluationCosts
from smbo.trial import Trial, TrialState

SPACE = Space({"x": (-1.0, 2.0), "k": (1, 9), "c": ["a", "b"]})
PROBLEM = Problem(SPACE, maximize=True)


def assert_same(one, other):
    for each in fields(one):
        left, right = getattr(one, each.name), getattr(other, each.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, each.name
            assert left.tobytes() == right.tobytes(), each.name
            assert left.shape == right.shape, each.name
        elif isinstance(left, EvaluationCosts):
            assert_same(left, right)
        else:
            assert left == right, each.name


def drawn(rng, number):
    state = list(TrialState)[rng.integers(len(TrialState))]
    point = SPACE.sample(1, np.random.default_rng(number))[0]
    trial = Trial(number, point, 0, state)
    if state is TrialState.COMPLETE:
        value = [0.5, -1e90, 1e-80, float(rng.normal())][rng.integers(4)]
        sem = [None, 0.0, 0.25][rng.integers(3)]
        return replace(trial, value=value, sem=sem, cost=sem, feasible=bool(rng.integers(2)))
    if state in (TrialState.FAILED, TrialState.PRUNED):
        return replace(trial, cost=0.3)
    return trial


@pytest.mark.parametrize("seed", range(5))
def test_columns_say_what_is_made_of_all_trials_anew(seed):
    rng = np.random.default_rng(seed)
    columns, trials = Columns(PROBLEM), {}
    for _ in range(40):
        n_before = len(trials)
        new = [drawn(rng, n_before + k) for k in range(rng.integers(8))]
        again = [drawn(rng, int(rng.integers(n_before))) for _ in range(3)] if n_before else []
        columns.put([*new, *again])
        trials |= {trial.number: trial for trial in (*new, *again)}
        if rng.integers(2):
            assert_same(columns.data(), encode(PROBLEM, trials.values()))
    assert_same(columns.data(), encode(PROBLEM, trials.values()))
    assert len(trials) > 64


def test_evidence_that_was_given_out_never_changes():
    columns = Columns(PROBLEM)
    first = Trial(0, {"x": 0.0, "k": 3, "c": "a"}, 0, TrialState.COMPLETE, value=1.0)
    columns.put([first])
    before = columns.data()
    columns.put([replace(first, value=2.0)])
    assert columns.data().values == -2.0
    assert before.values == -1.0


def test_where_a_row_depends_on_other_trials_there_are_no_columns():
    assert is_columnar(PROBLEM)
    assert not is_columnar(Problem(SPACE, fidelity=Fidelity(1, 9), early_stopping=Asha()))
