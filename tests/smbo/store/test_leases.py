"""Leases in SQLite: counters that never move back, drivers that come back, and who may lead."""

from __future__ import annotations

import pytest

from smbo.store.ask import Asking
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
from smbo.store.store import SqlStore


@pytest.fixture
def store(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/a.db")
    yield store
    store.close()


@pytest.fixture
def study(store):
    return store.create_study("s", {}, "gp", 1, Budget()).id


def test_the_counter_of_an_attempt_never_moves_back_and_ends_with_it(store, study):
    (trial,) = store.ask(study, Asking(1, [{"x": 0}], 0, 1, {}, int))
    token, events = trial.token, len(store.events(study))
    counters = [store.beat_attempts(study, {token: beat})[token] for beat in (5, 3, None, 6, 9)]
    assert counters == [5, 5, 6, 6, 9]
    assert len(store.events(study)) == events  # a beat is no change that a proposal could know
    store.requeue(study, trial.number, token, AttemptOutcome.LOST)
    assert store.beat_attempts(study, {token: None, token + 1: None}) == {}


def test_a_driver_that_comes_back_goes_on_counting_under_the_next_epoch(store, study):
    first = store.register_driver(study, "a", "host", 1, 4)
    beats = [store.beat_driver(study, "a"), store.beat_driver(study, "a", capacity=8)]
    store.end_driver(study, "a")
    assert store.drivers(study)[0].ended is not None
    again = store.register_driver(study, "a", "host", 2, 2)
    assert (first.epoch, beats, again.epoch, again.beat) == (1, [1, 2], 2, 3)
    assert store.drivers(study) == [again]
    assert again.ended is None
    assert store.beat_driver(study, "nobody") is None


def test_who_is_not_registered_or_has_left_does_not_lead(store, study):
    assert store.lead(study, "a") is None
    for driver in ("a", "b"):
        store.register_driver(study, driver, "host", 1, 4)
    assert store.lead(study, "a") == store.lead(study, "a") == 1
    assert store.lead(study, "b") is None
    store.end_driver(study, "a")
    assert store.leader(study) == (None, 1)
    assert store.lead(study, "a") is None
    assert store.lead(study, "b") == 2
