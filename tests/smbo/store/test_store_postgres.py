"""What can happen with a server and not with a file: it crashes, it is away, a COMMIT goes unanswered."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from private_postgres import PrivatePostgres, binaries

from smbo.cli.job.stored import keep_job, stored_job
from smbo.errors import StoreError, StoreUnavailable
from smbo.store import database as database_module, maintenance as upkeep
from smbo.store.ask import Asking
from smbo.store.budget import Budget
from smbo.store.connect import masked, spool_folder
from smbo.store.database import Database
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.study import Study
from smbo.trial import TrialState


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


def test_a_server_that_crashes_again_and_again_costs_nothing_that_was_acknowledged():
    if binaries() is None:
        pytest.skip("no PostgreSQL server to crash; apt-get install postgresql")
    with PrivatePostgres() as server:
        store = SqlStore(server.url())
        study = store.create_study("s", {}, "gp", 1, Budget()).id
        told, over = {}, threading.Event()

        def work():
            while not over.is_set():
                (trial,) = store.ask(study, asking(store))
                value = trial.number / 3
                store.tell(study, trial.number, trial.token, measured(value))
                told[trial.number] = value

        worker = threading.Thread(target=work)
        worker.start()
        for _ in range(3):
            seen = len(told)
            deadline = time.monotonic() + 30
            while len(told) < seen + 5 and time.monotonic() < deadline:
                time.sleep(0.01)
            server.crash()
            server.start()
        over.set()
        worker.join(timeout=60)
        assert not worker.is_alive()
        record, trials = store.changes("s", 0)
        assert {trial.number: trial.value for trial in trials} == told
        assert record.next_number == len(told) >= 15
        store.close()
        database = Database(server.url())
        assert database.read(upkeep.faults) == []
        database.close()


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


def test_passwords_are_shown_in_no_message_and_kept_nowhere(postgres_url, tmp_path):
    url = "postgresql://me:geheim@127.0.0.1:1/db"
    with pytest.raises(StoreError, match=r"me:\*\*\*@127") as caught:
        SqlStore(url)
    assert "geheim" not in str(caught.value)
    assert "geheim" not in masked("postgresql:/me:geheim@host/db")
    with_password = postgres_url.replace("@", ":geheim@", 1)
    with Study.open(with_password, "s", {"x": (0.0, 1.0)}, "random", 1) as study:
        assert "geheim" not in repr(study)
        assert "geheim" not in str(spool_folder(with_password))
        keep_job(study, {"study": "s", "store": with_password}, tmp_path)
        assert "geheim" not in repr(study._driver.store.events(study._driver.id, kind="job"))
        assert stored_job(study)[0]["store"].count("***") == 1
        with pytest.raises(StoreError) as caught:
            study._driver.store.study("other")
        assert "geheim" not in str(caught.value)


def test_many_who_ask_at_once_get_numbers_without_gaps_and_each_its_own(store, study, postgres_url):
    got, errors = [], []

    def work():
        mine = SqlStore(postgres_url)
        try:
            for k in range(8):
                request = asking(mine, is_final=True)
                points = [{"x": f"{threading.get_ident()}-{k}"}]  # nobody else's
                more = {"first_number": request.first_number, "watermark": request.watermark}
                (trial,) = mine.ask(study, Asking(1, points, memory={}, seed_of=int, is_final=True, **more))
                mine.tell(study, trial.number, trial.token, measured(1.0))
                got.append(trial.number)
        except Exception as error:
            errors.append(error)
        finally:
            mine.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert errors == []
    assert sorted(got) == list(range(32))
    assert [event.seq for event in store.events(study)] == list(range(1, store.study("s").last_seq + 1))


def test_many_who_open_a_new_store_at_once_make_it_once(postgres_url):
    ids, errors = set(), []

    def work():
        try:
            mine = SqlStore(postgres_url)
            ids.add(mine.create_study("s", {}, "gp", 1, Budget()).id)
            mine.close()
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert errors == []
    assert len(ids) == 1


def test_tables_of_others_are_left_alone(postgres_url):
    with psycopg.connect(postgres_url) as raw:
        raw.execute("CREATE TABLE address (name text)")
    with pytest.raises(StoreError, match=r"holds other tables .address."):
        SqlStore(postgres_url)


def test_a_study_runs_and_resumes_in_postgresql(postgres_url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"x": (0.0, 1.0)}
    with Study.open(postgres_url, "s", space, "random", seed=3, budget=Budget(trials=6)) as study:
        study.run(lambda params: params["x"], n_trials=3)
    with Study.load(postgres_url, "s") as study:
        study.run(lambda params: params["x"])
        assert [trial.state.value for trial in study.trials] == ["complete"] * 6
        first = study.trials[0].params
    with Study.open(f"sqlite:///{tmp_path}/a.db", "s", space, "random", seed=3) as other:
        assert [trial.params for trial in other.ask(1)] == [first]
