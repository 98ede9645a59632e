"""Opening a store: its URL, its file, its disk; no message shows a password."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

import smbo.store.connect as connect_module
from smbo.cli.job.stored import keep_job, stored_job
from smbo.errors import StoreError, UnknownStudy
from smbo.store.budget import Budget
from smbo.store.connect import (
    connect_sqlite as connect,
    file_system,
    file_url,
    masked,
    spool_folder,
    sqlite_path,
)
from smbo.store.store import SqlStore
from smbo.study import Study


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


NAMES = [
    "run?1",
    "50%25",
    "a#b",
    "sp ace",
    "@host",
    "a:b@c",
    "grün-日本",
    "~",
    "a&mode=ro",
    "run?a=b",
    "%3F",
    "'\\",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_url_is_built_from_a_path_with_any_character_and_parsed_back(name):
    for path in (Path("/data", name, "runs.db"), Path("/data", name)):
        assert sqlite_path(file_url(path)) == path
        assert sqlite_path(path) == path


@pytest.mark.parametrize("name", NAMES)
def test_the_data_of_a_folder_with_any_name_stay_in_it(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    for url in ("sqlite:///relative.db", Path("object.db"), file_url(tmp_path / name / "absolute.db")):
        store = SqlStore(url)
        store.create_study("s", {}, "gp", 1, Budget())
        assert SqlStore(store.url, create=False).names() == ["s"]  # as other processes open it
        store.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    made = [path for path in (tmp_path / name).iterdir() if path.suffix == ".db"]
    assert sorted(path.name for path in made) == ["absolute.db", "object.db", "relative.db"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert all(path.stat().st_size for path in made)


def test_the_home_folder_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sqlite_path("sqlite:///~/runs.db") == sqlite_path(Path("~/runs.db")) == tmp_path / "runs.db"


@pytest.mark.parametrize("path", ["run?1/a.db", "run?1?2", "a.db?"])
def test_a_question_mark_pasted_into_a_url_is_refused_with_what_to_write(path):
    with pytest.raises(StoreError, match=r"write %3F or give a pathlib.Path"):
        sqlite_path(f"sqlite:///{path}")


def test_a_store_stays_where_it_is_when_the_current_folder_changes(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    with Study.open("sqlite:///runs.db", "s", {"x": (0.0, 1.0)}, "random", 1) as study:
        monkeypatch.chdir(tmp_path)
        assert study._driver.spool_folder.parent == tmp_path / "a" / "runs.db-spool"
        study.tell(study.ask(), 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_path_that_the_system_cannot_have_is_an_error_of_the_store():
    for url, why in (("sqlite:///a%00b.db", "has a NUL"), (f"sqlite:////{'n' * 300}", "cannot be opened")):
        with pytest.raises(StoreError, match=why):
            SqlStore(url)


def test_links_that_go_in_a_circle_are_an_error_of_the_store(tmp_path):
    (tmp_path / "a.db").symlink_to(tmp_path / "a.db")
    with pytest.raises(StoreError, match="Too many levels of symbolic links"):
        SqlStore(f"sqlite:///{tmp_path}/a.db")


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
    contents = {name: (tmp_path / name).read_bytes() for name in ("text", "other")}
    os.mkfifo(tmp_path / "fifo")
    for name, message in [
        ("folder", "is not a file"),
        ("text", "not a database"),
        ("fifo", "is not a file"),
        ("other", "holds other tables .address."),
        ("missing/a.db", "cannot be opened: No such file"),
    ]:
        for create in (True, False):
            with pytest.raises(StoreError, match=message if create or name[0] != "m" else "does not exist"):
                SqlStore(f"sqlite:///{tmp_path}/{name}", create=create)
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "text", "other", "fifo"}


def test_an_empty_file_becomes_a_store_only_where_a_study_is_to_be_written(tmp_path):
    path = tmp_path / "a.db"
    path.touch()
    with pytest.raises(UnknownStudy, match="is empty: it holds no study"):
        SqlStore(path, create=False)
    with pytest.raises(UnknownStudy):
        Study.load(path, "s")
    assert path.stat().st_size == 0
    sqlite3.connect(path).execute(
        "PRAGMA journal_mode = WAL"
    ).close()  # as a process that died early leaves it
    with pytest.raises(UnknownStudy, match="holds no study"):
        SqlStore(path, create=False)
    SqlStore(path).close()
    assert SqlStore(path, create=False).names() == []


def test_reading_does_not_make_a_store(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        SqlStore(f"sqlite:///{tmp_path}/a.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def store(postgres_url):
    store = SqlStore(postgres_url)
    yield store
    store.close()


@pytest.fixture
def study(store):
    return store.create_study("s", {}, "gp", 1, Budget()).id


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
