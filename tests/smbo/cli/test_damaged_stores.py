"""Commands on a store that is damaged, or is none: one message that names it, and nothing written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from smbo import Budget, Fidelity, Problem
from smbo.cli import main
from smbo.errors import DamagedStore
from smbo.store.connect import file_url
from smbo.study import Study

DATA = Path(__file__).parent.parent / "store" / "data"
READERS = (["status"], ["show"], ["show", "--trial", "3"], ["export"], ["replay"])


def smbo(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def on(path, *words):
    return smbo(words[0], "first", *words[1:], "--store", file_url(path))


def assert_one_message(done, codes=(2,)):
    assert done.exit_code in codes, (done.output, done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output


@pytest.fixture
def path(tmp_path):
    shutil.copy(DATA / "version_2.db", tmp_path / "a.db")
    return tmp_path / "a.db"


def spoil(path, *statements):
    raw = sqlite3.connect(path)
    with raw:
        raw.execute("PRAGMA ignore_check_constraints = 1")
        for statement in statements:
            raw.execute(statement)
    raw.close()


DAMAGES = {
    "a value that is text": (
        "UPDATE trial SET value = 'abc'",
        "trial 3: column value holds 'abc'",
    ),
    "an unknown state": (
        "UPDATE trial SET state = 'weird'",
        "trial 3: column state holds 'weird'",
    ),
    "a point that is no JSON": (
        "UPDATE trial SET params = '{'",
        "trial 3: column params holds '{'",
    ),
    "a point that is a list": ("UPDATE trial SET params = '[1]'", "trial 3: column params"),
    "a point that is no text": ("UPDATE trial SET params = 7.5", "trial 3: column params"),
    "text that is not UTF-8": (
        "UPDATE trial SET params = CAST(x'7b22fffe' AS TEXT)",
        "trial 3: column params",
    ),
    "a reason that is not UTF-8": (
        "UPDATE trial SET reason = CAST(x'ff' AS TEXT)",
        "trial 3: column reason",
    ),
    "metrics that are no numbers": (
        """UPDATE trial SET metrics = '{"z": "abc"}'""",
        "trial 3: column metrics",
    ),
    "a seed that is no number": (
        "UPDATE trial SET seed = 'abc'",
        "trial 3: column seed holds 'abc'",
    ),
    "half a number of outputs": (
        "UPDATE trial SET outputs = x'00ff'",
        "trial 3: column outputs",
    ),
    "outputs that are text": ("UPDATE trial SET outputs = 'abc'", "trial 3: column outputs"),
    "a standard error that is text": ("UPDATE trial SET sem = 'abc'", "trial 3: column sem"),
    "an infinite value": (
        "UPDATE trial SET value = 9e999",
        "trial 3: column value holds inf",
    ),
    "a complete trial without a value": (
        "UPDATE trial SET value = NULL",
        "trial 3: column value",
    ),
    "a problem that is no JSON": (
        "UPDATE study SET problem = 'abc'",
        "study first: column problem holds 'abc'",
    ),
    "a budget that is a list": ("UPDATE study SET budget = '[]'", "study first: column budget holds '[]'"),
    "a memory that is no JSON": ("UPDATE study SET memory = '{'", "study first: column memory holds '{'"),
    "a counter that is text": ("UPDATE study SET n_charged = 'abc'", "study first: column n_charged"),
    "a problem that is a list": (
        "UPDATE study SET problem = '[{}]'",
        "study first: column problem holds '[{}]'",
    ),
    "a recipe of nothing": ("UPDATE study SET recipe = '[]'", "study first: its recipe cannot be read"),
    "a trial that is gone": ("DELETE FROM trial", "trial 3 is missing"),
    "a number beyond the last": (
        "UPDATE trial SET number = 9999",
        "trial 9999 is beyond the last",
    ),
    "a number that is text": (
        "UPDATE trial SET number = 'abc'",
        "column number holds 'abc'",
    ),
    "another dimension": (
        "UPDATE trial SET params = replace(params, '{\"', '{\"q')",
        "trial 3",
    ),
}


@pytest.mark.parametrize(("statement", "named"), DAMAGES.values(), ids=list(DAMAGES))
def test_damaged_rows_are_named_by_each_command_and_by_the_check(path, statement, named):
    spoil(path, f"{statement} WHERE number = 3" if "study" not in statement else statement)
    wanted = named.removeprefix("trial 3").removeprefix("study first") if "missing" not in named else "gaps"
    for words in READERS:
        done = on(path, *words)
        assert_one_message(done, codes=(0, 2, 5))
        if done.exit_code == 2:
            assert named in done.output, (words, done.output)
    checked = smbo("db", "check", path)
    assert_one_message(checked, codes=(1,))
    assert (wanted if "beyond" not in named else "gaps") in checked.output, checked.output


def test_a_value_that_is_text_is_refused_by_every_command(path):
    spoil(path, "UPDATE trial SET value = 'abc' WHERE number = 3")
    for words in READERS:
        done = on(path, *words)
        assert_one_message(done)
        assert "study first, trial 3: column value holds 'abc'" in done.output, done.output
        assert "smbo db check" in done.output


def test_the_check_lists_all_faults_and_not_the_first_alone(path):
    spoil(
        path,
        "UPDATE trial SET value = 'abc' WHERE number = 3",
        "UPDATE trial SET state = 'weird' WHERE number = 4",
        "UPDATE trial SET params = '{' WHERE number = 5",
        "UPDATE study SET memory = '['",
    )
    output = smbo("db", "check", path).output
    for named in (
        "trial 3: column value",
        "trial 4: column state",
        "trial 5: column params",
        "column memory",
    ):
        assert named in output
    assert "4 faults" not in output.splitlines()[0]


@pytest.mark.parametrize("column", ["value", "params"])
def test_a_result_or_point_that_was_changed_behind_smbo_is_found_by_its_hash(path, column):
    changed = {"value": "value = value + 1.0", "params": "params = replace(params, ':', ':0.')"}
    spoil(path, f"UPDATE trial SET {changed[column]} WHERE number = 0")
    done = smbo("db", "check", path)
    assert done.exit_code == 1
    assert "study first, trial 0" in done.output


def test_a_study_that_is_damaged_raises_an_error_of_its_own_in_python(path):
    spoil(path, "UPDATE trial SET state = 'weird' WHERE number = 3")
    with Study.load(path, "first") as study, pytest.raises(DamagedStore, match="trial 3: column state"):
        _ = study.trials


def foreign_files(folder):
    """Make files that are no stores, and return their paths."""
    (folder / "empty.db").touch()
    (folder / "text.db").write_text("a,b\n1,2\n" * 1000)
    (folder / "folder.db").mkdir()
    (folder / "beheaded.db").write_bytes(b"\xff" + (DATA / "version_2.db").read_bytes()[1:])
    for name, mode in (("other.db", "DELETE"), ("other-wal.db", "WAL")):
        raw = sqlite3.connect(folder / name)
        raw.execute(f"PRAGMA journal_mode = {mode}")
        raw.execute("CREATE TABLE study (name)")
        raw.commit()
        raw.close()
    os.mkfifo(folder / "fifo.db")
    return sorted(folder.iterdir())


def test_a_file_that_is_no_store_gets_one_message_and_is_left_as_it_is(tmp_path):
    paths = foreign_files(tmp_path)
    before = {path: path.read_bytes() for path in paths if path.is_file()}
    for path in paths:
        for words in (["status"], ["show"], ["export"], ["stop"], ["resume"]):
            assert_one_message(on(path, *words))
        for command in ("check", "migrate"):
            assert_one_message(smbo("db", command, path))
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(tmp_path.iterdir()) == paths  # nothing beside them either


def test_a_truncated_store_is_reported_as_damaged(path, tmp_path):
    data = path.read_bytes()
    for size in (20, 100, 4096, len(data) // 2, len(data) - 4096):
        (tmp_path / "cut.db").write_bytes(data[:size])
        for words in READERS:
            assert_one_message(on(tmp_path / "cut.db", *words), codes=(0, 2, 5))
        done = smbo("db", "check", tmp_path / "cut.db")
        assert_one_message(done, codes=(1, 2))
        assert "damaged" in done.output


def test_an_export_does_not_write_over_its_store(path):
    before = path.read_bytes()
    done = on(path, "export", "-o", path)
    assert_one_message(done)
    assert "is the store" in done.output
    assert len(path.read_bytes()) == len(before)
    assert on(path, "status").exit_code == 0


def test_a_column_whose_name_lost_a_bit_of_its_case_is_read_all_the_same(path):
    spoil(
        path,
        "ALTER TABLE driver RENAME COLUMN study TO sTudy",
        "ALTER TABLE trial RENAME COLUMN state TO State",
    )
    for words in (["status", "first", "--store", file_url(path)], ["db", "check", path]):
        done = smbo(*words)
        assert_one_message(done, codes=(0,))


@pytest.mark.parametrize("column", ["fidelity", "value"])
def test_a_result_at_a_rung_without_its_fidelity_or_value_is_named(tmp_path, column):
    problem = Problem({"x": (0.0, 1.0)}, fidelity=Fidelity(1, 9), early_stopping="asha")
    path = tmp_path / "a.db"
    with Study.open(path, "first", problem, "random", seed=1, budget=Budget(trials=6)) as study:
        study.run(lambda params: params["x"])
    spoil(path, f"UPDATE attempt SET {column} = NULL WHERE number % 2 = 0")
    for words in (["status"], ["show"], ["export"]):
        assert_one_message(on(path, *words))
    done = smbo("db", "check", path)
    assert_one_message(done, codes=(1,))
    assert "it ended at a rung" in done.output
