"""Studies in SQLite: made once, listed in one order, and read in pages."""

from __future__ import annotations

import gc

import pytest

from smbo.store import studies
from smbo.store.budget import Budget
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState


@pytest.fixture
def store(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/a.db")
    yield store
    store.close()


def test_a_study_is_made_once_and_names_are_in_the_order_of_their_characters(store):
    first = store.create_study("b", {"space": {}}, "gp", 2**70, Budget(trials=3))
    again = store.create_study("b", {}, "random", 1, Budget())
    assert again == first == store.study("b")
    assert (first.seed, first.problem, first.budget) == (2**70, {"space": {}}, Budget(trials=3).to_json())
    for name in ("a", "B", "1"):
        store.create_study(name, {}, "gp", 1, Budget())
    assert store.names() == ["1", "B", "a", "b"]
    assert len({store.study(name).uid for name in store.names()}) == 4


@pytest.mark.parametrize("is_enabled", [True, False])
def test_pages_hold_the_same_changes_and_leave_the_garbage_collector_as_it_was(
    store, monkeypatch, is_enabled
):
    study = store.create_study("s", {}, "gp", 1, Budget()).id
    results = [Result(TrialState.COMPLETE, value=k / 3, feasible=True) for k in range(7)]
    store.add_many(study, [{"x": k} for k in range(7)], results, int)
    record, whole = store.changes("s", 2)
    assert [trial.number for trial in whole] == list(range(1, 7))  # the study's creation was the first change
    monkeypatch.setattr(studies, "_PAGE", 3)
    try:
        if not is_enabled:
            gc.disable()
        again, pages = store.changes("s", 2)
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()
    assert again == record
    assert [(trial.number, trial.value) for trial in pages] == [
        (trial.number, trial.value) for trial in whole
    ]
