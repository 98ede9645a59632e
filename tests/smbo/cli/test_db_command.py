"""`smbo db` finds what is wrong, migrates and copies."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from smbo.cli import main
from smbo.store.maintenance import _RULES
from smbo.study import Study

DATA = Path(__file__).parent.parent / "store" / "data"


def smbo(*arguments):
    return CliRunner().invoke(main, ["db", *(str(each) for each in arguments)])


@pytest.fixture
def path(tmp_path):
    shutil.copy(DATA / "version_2.db", tmp_path / "a.db")
    return tmp_path / "a.db"


def spoil(path, *statements):
    with sqlite3.connect(path) as raw:
        for statement in statements:
            raw.execute(statement)
    raw.close()


def test_a_sound_store_is_found_sound(path):
    done = smbo("check", f"sqlite:///{path}")
    assert (done.exit_code, "no fault found" in done.output) == (0, True), done.output


DAMAGES = {
    "numbers have gaps": "DELETE FROM trial WHERE number = 8",
    "the change feed has gaps": "DELETE FROM event WHERE seq = 5",
    "last change is not in the change feed": "UPDATE trial SET seq = seq + 1000 WHERE number = 2",
    "a running trial has no open attempt": "UPDATE trial SET state = 'running' WHERE number = 7",
    "an open attempt is not the one": "UPDATE attempt SET outcome = NULL WHERE token = 1",
    "no attempt with its result": "UPDATE attempt SET result_hash = NULL WHERE token = 1",
    "a token is beyond": "UPDATE study SET next_token = 2",
    "the budget's account is wrong": "UPDATE study SET n_charged = 99",
    "failures are counted wrongly": "UPDATE study SET n_failed = 99",
    "a report is not in the change feed": "UPDATE report SET seq = seq + 1000",
}


def test_there_is_a_damage_for_each_rule():
    assert len(DAMAGES) == len(_RULES)


@pytest.mark.parametrize(("fault", "damage"), DAMAGES.items(), ids=list(DAMAGES))
def test_each_kind_of_damage_is_named_and_sets_the_exit_code(path, fault, damage):
    spoil(path, damage)
    done = smbo("check", path)
    assert done.exit_code == 1
    assert fault in done.output


def test_a_damaged_file_is_named_as_such(path):
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    done = smbo("check", path)
    assert done.exit_code in (1, 2)
    assert "damaged" in done.output or "malformed" in done.output


def test_an_older_store_is_migrated_and_then_found_sound(tmp_path):
    shutil.copy(DATA / "version_1.db", tmp_path / "a.db")
    assert "smbo db migrate" in smbo("check", tmp_path / "a.db").output
    assert "from schema version 1 to" in smbo("migrate", tmp_path / "a.db").output
    assert "already" in smbo("migrate", tmp_path / "a.db").output
    done = smbo("check", tmp_path / "a.db")
    assert (done.exit_code, done.output.count("no fault")) == (0, 1), done.output


def test_a_backup_is_a_store_of_its_own_made_while_others_write(path, tmp_path):
    with Study.load(f"sqlite:///{path}", "first") as study:
        study.tell(study.ask(), {"z": 5.0, "b": 1.0})
        assert smbo("backup", path, tmp_path / "copy.db").exit_code == 0
        study.tell(study.ask(), {"z": 6.0, "b": 1.0})
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    with Study.load(f"sqlite:///{tmp_path}/copy.db", "first") as copy:
        assert copy.best.value == 5.0
    assert smbo("check", tmp_path / "copy.db").exit_code == 0


def test_a_backup_overwrites_nothing_and_needs_a_store(path, tmp_path):
    (tmp_path / "there").write_text("mine")
    for source, target, message in [
        (path, tmp_path / "there", "exists"),
        (tmp_path / "missing.db", tmp_path / "copy", "does not exist"),
        (path, tmp_path / "no" / "copy", "cannot be written"),
        ("postgresql://me@host/db", tmp_path / "copy", "pg_dump"),
    ]:
        done = smbo("backup", source, target)
        assert (done.exit_code, message in done.output) == (2, True), done.output
    assert (tmp_path / "there").read_text() == "mine"
    assert not (tmp_path / "copy").exists()


def test_a_store_in_postgresql_is_checked_too(postgres_url):
    with Study.open(postgres_url, "s", {"x": (0.0, 1.0)}, "random", 1) as study:
        study.tell(study.ask(), 1.0)
    done = smbo("check", postgres_url)
    assert (done.exit_code, "no fault found" in done.output) == (0, True), done.output
