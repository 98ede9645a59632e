"""Connections to PostgreSQL that break after COMMIT was sent, and sessions that lock tables in between."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy.engine import make_url

from smbo import Fidelity, Problem
from smbo.errors import StoreUnavailable
from smbo.store import database as database_module, maintenance
from smbo.store.ask import Asking
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
from smbo.store.database import Database
from smbo.store.records import Result, StaleProposal
from smbo.store.store import SqlStore
from smbo.study import Study
from smbo.trial import TrialState

SPACE = {"x": (0.0, 1.0)}


class Proxy:
    """A TCP proxy before a server: it can swallow the answer to the next COMMITs, and refuse connections."""

    def __init__(self, host: str, port: int) -> None:
        self.server = (host, port)
        self.to_swallow = 0  # answers to COMMIT
        self.stays_away = False  # after an answer was swallowed
        self.is_away = False
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            if self.is_away:
                client.close()
                continue
            upstream = socket.create_connection(self.server)
            swallows = threading.Event()
            threading.Thread(target=self._up, args=(client, upstream, swallows), daemon=True).start()
            threading.Thread(target=self._down, args=(client, upstream, swallows), daemon=True).start()

    def _up(self, client, upstream, swallows) -> None:
        try:
            while data := client.recv(65536):
                if self.to_swallow and b"COMMIT" in data:
                    self.to_swallow -= 1
                    self.is_away = self.stays_away
                    swallows.set()
                upstream.sendall(data)
        except OSError:
            pass
        upstream.close()

    def _down(self, client, upstream, swallows) -> None:
        try:
            while data := upstream.recv(65536):
                if swallows.is_set():  # so it is committed
                    break
                client.sendall(data)
        except OSError:
            pass
        for end in (client, upstream):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(postgres_url, monkeypatch):
    monkeypatch.setattr(database_module, "_FIRST_PAUSE_SECONDS", 0.0)
    parsed = make_url(postgres_url)
    proxy = Proxy(parsed.host, parsed.port)
    proxy.url = parsed.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    proxy.direct = postgres_url
    yield proxy
    proxy.socket.close()


@pytest.fixture
def store(proxy):
    store = SqlStore(proxy.url)
    yield store
    store.close()


@pytest.fixture
def study(store):
    return store.create_study("s", {}, "gp", 1, Budget()).id


def measured(value):
    return Result(TrialState.COMPLETE, value=value, feasible=True)


def asking(store, n=1, **more):
    record = store.study("s")
    points = [{"x": record.next_number + k} for k in range(n)]
    return Asking(n, points, record.next_number, record.last_seq, {}, lambda number: number, **more)


def kinds(store, study):
    return [event.kind for event in store.events(study)]


def faults(url):
    database = Database(url, create=False)
    try:
        return database.read(maintenance.faults)
    finally:
        database.close()


def test_the_answer_to_a_commit_is_swallowed_after_it_happened(proxy, store, study):
    proxy.to_swallow = 1
    store.add_event(study, "mine", {})
    assert proxy.to_swallow == 0
    assert kinds(store, study) == ["created", "mine"]


def test_an_ask_with_the_study_locked_gives_the_trials_that_it_made(proxy, store, study):
    proxy.to_swallow = 1
    (trial,) = store.ask_locked(study, lambda: asking(store))
    assert proxy.to_swallow == 0
    assert (trial.number, trial.state) == (0, TrialState.RUNNING)
    assert len(store.attempts(study)) == 1
    assert kinds(store, study) == ["created", "asked"]


def test_an_ask_that_lost_its_races_survives_a_lost_answer(proxy, monkeypatch):
    with Study.open(proxy.url, "t", SPACE, "random", 1) as study:
        monkeypatch.setattr("smbo.study.driver_study._RACES", 0)
        proxy.to_swallow = 1
        trial = study.ask()
        study.tell(trial, 1.0)
        assert [each.state for each in study.trials] == [TrialState.COMPLETE]
    assert faults(proxy.direct) == []


def test_each_change_whose_answer_was_lost_is_made_once(proxy, store, study):
    first, second = store.ask(study, asking(store, 2, fidelities=[1.0, 1.0], rungs=[0, 0]))
    paused = Result(TrialState.PAUSED, value=1.0, feasible=True)

    def lost(call, *arguments, **more):
        proxy.to_swallow = 1
        result = call(study, *arguments, **more)
        assert proxy.to_swallow == 0
        return result

    assert lost(store.register_driver, "d", "host", 1, 1).id == "d"
    assert lost(store.lead, "d") == 1
    assert lost(store.claim, 0, first.token) is True
    assert lost(store.pause, 0, first.token, paused).state is TrialState.PAUSED
    assert lost(store.promote, 0, 3.0, 1).state is TrialState.WAITING
    assert lost(store.requeue, 1, second.token, AttemptOutcome.LOST).state is TrialState.WAITING
    restarted = lost(store.ask, replace(asking(store, 2), points=()))
    assert [trial.number for trial in restarted] == [0, 1]
    assert lost(store.tell, 1, restarted[1].token, measured(2.0)).value == 2.0
    assert lost(store.prune, 0, restarted[0].token).state is TrialState.PRUNED
    assert lost(store.add_many, [{"x": -1.0}], [measured(3.0)], lambda number: number) == 2
    assert lost(store.raise_budget, Budget(trials=9)).trials == 9
    lost(store.end_driver, "d")
    proxy.to_swallow = 1
    assert store.create_study("other", {}, "gp", 1, Budget()).name == "other"
    found = [kind for kind in kinds(store, study) if kind not in ("driver",)]
    assert found.count("asked") == 2
    assert found.count("restarted") == 2
    for kind in (
        "leader",
        "claimed",
        "paused",
        "promoted",
        "waiting",
        "complete",
        "pruned",
        "told",
        "budget",
    ):
        assert found.count(kind) == 1, (kind, found)
    assert faults(proxy.direct) == []


def test_a_cancelled_trial_whose_answer_was_lost_is_cancelled_once(proxy):
    with Study.open(proxy.url, "t", SPACE, "random", 1) as study:
        trial = study.ask()
        proxy.to_swallow = 1
        assert study.tell(trial, status="cancelled").state is TrialState.CANCELLED
        assert study.spent.trials == 0
    assert faults(proxy.direct) == []


def test_trials_of_an_ask_that_stayed_unanswered_are_handed_out_by_the_next(proxy, store, study, monkeypatch):
    monkeypatch.setattr(database_module, "RETRY_SECONDS", 0.05)
    request = asking(store, 2)
    proxy.to_swallow, proxy.stays_away = 1, True
    with pytest.raises(StoreUnavailable):
        store.ask(study, request)
    proxy.is_away = False
    # they were started, and nobody knows of them
    assert [trial.state for trial in store.changes("s", 0)[1]] == [TrialState.RUNNING] * 2
    with pytest.raises(StaleProposal):  # proposed without them; as a study does, read again and ask
        store.ask(study, asking(store))
    again = store.ask(study, replace(asking(store, 2), points=()))
    assert [trial.number for trial in again] == [0, 1]
    assert store.spent(study).trials == 2
    assert sum(attempt.outcome is None for attempt in store.attempts(study)) == 2
    assert faults(proxy.direct) == []


def test_a_keyed_ask_that_stayed_unanswered_is_found_by_its_key(proxy, store, study, monkeypatch):
    monkeypatch.setattr(database_module, "RETRY_SECONDS", 0.05)
    request = asking(store, key="mine")
    proxy.to_swallow, proxy.stays_away = 1, True
    with pytest.raises(StoreUnavailable):
        store.ask(study, request)
    proxy.is_away = False
    (trial,) = store.ask(study, request)
    assert (trial.number, trial.state) == (0, TrialState.RUNNING)
    assert len(store.attempts(study)) == 1


def test_an_import_that_stayed_unanswered_is_not_recorded_twice(proxy, store, study, monkeypatch):
    monkeypatch.setattr(database_module, "RETRY_SECONDS", 0.05)
    given = [{"x": 1.0}, {"x": 2.0}], [measured(1.0), measured(2.0)], lambda number: number
    proxy.to_swallow, proxy.stays_away = 1, True
    with pytest.raises(StoreUnavailable):
        store.add_many(study, *given)
    proxy.is_away = False
    assert store.add_many(study, *given) == 0
    assert store.study("s").next_number == 2
    assert store.add_many(study, *given) == 2  # once it is settled, the same again is meant
    assert faults(proxy.direct) == []


def test_a_locked_ask_is_tried_again_like_any_other(store, study):
    calls = []

    def propose():
        calls.append(1)
        if len(calls) < 3:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return asking(store)

    assert [trial.number for trial in store.ask_locked(study, propose)] == [0]
    assert len(calls) == 3


def test_the_time_of_trying_again_begins_with_the_first_failure(store, study, monkeypatch):
    monkeypatch.setattr(database_module, "RETRY_SECONDS", 0.2)
    calls = []

    def work(_):
        calls.append(1)
        if len(calls) == 1:
            time.sleep(0.3)  # as a statement that waits for a lock until its time is up
            raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
        return 7

    assert store._write(work) == 7


@pytest.mark.parametrize("table", ["study", "trial", "event"])
def test_a_table_lock_between_the_study_lock_and_a_read_deadlocks_nothing(proxy, store, study, table):
    with psycopg.connect(proxy.direct, autocommit=True) as watcher:
        locked = threading.Event()

        def lock_table():
            with psycopg.connect(proxy.direct) as other:
                other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                locked.set()

        session, calls = threading.Thread(target=lock_table), []

        def propose():
            calls.append(1)
            if not session.ident:
                store.changes("s", 0)  # holds a lock on each table that it reads
                session.start()
                deadline = time.monotonic() + 20
                waiting = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
                while not locked.is_set() and not watcher.execute(waiting).fetchone()[0]:
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            return asking(store)

        (trial,) = store.ask_locked(study, propose)
        assert trial.number == 0
        assert len(calls) == 1  # else the server had ended the first transaction, idle for too long
        session.join(timeout=30)
        assert locked.is_set()


def test_what_was_read_in_a_transaction_that_was_rolled_back_is_forgotten(tmp_path):
    with Study.open(tmp_path / "a.db", "s", SPACE, "random", 1) as study:
        trial = study.ask()
        driver = study._driver
        with contextlib.suppress(RuntimeError), driver.store.together(driver.id):
            study.tell(trial, 1.0)
            assert study.trials[0].state is TrialState.COMPLETE
            raise RuntimeError
        assert study.trials[0].state is TrialState.RUNNING
        study.tell(trial, 2.0)
        assert study.trials[0].value == 2.0


def test_a_promotion_whose_answer_was_lost_is_the_one_that_was_made(proxy, monkeypatch):
    problem = Problem(SPACE, fidelity=Fidelity(1, 9), early_stopping="asha")
    with Study.open(proxy.url, "t", problem, "random", 1) as study:
        for _ in range(4):
            trial = study.ask()
            if trial.rungs:
                break
            study.tell(trial, trial.params["x"])
            proxy.to_swallow = 1
        assert max(len(trial.rungs) for trial in study.trials) == 1
    assert faults(proxy.direct) == []
