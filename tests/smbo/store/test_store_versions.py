"""Files that earlier versions wrote are opened, brought up to date, and gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect

from smbo.store import schema
from smbo.store.connect import connect
from smbo.store.sql import SqlStore
from smbo.study import Study
from smbo.trials import TrialState

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


def test_an_old_file_ends_with_the_tables_of_a_new_one(url, tmp_path):
    def tables(where):
        engine = connect(where, create=False)
        found = {
            name: sorted(column["name"] for column in inspect(engine).get_columns(name))
            for name in inspect(engine).get_table_names()
        }
        engine.dispose()
        return found

    new = f"sqlite:///{tmp_path}/new.db"
    SqlStore(new).close()
    SqlStore(url).close()
    assert tables(url) == tables(new)
