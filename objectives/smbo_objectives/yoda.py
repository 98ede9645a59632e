"""Read histograms in YODA's text format, as Rivet and other tools of the field write them.

Histograms, profiles, estimates, counters and two-dimensional scatters are read, of the versions 1
("YODA_HISTO1D") to 3 of the format.  /RAW and /TMP objects and the variations of an object (a name with
brackets) are skipped; /REF/X and /X are one name, so that data and prediction match.  An object of another
kind, or one that is broken, is there with the reason why it cannot be read.

Source: the writers of YODA 1.9 and 2.1 (``WriterYODA.cc``, ``BinnedDbn.h``, ``BinnedEstimate.h``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from smbo_objectives.delimited import number
from smbo_objectives.histograms import Array, Histogram, as_predicted

__all__ = ["read_yoda", "without_options"]

_BEGIN = re.compile(r"(?:#\s*)?BEGIN (YODA_[A-Z\d]+(?:<[^>]*>)?(?:_V\d+)?)\s+(\S+)")
_ANNOTATION = re.compile(r"[A-Za-z][\w+-]*(\(\w+\))?\s*[:=]")
_PASSED_OVER = ("/RAW/", "/TMP/")
_OUTSIDE = ("total", "underflow", "overflow")
_FEWEST_ENTRIES = 9  # the spread of fewer entries is not estimated from these alone


def read_yoda(text: str) -> dict[str, Histogram | str]:
    """Return the histograms in a text by name, or why an object cannot be read as one.

    Contents are densities: sums of weights over bin widths, as they are plotted.
    """
    found: dict[str, Histogram | str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        begin = _BEGIN.match(line)
        while begin is not None:
            name = as_predicted(begin[2])
            block, begin_of_next = _block(lines, begin[1])
            if not name.startswith(_PASSED_OVER) and "[" not in name:
                found[name] = "it is there twice" if name in found else _histogram(begin[1], block)
            begin = begin_of_next
    return found


def without_options(name: str) -> str:
    """Return a path without an analysis' options: /ANALYSIS:CUT=1/d01-x01-y01 is /ANALYSIS/d01-x01-y01."""
    return re.sub(r":[^/]*", "", name)


def _block(lines: Iterator[str], kind: str) -> tuple[list[str] | None, re.Match[str] | None]:
    """Return the lines of a block, None if it has no end, and the beginning of another block in its place."""
    block: list[str] = []
    for line in lines:
        if line.lstrip("# ").startswith(f"END {kind}"):
            return block, None
        if (begin := _BEGIN.match(line)) is not None:
            return None, begin
        block.append(line)
    return None, None


def _histogram(kind: str, block: Sequence[str] | None) -> Histogram | str:
    if block is None:
        return "it has no end; was it cut short?"
    # YODA_BINNEDHISTO<S>_V3: as Histo1D, with an axis of text
    shape, _, version = kind.removeprefix("YODA_").partition("_V")
    is_discrete = bool(re.search(r"<[^D>]*>", shape))
    shape = re.sub(r"^BINNED(\w+?)(1D)?<\w>$", r"\g<1>1D", shape)
    read = _READERS.get((shape, int(version) if version.isdigit() else 1))
    if read is None:
        return f"it is a {kind}, which has no bins along one axis or is not known"
    try:
        return read(_Block(block, is_discrete))
    except (ValueError, IndexError) as error:
        return f"as a {kind}: {error}"


class _Block:
    """The rows of a block, and its edges where these are not part of the rows."""

    def __init__(self, lines: Sequence[str], is_discrete: bool) -> None:
        start = lines.index("---") + 1 if "---" in lines else 0
        body = [line for line in lines[start:] if line.strip() and not line.lstrip().startswith("#")]
        self.rows = [line.split() for line in body if not _ANNOTATION.match(line)]
        self._fields = {
            line.partition(":")[0]: line.partition(":")[2].strip() for line in body if ":" in line
        }
        self._is_discrete = is_discrete or self._field("Edges(A1)").startswith('["')

    def _field(self, name: str) -> str:
        return self._fields.get(name, "")

    def list_of(self, name: str) -> list[str]:
        """Return the entries of a field such as ``Edges(A1): [0.0, 1.0]``."""
        content = self._field(name)
        if not content.startswith("[") or not content.endswith("]"):
            raise ValueError(f"it has no line {name}" if not content else f"{name} is {content[:80]!r}")
        quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', content)
        return quoted or [each.strip() for each in content[1:-1].split(",") if each.strip()]

    def variance(self, errors: Sequence[str]) -> float:
        """Return the squared mean of down and up error, summed over sources, or that of their total alone."""
        # an error that is not given, "---", is none
        sizes = np.array([0.0 if cell == "---" else abs(number(cell)) for cell in errors])
        if len(sizes) % 2:
            raise ValueError("a line has a down error without its up error")
        means = 0.5 * sizes.reshape(-1, 2).sum(axis=1)
        sources = [each.lower() for each in self.list_of("ErrorLabels")] if self._field("ErrorLabels") else []
        if "total" in sources and len(sources) == len(means):
            means = means[[sources.index("total")]]
        return float((means**2).sum())

    def columns(self, n_columns: int) -> Array:
        """Return the first columns of all rows but those outside of the bins, shape (n_columns, rows)."""
        rows = [row for row in self.rows if row[0].lower() not in _OUTSIDE]
        if any(len(row) < n_columns for row in rows):
            raise ValueError(f"a line has fewer than {n_columns} columns")
        found = [[number(cell) for cell in row[:n_columns]] for row in rows]
        return np.array(found, dtype=np.float64).reshape(len(rows), n_columns).T

    def binned(self, values: Array, variances: Array, is_density: bool) -> Histogram:
        """Return the histogram of the rows' contents, without under- and overflow and without masked bins."""
        names = self.list_of("Edges(A1)")
        masked = {int(each) for each in self.list_of("MaskedBins")} if self._field("MaskedBins") else set()
        # numbered from the underflow, or from what is in no bin of a discrete axis, which is 0
        n_all = len(names) + 1
        n_bins = len(names) if self._is_discrete else len(names) - 1
        if len(values) not in (n_all, n_all - len(masked)):
            raise ValueError(
                f"{len(names)} edges need {n_all} lines, overflows included; it has {len(values)}"
            )
        rows = [k for k in range(n_all) if len(values) == n_all or k not in masked]
        kept = np.array([i for i, k in enumerate(rows) if 1 <= k <= n_bins and k not in masked], dtype=int)
        bins = np.array([rows[i] - 1 for i in kept], dtype=int)
        values, variances = values[kept], variances[kept]
        if self._is_discrete:
            return Histogram.of_labels([names[k] for k in bins], values, variances)
        edges = np.array([number(each) for each in names])
        low, high = edges[:-1][bins], edges[1:][bins]
        return (
            _density(low, high, values, variances) if is_density else Histogram(low, high, values, variances)
        )


