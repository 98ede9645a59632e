"""Opening a store: its URL, its file, its disk, its version."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

import smbo.store.connect as connect_module
from smbo.errors import StoreError
from smbo.store import schema
from smbo.store.budget import Budget
from smbo.store.connect import connect_sqlite as connect, file_system, sqlite_path
from smbo.store.database import Database
from smbo.store.store import SqlStore


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("runs.db", "is not a URL"),
        ("", "is not a URL"),
        ("postgresql://me:secret@host/db", "is no file"),
        ("mysql://me:secret@host/db", "SQLite and PostgreSQL are supported"),
        ("postgresql:me:secret@host", "is not a URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x?mode=ro&uri=true", "options are not supported"),
        ("sqlite+aiosqlite:///x.db", "SQLite and PostgreSQL are supported"),
    ],
)
def test_a_url_that_names_no_sqlite_file_is_refused(url, message):
    with pytest.raises(StoreError, match=message) as caught:
        sqlite_path(url)
    assert "secret" not in str(caught.value)


def test_a_relative_url_is_relative_to_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sqlite_path("sqlite:///runs.db") == tmp_path / "runs.db"
    assert sqlite_path("sqlite:////runs.db") == Path("/runs.db")


def test_a_new_store_is_private_and_so_is_its_write_ahead_log(tmp_path):
    before = os.umask(0)
    try:
        store = SqlStore(f"sqlite:///{tmp_path}/a.db")
        store.create_study("s", {}, "gp", 1, Budget())
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}
    store.close()


def test_the_log_is_written_ahead_and_synchronised_in_full(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/a.db", create=True)
    with engine.connect() as connection:
        settings = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


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


@pytest.mark.parametrize("kind", ["nfs4", "NFS", "fuse.sshfs", "lustre", "afs", "eos"])
def test_a_network_disk_is_refused_before_anything_is_made_there(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(connect_module, "file_system", lambda path: kind)
    with pytest.raises(StoreError, match="network file system"):
        SqlStore(f"sqlite:///{tmp_path}/a.db")
    assert list(tmp_path.iterdir()) == []


def test_the_longest_and_last_mount_point_says_what_a_path_lies_on(tmp_path):
    mounts = [("/", "ext4"), (str(tmp_path), "autofs"), (str(tmp_path), "nfs"), (f"{tmp_path}/a", "xfs")]
    assert file_system(tmp_path / "b" / "runs.db", mounts) == "nfs"
    assert file_system(tmp_path / "a" / "runs.db", mounts) == "xfs"
    assert file_system(Path("/somewhere"), mounts) == "ext4"
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert file_system(tmp_path / "link" / "runs.db", mounts) == "xfs"


def test_files_that_are_no_store_are_refused_and_left_as_they_are(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("not a database, but long enough to be mistaken for one" * 30)
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE address (name)")
    other.close()
    contents = (tmp_path / "text").read_bytes()
    for name, message in [
        ("folder", "is not a file"),
        ("text", "not a database"),
        ("other", "holds other tables .address."),
        ("missing/a.db", "cannot be opened: No such file"),
    ]:
        with pytest.raises(StoreError, match=message):
            SqlStore(f"sqlite:///{tmp_path}/{name}")
    assert (tmp_path / "text").read_bytes() == contents
    other = sqlite3.connect(tmp_path / "other")
    assert [row[0] for row in other.execute("SELECT name FROM sqlite_master")] == ["address"]
    other.close()


def test_reading_does_not_make_a_store(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        SqlStore(f"sqlite:///{tmp_path}/a.db", create=False)
    assert list(tmp_path.iterdir()) == []


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
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
