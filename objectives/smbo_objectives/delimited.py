"""Tables of delimited text in any usual dialect: delimiters, comments, byte-order marks, decimal commas.

One reader for measured and predicted tables alike.  What is read is text; cells become numbers when a column
is asked for, so that a column that nobody asks for may hold anything.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from smbo_objectives.histograms import Array

__all__ = ["Table", "close_to", "decoded", "number", "read_table"]

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_LONGEST_NAME, _MOST_NAMES = 200, 2_000  # characters, and names, that are compared
_COMMENTS = ("#", "!", "%")
_MISSING = frozenset({"", "-", "--", "---", "na", "n/a", "none", "null", "nan", "+nan", "-nan"})
# what float() takes beyond these (1_000, "infinity" in other scripts' digits) is no number of a table
_NUMBER = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|inf(inity)?)", re.IGNORECASE | re.ASCII)


def decoded(content: bytes, limit_bytes: int) -> str:
    """Return the text of a file that may be gzipped or begin with a byte-order mark.

    Raises:
        ValueError: it is a broken gzip file, or more than ``limit_bytes`` when unpacked.
    """
    if content.startswith(_GZIP):
        try:
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(limit_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"it cannot be unpacked: {error}") from None
        if len(content) > limit_bytes:
            raise ValueError(f"it has more than {limit_bytes} bytes when unpacked")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    return content.decode("utf-8", errors="replace")


def number(cell: str, has_decimal_commas: bool = False) -> float:
    """Return a cell as a number; NaN for an empty one and for words such as "n/a".

    Fortran's exponents (1.5D-03) are understood, and decimal commas where commas do not separate cells.

    Raises:
        ValueError: the cell holds something else.
    """
    if _NUMBER.fullmatch(cell):  # nearly all are
        return float(cell)
    plain = cell.strip().replace("\N{MINUS SIGN}", "-")
    if plain.lower() in _MISSING:
        return float("nan")
    if has_decimal_commas and plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    plain = re.sub(r"(?<=[\d.])[dD](?=[+-]?\d)", "e", plain)
    if not _NUMBER.fullmatch(plain):
        raise ValueError(f"{cell.strip()[:80]!r} is not a number")
    return float(plain)


def close_to(name: str, known: Iterable[str], at_most: int = 12) -> str:
    """Return the names nearest to one that is missing, and the first of all: the end of a message."""
    known = list(known)
    # names of megabytes would take hours to compare
    folded = {each[:_LONGEST_NAME].lower(): each[:_LONGEST_NAME] for each in reversed(known[:_MOST_NAMES])}
    found = difflib.get_close_matches(name[:_LONGEST_NAME].lower(), folded, n=3, cutoff=0.6)
    near = [folded[each] for each in found]
    shown = ", ".join(each[:80] for each in known[:at_most]) or "none"
    more = f", … ({len(known)} in all)" if len(known) > at_most else ""
    meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{meant}there are {shown}{more}"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a table by column.

    Attributes:
        columns: names, in the order of the file; lower case, without units in brackets.
        rows: cells of each row.
        lines: number of each row's line in the file.
        delimiter: between cells; " " for any blanks.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    delimiter: str

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def place(self, column: str) -> int:
        """Return the number of a column.

        Raises:
            ValueError: there is none of that name, or two.
        """
        if column not in self.columns:
            raise ValueError(f"the column {column!r} is missing; {close_to(column, self.columns)}")
        if self.columns.count(column) > 1:
            raise ValueError(f"the column {column!r} is there twice")
        return self.columns.index(column)

    def texts(self, column: str) -> list[str]:
        """Return the cells of a column, "" where a row ends before it."""
        place = self.place(column)
        return [row[place].strip() if place < len(row) else "" for row in self.rows]

    def numbers(self, column: str) -> Array:
        """Return a column as numbers, NaN for cells without one, shape (rows,).

        Raises:
            ValueError: a cell is not a number, or a row is too short or too long.
        """
        place = self.place(column)
        found = []
        for row, line in zip(self.rows, self.lines):
            if place >= len(row) or any(cell.strip() for cell in row[len(self.columns) :]):
                raise ValueError(
                    f"it is no table: line {line} has {len(row)} cells for {len(self.columns)} columns"
                )
            try:
                found.append(number(row[place], self.delimiter != ","))
            except ValueError as error:
                raise ValueError(f"line {line}, {column}: {error}") from None
        return np.array(found, dtype=np.float64)

    def groups(self, column: str) -> dict[str, Table]:
        """Return the rows with each text of a column, in the order of the file."""
        members: dict[str, list[int]] = {}
        for index, text in enumerate(self.texts(column)):
            members.setdefault(text, []).append(index)
        return {
            text: Table(
                self.columns, [self.rows[i] for i in which], [self.lines[i] for i in which], self.delimiter
            )
            for text, which in members.items()
        }


def read_table(text: str, header: Sequence[str]) -> Table:
    """Return the table in a text.

    Cells are separated by tabs, semicolons, commas or blanks, whichever the header has first of these; lines
    that begin with #, ! or % and blank lines are passed over.

    Args:
        header: names of columns of which the header has one at least; the header may be in a comment.

    Raises:
        ValueError: there is no line, or a cell has an opened quote without end.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    start = next((k for k, (_, line) in enumerate(lines) if _names(line) & set(header)), None)
    if start is None:
        start = next((k for k, (_, line) in enumerate(lines) if not _is_comment(line)), None)
    if start is None:
        raise ValueError("there is no line in it")
    head = _uncommented(lines[start][1])
    delimiter = _delimiter(head)
    body = [(number, line) for number, line in lines[start + 1 :] if not _is_comment(line)]
    return Table(
        tuple(_plain(cell) for cell in _cells(head, delimiter)),
        [_cells(line, delimiter) for _, line in body],
        [number for number, _ in body],
        delimiter,
    )


def _names(line: str) -> set[str]:
    line = _uncommented(line)
    return {_plain(cell) for cell in _cells(line, _delimiter(line))}


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(_COMMENTS)


def _uncommented(line: str) -> str:
    return line.strip().lstrip("".join(_COMMENTS)).strip()


def _delimiter(line: str) -> str:
    return next((each for each in ("\t", ";", ",") if each in line), " ")


def _cells(line: str, delimiter: str) -> list[str]:
    line = line.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if delimiter == " ":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f"it is no table: {error}") from None


def _plain(cell: str) -> str:
    """Return a column's name in lower case, without a unit in brackets and without quotes."""
    return (
        re.sub(r"\s*[\[(].*?[\])]\s*$", "", cell[:_LONGEST_NAME].strip().strip("\"'").strip()).strip().lower()
    )
