"""Plain SQL with named parameters (``:name``), run on the driver's own cursor.

For the statements of each ask and tell: of 60 µs through SQLAlchemy, SQLite itself takes five.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table

# psycopg writes %(name)s for the :name of SQLite and others
_PARAMETER = re.compile(r":(\w+)")

CALL = "call"  # in a connection's ``info``: the name of the call whose transaction it is in


def driver_of(connection: Connection) -> Any:
    """Return the driver's own connection (sqlite3's or psycopg's)."""
    return connection.connection.driver_connection


class Statement:
    """One SQL statement, ready for both databases; its rows are named tuples.

    Args:
        text: with named parameters.
        columns: names of the columns; as the database says them, in whatever case, if there are none.
    """

    def __init__(self, text: str, columns: Sequence[str] = ()) -> None:
        self._texts = {"sqlite": text, "postgresql": _PARAMETER.sub(r"%(\1)s", text)}
        self._row: Callable[[Sequence[Any]], Any] | None = _row_of(columns) if columns else None

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Run it and return the driver's cursor."""
        return driver_of(connection).execute(self._texts[connection.dialect.name], parameters)

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each row of parameters."""
        if len(rows) == 1:
            self.run(connection, rows[0])
            return
        driver_of(connection).cursor().executemany(self._texts[connection.dialect.name], rows)

    def all(self, connection: Connection, **parameters: Any) -> list[Any]:
        """Return all rows."""
        cursor = self.run(connection, parameters)
        make = self._row or self._name_columns(cursor)
        return [make(row) for row in cursor]

    def each(self, connection: Connection, **parameters: Any) -> Iterator[Any]:
        """Return the rows one by one; of a server, all are fetched first."""
        cursor = self.run(connection, parameters)
        make = self._row or self._name_columns(cursor)
        return map(make, cursor)

    def one(self, connection: Connection, **parameters: Any) -> Any | None:
        """Return the first row, None if there is none."""
        cursor = self.run(connection, parameters)
        row = cursor.fetchone()
        make = self._row or self._name_columns(cursor)
        cursor.close()  # an unfinished SELECT would hold its snapshot
        return None if row is None else make(row)

    def _name_columns(self, cursor: Any) -> Callable[[Sequence[Any]], Any]:
        self._row = _row_of([column[0] for column in cursor.description])
        return self._row


def _row_of(columns: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    row: Any = namedtuple("Row", columns)  # type: ignore[misc]
    return row._make


def selection(table: Table, rest: str, columns: Sequence[str] = ()) -> Statement:
    """Return a SELECT of some or all columns of a table, by name: older files have them in another order."""
    names = list(columns or table.c.keys())
    return Statement(f"SELECT {', '.join(names)} FROM {table.name} {rest}", names)


@lru_cache(maxsize=32)
def insertion(table: Table) -> Statement:
    """Return an INSERT of whole rows: every column has a parameter of its name."""
    columns = table.c.keys()
    values = ", ".join(f":{name}" for name in columns)
    return Statement(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({values})")


@lru_cache(maxsize=128)
def change(table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Statement:
    """Return an UPDATE of some columns of the row with this key; each has a parameter of its name."""
    assert set(columns) <= set(table.c.keys()), columns
    values = ", ".join(f"{name} = :{name}" for name in columns)
    where = " AND ".join(f"{name} = :{name}" for name in key)
    return Statement(f"UPDATE {table.name} SET {values} WHERE {where}")
