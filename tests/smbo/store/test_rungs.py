"""Intermediate values and rungs in SQLite."""

from __future__ import annotations

import math

import pytest

from smbo.errors import StoreError
from smbo.store import rungs
from smbo.store.ask import Asking
from smbo.store.budget import Budget
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState


@pytest.fixture
def store(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/a.db")
    yield store
    store.close()


@pytest.fixture
def study(store):
    return store.create_study("s", {}, "gp", 1, Budget()).id


def asked(store, study, n):
    points = [{"x": k} for k in range(n)]
    last = store.study("s").last_seq
    return store.ask(study, Asking(n, points, 0, last, {}, int, fidelities=[1.0] * n, rungs=[0] * n))


def test_the_first_value_of_a_step_stands_and_one_that_is_none_comes_back_as_nan(store, study):
    (trial,) = asked(store, study, 1)
    for step, value in [(1, 0.5), (2, math.nan), (1, 9.0), (3, -math.inf)]:
        assert store.report(study, 0, trial.token, step, value)
    told = [(each.step, each.value) for each in store.reports(study)]
    assert [step for step, _ in told] == [1, 2, 3]
    assert told[0][1] == 0.5
    assert math.isnan(told[1][1])
    assert told[2][1] == -math.inf


def test_a_step_that_is_no_number_is_refused_by_hand_and_left_out_of_many(store, study):
    (trial,) = asked(store, study, 1)
    with pytest.raises(StoreError, match="a finite number is needed"):
        store.report(study, 0, trial.token, math.nan, 0.5)
    store.note_reports(study, 0, trial.token, [(1, 0.5), (math.inf, 0.4), (2, 0.3)])
    assert [each.step for each in store.reports(study)] == [1, 2]


def test_rungs_of_many_trials_are_read_in_pieces_as_in_one(store, study, monkeypatch):
    for trial in asked(store, study, 5):
        result = Result(TrialState.PAUSED, value=trial.number / 3, sem=0.1, feasible=trial.number != 2)
        store.pause(study, trial.number, trial.token, result)
    whole = store.changes("s", 0)[1]
    assert [trial.rungs[0].value for trial in whole] == [number / 3 for number in range(5)]
    assert [trial.rungs[0].feasible for trial in whole] == [True, True, False, True, True]
    monkeypatch.setattr(rungs, "_MOST_NUMBERS", 2)
    assert [trial.rungs for trial in store.changes("s", 0)[1]] == [trial.rungs for trial in whole]
