"""Faults of a store in words, the version that is served, and a backup in one file."""

from __future__ import annotations

import sqlite3

import pytest

from smbo.errors import StoreError
from smbo.store.budget import Budget
from smbo.store.database import Database
from smbo.store.maintenance import back_up, faults, refuse_other_version
from smbo.store.records import Result
from smbo.store.schema import SCHEMA_VERSION
from smbo.store.store import SqlStore
from smbo.trial import TrialState


@pytest.fixture
def path(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/a.db")
    study = store.create_study("s", {}, "gp", 1, Budget()).id
    result = Result(TrialState.COMPLETE, value=1.0, feasible=True)
    store.add_many(study, [{"x": k} for k in range(8)], [result] * 8, int)
    store.close()
    return tmp_path / "a.db"


def found(path):
    database = Database(f"sqlite:///{path}")
    try:
        return database.read(faults)
    finally:
        database.close()


def test_a_sound_store_has_no_faults_and_of_many_alike_the_first_are_named(path):
    assert found(path) == []
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE trial SET seq = seq + 100")
    raw.close()
    *named, more = found(path)
    words = "study s: a trial's last change is not in the change feed"
    assert [each.startswith(words) for each in named] == [True] * 5
    assert more == "… and 3 more of the same"


def test_a_row_that_refers_to_nothing_is_named_by_its_table(path):
    with sqlite3.connect(path) as raw:  # which checks no foreign keys
        raw.execute(
            "INSERT INTO attempt (study, token, number, owner, created, beat) VALUES (1, 7, 70, '', 0, 0)"
        )
    raw.close()
    assert any(each.startswith("table attempt:") and "refers to nothing" in each for each in found(path))


@pytest.mark.parametrize(
    ("version", "words"), [(None, "no studies"), (SCHEMA_VERSION - 1, "smbo db migrate"), (99, "update smbo")]
)
def test_another_version_is_refused_with_what_to_do(version, words):
    with pytest.raises(StoreError, match=words):
        refuse_other_version(version)
    refuse_other_version(SCHEMA_VERSION)


def test_a_backup_is_one_file_that_holds_what_was_committed(path, tmp_path):
    store = SqlStore(f"sqlite:///{path}")  # open, so that what is committed may be in its log only
    store.add_event(1, "mine", {})
    back_up(store.url, tmp_path / "copy")
    assert {each.name for each in tmp_path.glob("copy*")} == {"copy"}
    copy = SqlStore(f"sqlite:///{tmp_path}/copy")
    assert copy.events(1) == store.events(1)
    assert copy.study("s") == store.study("s")
    copy.close()
    store.close()
