"""The schema's version: a new store is made once, an older one migrated, a newer one refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import text

from smbo.errors import StoreError
from smbo.store import schema
from smbo.store.connect import connect_sqlite as connect
from smbo.store.database import Database
from smbo.store.store import SqlStore


def test_a_store_of_a_newer_version_is_refused(tmp_path):
    SqlStore(f"sqlite:///{tmp_path}/a.db").close()
    with sqlite3.connect(tmp_path / "a.db") as raw:
        raw.execute("INSERT INTO schema_version VALUES (99, 0)")
    raw.close()
    with pytest.raises(StoreError, match="schema version 99"):
        SqlStore(f"sqlite:///{tmp_path}/a.db")


def test_an_older_store_is_brought_up_one_version_at_a_time(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    SqlStore(url).close()
    steps = []

    now = schema.SCHEMA_VERSION

    def first(connection):
        steps.append(1)
        connection.execute(text("ALTER TABLE study ADD COLUMN colour TEXT"))

    def second(connection):
        steps.append(2)
        connection.execute(text("UPDATE study SET colour = 'red'"))

    engine = connect(url, create=False)
    for _ in range(2):  # the second time there is nothing left to do
        with engine.connect() as connection, connection.execution_options(write=True).begin():
            schema.prepare(connection, version=now + 2, migrations={now: first, now + 1: second})
    with engine.connect() as connection:
        versions = list(connection.scalars(text("SELECT version FROM schema_version ORDER BY version")))
    engine.dispose()
    assert steps == [1, 2]
    assert versions == [now, now + 1, now + 2]


def test_a_migration_that_fails_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    SqlStore(url).close()

    def breaks(connection):
        connection.execute(text("ALTER TABLE study ADD COLUMN colour TEXT"))
        raise RuntimeError("power went")

    database = Database(url, create=False)
    version, migrations = schema.SCHEMA_VERSION + 1, {schema.SCHEMA_VERSION: breaks}
    with pytest.raises(RuntimeError):
        database.write(lambda at: schema.prepare(at, version=version, migrations=migrations))
    columns = database.read(lambda at: [row[1] for row in at.execute(text("PRAGMA table_info(study)"))])
    database.close()
    assert "colour" not in columns


def test_processes_that_open_a_new_store_at_once_all_succeed(tmp_path):
    code = f"from smbo.store.store import SqlStore; SqlStore('sqlite:///{tmp_path}/a.db').close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
