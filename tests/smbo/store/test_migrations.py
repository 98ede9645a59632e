"""Files that earlier versions wrote are opened, brought up to date, and gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect

from smbo.store import schema
from smbo.store.connect import connect_sqlite as connect
from smbo.store.store import SqlStore
from smbo.study import Study
from smbo.trial import TrialState

FILES = sorted((Path(__file__).parent / "data").glob("version_*.db"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def url(request, tmp_path):
    shutil.copy(request.param, tmp_path / "old.db")
    return f"sqlite:///{tmp_path}/old.db"


def test_there_is_a_file_of_every_version_so_far():
    assert [path.stem for path in FILES] == [f"version_{n}" for n in range(1, schema.SCHEMA_VERSION + 1)]


def test_an_old_file_is_read_in_full_and_gone_on_with(url):
    with Study.load(url, "first") as study:
        states = [trial.state.value for trial in study.trials]
        assert states == ["complete"] * 6 + ["failed", "cancelled", "complete", "waiting", "failed"]
        third = study.trials[3]
        assert (third.value, third.sem, third.cost, third.feasible) == (1.0, 0.1, 2.5, True)
        assert third.outputs.tolist() == [3.0, 1 / 3]
        assert third.outputs_variance.tolist() == [0.5, 0.25]
        assert study.trials[8].params == {"x": 0.5, "n": 3, "kind": None}
        assert (study.seed, study.budget.trials, study.best.number) == (11, 20, 5)
        assert [trial.number for trial in study.ask(2, key="two")] == [9, 10]

        again = study.ask()
        assert (again.number, again.params, again.seed) == (9, study.trials[9].params, study.trials[9].seed)
        assert study.tell(study.trials[10], {"z": 2.0, "b": 1.0}).state is TrialState.COMPLETE
        new = study.ask()
        assert new.number == 11
        study.tell(new, {"z": 1.0, "b": 1.0})


def test_rungs_of_an_old_file_are_gone_on_with(url):
    store = SqlStore(url)
    if "rungs" not in store.names():
        store.close()
        return  # a version before there were any
    record, trials = store.changes("rungs", 0)
    by_number = {trial.number: trial for trial in trials}
    assert [by_number[n].state.value for n in range(4)] == ["complete", "running", "paused", "pruned"]
    assert (by_number[0].rung, by_number[0].fidelity, by_number[0].value) == (1, 3.0, 0.25)
    assert (by_number[3].value, by_number[3].checkpoint) == (1.0, "attempt-4")
    assert [each.value for each in store.reports(record.id)] == [0.0, 0.5, 1.0, 1.5]
    assert [(each.rung, each.value) for each in store.attempts(record.id, number=0)] == [(0, 0.0), (1, 0.25)]
    assert store.leader(record.id) == ("driver-a", 1)
    assert store.promote(record.id, 2, 3.0, 1, epoch=1).state is TrialState.WAITING
    store.close()


def test_an_old_file_ends_with_the_tables_and_indexes_of_a_new_one(url, tmp_path):
    def parts(where):
        """Columns, indexes, keys and checks; the order of columns may differ."""
        engine = connect(where, create=False)
        found = {}
        look = inspect(engine)
        for name in look.get_table_names():
            columns = sorted(
                (column["name"], str(column["type"]), column["nullable"]) for column in look.get_columns(name)
            )
            indexes = sorted(
                (index["name"], tuple(index["column_names"])) for index in look.get_indexes(name)
            )
            keys = sorted(
                (tuple(key["constrained_columns"]), key["referred_table"])
                for key in look.get_foreign_keys(name)
            )
            checks = [" ".join(check["sqltext"].split()) for check in look.get_check_constraints(name)]
            found[name] = (
                columns,
                indexes,
                look.get_pk_constraint(name)["constrained_columns"],
                keys,
                checks,
            )
        engine.dispose()
        return found

    new = f"sqlite:///{tmp_path}/new.db"
    SqlStore(new).close()
    SqlStore(url).close()
    assert parts(url) == parts(new)
