"""Transactions: exclusive from their start in SQLite, run again where a server is away."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager

import psycopg
import pytest

from smbo.errors import StoreError, StoreUnavailable
from smbo.store import database as database_module
from smbo.store.ask import Asking
from smbo.store.budget import Budget
from smbo.store.database import Database
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState


def test_a_write_transaction_is_exclusive_from_its_start(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/a.db")
    other = sqlite3.connect(tmp_path / "a.db", timeout=0)

    def look(_connection):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    database.write(look)
    other.execute("BEGIN IMMEDIATE")
    other.close()
    database.close()


def measured(value):
    return Result(TrialState.COMPLETE, value=value, feasible=True)


def asking(store, n=1, **more):
    record = store.study("s")
    points = [{"x": record.next_number + k} for k in range(n)]
    return Asking(n, points, record.next_number, record.last_seq, {}, lambda number: number, **more)


@pytest.fixture
def store(postgres_url):
    store = SqlStore(postgres_url)
    yield store
    store.close()


@pytest.fixture
def study(store):
    return store.create_study("s", {}, "gp", 1, Budget()).id


@pytest.fixture
def unanswered(monkeypatch):
    """Makes the next COMMIT happen and its answer get lost."""
    left = [0]
    original = Database._begun

    @contextmanager
    def begun(self, begin, call=""):
        with original(self, begin, call) as connection:
            yield connection
        if left[0]:
            left[0] -= 1
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(Database, "_begun", begun)
    monkeypatch.setattr(database_module, "_FIRST_PAUSE_SECONDS", 0.0)

    def lose(times):
        left[0] = times

    return lose


def test_an_ask_whose_commit_went_unanswered_gives_the_trials_that_it_made(store, study, unanswered):
    request = asking(store, 3)
    unanswered(2)
    trials = store.ask(study, request)
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert store.study("s").next_number == 3
    assert len(store.attempts(study)) == 3


def test_nothing_is_done_twice_for_want_of_an_answer(store, study, unanswered):
    (trial,) = store.ask(study, asking(store))

    def lost(call, *arguments):
        unanswered(1)
        return call(study, *arguments)

    assert lost(store.claim, 0, trial.token) is True
    assert lost(store.report, 0, trial.token, 1, 0.5)
    assert lost(store.tell, 0, trial.token, measured(1.0)).value == 1.0
    assert lost(store.add, {"x": -1}, measured(2.0), lambda number: number).number == 1
    lost(store.add_time, 3.0)
    lost(store.add_event, "mine", {})
    lost(store.set_stopped, True)
    assert store.spent(study).seconds == 3.0
    kinds = [event.kind for event in store.events(study)]
    assert kinds == ["created", "asked", "claimed", "report", "complete", "told", "time", "mine", "stop"]


def test_a_server_that_stays_away_is_said_to_be(store, study, monkeypatch):
    monkeypatch.setattr(database_module, "RETRY_SECONDS", 0.2)

    def away(*_):
        raise psycopg.OperationalError("connection refused\nDETAIL: secret")

    monkeypatch.setattr(Database, "_begun", away)
    with pytest.raises(StoreUnavailable, match="connection refused") as caught:
        store.add_time(study, 1.0)
    assert "secret" not in str(caught.value)


def test_a_mistake_is_not_tried_again(store, monkeypatch):
    calls = []

    def wrong(connection):
        calls.append(1)
        connection.exec_driver_sql("SELECT nonsense")

    with pytest.raises(StoreError, match="nonsense"):
        store._write(wrong)
    assert calls == [1]
