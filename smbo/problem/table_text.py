"""Text of tables as other programs write it: encodings, packed files, decimal commas, workbooks."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smbo.errors import ProblemError

_GZIP = b"\x1f\x8b"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods are zip archives, .xls is an OLE file
_ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*")  # or a decimal comma: 1,250
_NO_POINT = re.compile(r"\s*([-+]?\d+([eE][-+]?\d+)?|[-+]?inf|nan)?\s*", re.IGNORECASE)


def text_of(path: Path) -> str:
    """Return the text of a file: UTF-8, or UTF-16 with its byte-order mark; gzipped or not.

    Raises:
        ProblemError: it is a workbook of a spreadsheet, or text of another encoding.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (EOFError, zlib.error) as error:
            raise ProblemError(f"{path}: cannot be read: {error}") from None
    if content.startswith(_WORKBOOKS):
        raise ProblemError(
            f"{path}: a workbook of a spreadsheet; save the sheet as CSV (UTF-8), and give that"
        )
    encoding = next((name for mark, name in _ENCODINGS if content.startswith(mark)), "utf-8-sig")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ProblemError(f"{path}: cannot be read: {error}; save it as CSV (UTF-8)") from None


def with_decimal_points(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], delimiter: str
) -> list[dict[str, Any]]:
    """Return the rows of a table that commas do not separate, with points in columns of decimal commas.

    Such a column holds nothing but numbers, and none of them has a point: 1.250,75 stays as it is.  Between
    tabs a comma may separate thousands too, so that a column where each could stays as well; semicolons
    are written where the comma is the decimal one.
    """
    changed = set()
    for column in columns:
        cells = [row.get(column) or "" for row in rows]
        has_commas = [_DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells]
        if delimiter != ";" and all(
            _THOUSANDS.fullmatch(cell) for has, cell in zip(has_commas, cells, strict=True) if has
        ):
            continue
        if any(has_commas) and all(
            has or _NO_POINT.fullmatch(cell) for has, cell in zip(has_commas, cells, strict=True)
        ):
            changed.add(column)
    return [
        {name: cell.replace(",", ".") if cell and name in changed else cell for name, cell in row.items()}
        for row in rows
    ]


def number_of(cell: str) -> float:
    """Return a number as text; ValueError for anything else, 1_000 among it, which only Python writes."""
    if "_" in cell:
        raise ValueError(f"{cell!r} is no number")
    return float(cell)
