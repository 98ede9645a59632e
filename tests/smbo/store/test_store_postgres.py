"""What can happen with a server and not with a file: it crashes, and many ask of it and open it at once."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from private_postgres import PrivatePostgres, binaries

from smbo.errors import StoreError
from smbo.store import maintenance as upkeep
from smbo.store.ask import Asking
from smbo.store.budget import Budget
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
            deadline = time.monotonic() + 300
            while len(told) < seen + 5 and time.monotonic() < deadline:
                time.sleep(0.01)
            server.crash()
            server.start()
        over.set()
        worker.join(timeout=300)
        assert not worker.is_alive()
        record, trials = store.changes("s", 0)
        assert {trial.number: trial.value for trial in trials} == told
        assert record.next_number == len(told) >= 15
        store.close()
        database = Database(server.url())
        assert database.read(upkeep.faults) == []
        database.close()


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
        worker.join(timeout=300)
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
        worker.join(timeout=300)
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
