"""The ask transaction in SQLite: keys, waiting trials, and where points come from."""

from __future__ import annotations

import json

import pytest

from smbo.errors import StoreError
from smbo.store.ask import MAX_KEY_CHARACTERS, Asking, check_key
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
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


def asking(store, n=1, **more):
    record = store.study("s")
    points = [{"x": record.next_number + k} for k in range(n)]
    return Asking(n, points, record.next_number, record.last_seq, {}, lambda number: number, **more)


@pytest.mark.parametrize("key", ["", "k" * (MAX_KEY_CHARACTERS + 1), b"key", 3, True], ids=repr)
def test_a_key_is_a_string_of_a_bounded_length(key):
    with pytest.raises(StoreError, match="a key is a string of 1 to 200 characters"):
        check_key(key)
    assert check_key(None) is None
    assert check_key("k" * MAX_KEY_CHARACTERS) == "k" * MAX_KEY_CHARACTERS


def test_a_key_stands_for_one_number_of_trials_and_for_its_fixed_values(store, study):
    assert store.asked_before(study, "a", 2, {"x": 1}) == []
    asked = store.ask(study, asking(store, 2, key="a", fixed={"x": 1}))
    assert [trial.number for trial in store.asked_before(study, "a", 2, {"x": 1})] == [0, 1]
    assert [trial.number for trial in asked] == [0, 1]
    with pytest.raises(StoreError, match="was used for 2 trials, not 3"):
        store.asked_before(study, "a", 3, {"x": 1})
    with pytest.raises(StoreError, match="was used with fixed"):
        store.asked_before(study, "a", 2, {"x": 2})


def test_trials_that_wait_are_left_waiting_where_only_new_ones_are_wanted(store, study):
    (first,) = store.ask(study, asking(store))
    store.requeue(study, first.number, first.token, AttemptOutcome.LOST)
    (new,) = store.ask(study, asking(store, takes_waiting=False))
    assert new.number == 1
    (again,) = store.ask(study, Asking(1, [], 2, store.study("s").last_seq, {}, int))
    assert (again.number, again.params, again.seed) == (first.number, first.params, first.seed)
    assert again.token > new.token > first.token
    assert again.state is TrialState.RUNNING


def test_the_change_feed_keeps_where_each_point_came_from(store, study):
    origins = [{"proposal": "p", "index": 0, "watermark": 1}, {"proposal": "p", "index": 1}]
    store.ask(study, asking(store, 2, origins=origins, owner="run {}"))
    assert [json.loads(event.payload) for event in store.events(study, kind="asked")] == origins
    assert [attempt.owner for attempt in store.attempts(study)] == ["run {}"] * 2
