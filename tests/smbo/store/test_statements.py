"""Plain SQL on the driver's cursor: parameters by name for both databases, rows with named columns."""

from __future__ import annotations

import pytest

from smbo.store import schema
from smbo.store.database import Database
from smbo.store.statements import Statement, change, insertion, selection
from smbo.store.store import SqlStore


@pytest.fixture
def database(tmp_path):
    SqlStore(f"sqlite:///{tmp_path}/a.db").close()
    database = Database(f"sqlite:///{tmp_path}/a.db")
    yield database
    database.close()


VERSIONS = selection(schema.schema_version, "WHERE version >= :least ORDER BY version")


def test_parameters_are_named_in_the_way_of_each_database():
    statement = Statement("UPDATE t SET a = :a, b = :b_2 WHERE key = :key")
    assert statement._texts["sqlite"] == "UPDATE t SET a = :a, b = :b_2 WHERE key = :key"
    assert statement._texts["postgresql"] == "UPDATE t SET a = %(a)s, b = %(b_2)s WHERE key = %(key)s"


@pytest.mark.parametrize("n", [1, 3])
def test_rows_that_are_written_come_back_by_name_in_each_way_of_reading(database, n):
    rows = [{"version": 10 + k, "applied": k / 3} for k in range(n)]
    database.write(lambda at: insertion(schema.schema_version).run_many(at, rows))
    read = database.read(lambda at: VERSIONS.all(at, least=10))
    assert [row._asdict() for row in read] == rows
    assert database.read(lambda at: list(VERSIONS.each(at, least=10))) == read
    assert database.read(lambda at: VERSIONS.one(at, least=10)) == read[0]
    assert database.read(lambda at: VERSIONS.one(at, least=99)) is None
    assert database.read(lambda at: VERSIONS.all(at, least=99)) == []


def test_a_change_is_of_the_row_with_its_key_alone(database):
    rows = [{"version": 10 + k, "applied": 0.0} for k in range(3)]
    statement = change(schema.schema_version, ("version",), ("applied",))
    database.write(lambda at: insertion(schema.schema_version).run_many(at, rows))
    database.write(lambda at: statement.run(at, {"version": 11, "applied": 5.0}))
    assert [row.applied for row in database.read(lambda at: VERSIONS.all(at, least=10))] == [0.0, 5.0, 0.0]
    with pytest.raises(AssertionError):
        change(schema.schema_version, ("version",), ("colour",))
