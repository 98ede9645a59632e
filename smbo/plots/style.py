"""The common style of figures, and writing them to files."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Okabe & Ito (2008): colours that people with any common colour vision deficiency can tell apart
BLUE, ORANGE, GREEN, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9"
PURPLE, BROWN = "#CC79A7", "#7f4f24"
INK, MUTED, FAINT = "#1b1f24", "#6a737d", "#d8dde3"

# One thing has one colour in all figures of a page, and lines, markers and bars of it too.
COLOURS: Mapping[str, str] = {
    "data": INK,  # measured by somebody else
    "tune": BLUE,
    "recommended": GREEN,
    "baseline": VERMILION,  # such as an expert's default
    "model": PURPLE,
    "evaluation": MUTED,
    "best": SKY,  # among the values that were observed
    "violating": ORANGE,
    "failed": BROWN,
}
# A line or a point is told apart in print, too.
DASHES: Mapping[str, Any] = {"tune": "solid", "recommended": (0, (5, 1.5)), "baseline": (0, (1.5, 1.2))}
MARKERS: Mapping[str, str] = {"tune": "o", "recommended": "D", "baseline": "s"}

STYLE: Mapping[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # editable text, as journals require
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


MOST_VECTORS = 3000  # points of one kind in a PDF; more of them are drawn as an image

NO_MATPLOTLIB = "matplotlib is not installed; pip install 'smbo[plots]'"


def has_matplotlib() -> bool:
    """Return whether figures can be drawn."""
    try:
        return importlib.util.find_spec("matplotlib") is not None
    except ValueError:  # a test or a user has put None in its place
        return False


@contextmanager
def style() -> Iterator[None]:
    if not has_matplotlib():
        raise ImportError(f"figures: {NO_MATPLOTLIB}", name="matplotlib")
    import matplotlib as mpl

    with mpl.rc_context(dict(STYLE)):
        yield


def new_figure(width: float, height: float, **layout: Any) -> Any:
    if not has_matplotlib():
        raise ImportError(f"figures: {NO_MATPLOTLIB}", name="matplotlib")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", **layout)


def save(figure: Any, stem: Path) -> None:
    """Write a figure as PNG (200 dots per inch) and PDF beside each other."""
    for axes in figure.axes:
        for drawn in (*axes.collections, *axes.lines):
            points = drawn.get_offsets() if hasattr(drawn, "get_offsets") else drawn.get_xdata()
            if len(points) > MOST_VECTORS:  # each of them drawn by itself, a page takes ten minutes
                drawn.set_rasterized(True)
    with warnings.catch_warnings():
        # letters that the font lacks are drawn as boxes; the warning must not become an error
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(stem.parent / f"{stem.name}.png", dpi=200, metadata={"Software": None})
        figure.set_layout_engine("none")  # as it was laid out: finding out again takes a third of the time
        # without the creation date the same study gives the same file
        figure.savefig(stem.parent / f"{stem.name}.pdf", metadata={"CreationDate": None})


def shorten(text: str, length: int = 40) -> str:
    """Return a name on one line and no longer than ``length``, for use in a figure."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(line.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def plain_log_labels(axis: Any, at_most: int = 9) -> None:
    """Label a logarithmic axis with plain numbers (formulas are switched off in our figures)."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low) if low > 0 else 3.0
    subs = (1.0, 2.0, 5.0) if decades * 3 <= at_most else (1.0,)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=at_most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def decade_labels(axis: Any, at_most: int = 9) -> None:
    """Label the decades of a logarithmic axis 10ⁿ; an axis of less than one and a half with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    if not low > 0 or math.log10(high / low) < 1.5:
        plain_log_labels(axis, at_most)
        return
    axis.set_major_locator(LogLocator(base=10, subs=(1.0,), numticks=at_most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    axis.set_minor_formatter(NullFormatter())


def power_of_ten(value: float) -> str:
    """Return 10ⁿ for a power of ten, in characters: formulas are switched off in our figures."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if not math.isclose(value, 10.0**exponent, rel_tol=1e-9):
        return f"{value:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