def _density(low: Array, high: Array, sums: Array, squares: Array) -> Histogram:
    width = high - low
    if (width <= 0).any():
        raise ValueError("a bin is empty or upside down")
    return Histogram(low, high, sums / width, squares / width**2)


def _histo_v2(block: _Block) -> Histogram:
    # xlow, xhigh, sumw, sumw2, …
    low, high, sums, squares = block.columns(4)
    return _density(low, high, sums, squares)


def _histo_v3(block: _Block) -> Histogram:
    # sumW, sumW2, …; the first line is the underflow, the last the overflow
    sums, squares = block.columns(2)
    return block.binned(sums, squares, is_density=True)


def _profile_v2(block: _Block) -> Histogram:
    # xlow, xhigh, sumw, sumw2, sumwx, sumwx2, sumwy, sumwy2, numEntries
    low, high, sums, squares, _, _, first, second = block.columns(8)
    return Histogram(low, high, *_means(sums, squares, first, second))


def _profile_v3(block: _Block) -> Histogram:
    # sumW, sumW2, sumW(A1), sumW2(A1), sumW(A2), sumW2(A2), numEntries
    sums, squares, _, _, first, second = block.columns(6)
    return block.binned(*_means(sums, squares, first, second), is_density=False)


def _means(sums: Array, squares: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Return means of weighted entries and their variances; NaN for a bin without entries.

    Args:
        sums, squares: Σw and Σw², shape (b,).
        first, second: Σwy and Σwy², shape (b,).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        means = first / sums
        entries = sums**2 / squares
        spread = second / sums - means**2
        own = np.maximum(spread, 0.0) * entries / (entries - 1.0)
    filled = np.isfinite(means) & np.isfinite(spread) & (entries > 0.0)
    total = entries[filled].sum()
    typical = float((spread * entries)[filled].sum() / total) if filled.any() else np.nan
    variances = np.where(entries > _FEWEST_ENTRIES, own, max(typical, 0.0)) / np.where(filled, entries, 1.0)
    return np.where(filled, means, np.nan), np.where(filled, variances, np.nan)


def _estimate_v3(block: _Block) -> Histogram:
    # value, then down and up errors of each source
    values = np.array([number(row[0]) for row in block.rows])
    variances = np.array([block.variance(row[1:]) for row in block.rows])
    return block.binned(values, variances, is_density=False)


def _estimate0d_v3(block: _Block) -> Histogram:
    (row,) = block.rows
    return _one_number(number(row[0]), block.variance(row[1:]))


def _scatter2d(block: _Block) -> Histogram:
    x, left, right, y, down, up = block.columns(6)
    return Histogram(x - np.abs(left), x + np.abs(right), y, _mean_squared(down, up))


def _scatter1d(block: _Block) -> Histogram:
    values, down, up = block.columns(3)
    if len(values) != 1:
        raise ValueError(f"it has {len(values)} points without an axis")
    return _one_number(float(values[0]), float(_mean_squared(down, up)[0]))


def _counter(block: _Block) -> Histogram:
    sums, squares = block.columns(2)
    if len(sums) != 1:
        raise ValueError(f"it has {len(sums)} lines; a counter has one")
    return _one_number(float(sums[0]), float(squares[0]))


def _mean_squared(down: Array, up: Array) -> Array:
    """Return the squared mean of both errors, of which the lower may have its sign."""
    if (up < 0.0).any():
        raise ValueError(f"an upper error is {up[up < 0.0][0]:g}; an error is not negative")
    return np.asarray((0.5 * (np.abs(down) + up)) ** 2)


def _one_number(value: float, variance: float) -> Histogram:
    return Histogram(np.array([-0.5]), np.array([0.5]), np.array([value]), np.array([variance]))


# By kind of object and version of the format.
_READERS: dict[tuple[str, int], Callable[[_Block], Histogram]] = {
    **{("HISTO1D", version): _histo_v2 for version in (1, 2)},
    ("HISTO1D", 3): _histo_v3,
    **{("PROFILE1D", version): _profile_v2 for version in (1, 2)},
    ("PROFILE1D", 3): _profile_v3,
    ("ESTIMATE1D", 3): _estimate_v3,
    ("ESTIMATE0D", 3): _estimate0d_v3,
    **{("SCATTER2D", version): _scatter2d for version in (1, 2, 3)},
    **{("SCATTER1D", version): _scatter1d for version in (1, 2, 3)},
    **{("COUNTER", version): _counter for version in (1, 2, 3)},
}
