"""Read histograms in YODA's text format, as Rivet and other tools of the field write them.

Blocks of Histo1D (versions 2 and 3), Estimate1D (version 3) and Scatter2D (version 2, the form of older
reference data) are read.  Blocks of other kinds are skipped, and so are /RAW and /TMP ones and the variations
of an object (a name with brackets); /REF/X and /X are one name, so that data and prediction match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from smbo_objectives.histograms import Array, Histogram

__all__ = ["read_yoda"]

_BEGIN = re.compile(r"BEGIN (YODA_\w+) (\S+)")
_PASSED_OVER = ("/RAW/", "/TMP/")


def read_yoda(text: str) -> dict[str, Histogram]:
    """Return the histograms in a text by name.

    Contents are densities: sums of weights over bin widths, as they are plotted.

    Raises:
        ValueError: a block is incomplete, has an entry twice or is not of its form.
    """
    found: dict[str, Histogram] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if (begin := _BEGIN.match(line)) is None:
            continue
        kind, name = begin[1], begin[2].removeprefix("/REF")
        block = _block(lines, kind, name)
        read = _READERS.get(kind)
        if read is None or name.startswith(_PASSED_OVER) or "[" in name:
            continue
        if name in found:
            raise ValueError(f"{name} is there twice")
        try:
            found[name] = read(block)
        except (ValueError, IndexError) as error:
            raise ValueError(f"{name} is no {kind}: {error}") from error
    return found


def _block(lines: Iterator[str], kind: str, name: str) -> list[str]:
    block: list[str] = []
    for line in lines:
        if line.startswith(f"END {kind}"):
            return block
        block.append(line)
    raise ValueError(f"{name} has no end; was it cut short?")


def _rows(block: Sequence[str]) -> list[list[str]]:
    """Return the cells of a block's lines below its header."""
    start = block.index("---") + 1 if "---" in block else 0
    lines = [line for line in block[start:] if line.strip() and not line.startswith("#")]
    return [line.split() for line in lines if not re.match(r"[A-Za-z]\w*(\(\w+\))?:", line)]


def _numbers(rows: Sequence[Sequence[str]], n_columns: int) -> Array:
    if any(len(row) < n_columns for row in rows):
        raise ValueError(f"a line has fewer than {n_columns} columns")
    return np.array([[float(cell) for cell in row[:n_columns]] for row in rows]).reshape(len(rows), n_columns)


def _edges(block: Sequence[str]) -> Array:
    for line in block:
        if line.startswith("Edges(A1):"):
            content = line[line.index("[") + 1 : line.rindex("]")]
            return np.array([float(cell) for cell in content.replace(",", " ").split()])
        if line.startswith("MaskedBins:") and "[]" not in line.replace(" ", ""):
            raise ValueError("it has masked bins")
    raise ValueError("it has no line Edges(A1)")


def _histo1d_v2(block: Sequence[str]) -> Histogram:
    # xlow, xhigh, sumw, sumw2, …; the lines Total, Underflow and Overflow begin with words
    rows = _numbers([row for row in _rows(block) if not row[0][0].isalpha()], 4)
    return _density(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])


def _histo1d_v3(block: Sequence[str]) -> Histogram:
    # sumW, sumW2, …; the first line is the underflow, the last the overflow
    edges, rows = _edges(block), _numbers(_rows(block), 2)[1:-1]
    _check_length(edges, rows)
    return _density(edges[:-1], edges[1:], rows[:, 0], rows[:, 1])


def _estimate1d_v3(block: Sequence[str]) -> Histogram:
    # value, then down and up errors of each source, "---" where there is none
    edges, rows = _edges(block), _rows(block)[1:-1]
    _check_length(edges, rows)
    values = np.array([float(row[0]) for row in rows])
    variances = np.array([_variance(row[1:]) for row in rows])
    return Histogram(edges[:-1], edges[1:], values, variances)


def _scatter2d_v2(block: Sequence[str]) -> Histogram:
    x, left, right, y, down, up = _numbers(_rows(block), 6).T
    return Histogram(x - left, x + right, y, (0.5 * (np.abs(down) + np.abs(up))) ** 2)


def _variance(cells: Sequence[str]) -> float:
    """Return the sum over sources of the squared mean of both errors."""
    errors = np.array([0.0 if cell == "---" else abs(float(cell)) for cell in cells])
    if len(errors) % 2:
        raise ValueError("a line has a down error without its up error")
    return float(((0.5 * errors.reshape(-1, 2).sum(axis=1)) ** 2).sum())


def _density(low: Array, high: Array, sums: Array, squares: Array) -> Histogram:
    width = high - low
    if (width <= 0).any():
        raise ValueError("a bin is empty or upside down")
    return Histogram(low, high, sums / width, squares / width**2)


def _check_length(edges: Array, rows: Sequence[object] | Array) -> None:
    if len(rows) != len(edges) - 1:
        raise ValueError(
            f"{len(edges)} edges need {len(edges) + 1} lines, overflows included; it has {len(rows) + 2}"
        )


_READERS: dict[str, Callable[[Sequence[str]], Histogram]] = {
    "YODA_HISTO1D_V2": _histo1d_v2,
    "YODA_HISTO1D_V3": _histo1d_v3,
    "YODA_ESTIMATE1D_V3": _estimate1d_v3,
    "YODA_SCATTER2D_V2": _scatter2d_v2,
}
