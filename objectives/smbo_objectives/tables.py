"""Read files of histograms: YODA, delimited text and JSON, gzipped or not.

What nobody asks for may be broken: a histogram that cannot be read is kept with the reason, which is told to
whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from smbo.problem import EvaluationFailed
from smbo_objectives.delimited import Table, close_to, decoded, read_table
from smbo_objectives.histograms import Array, Histogram, as_predicted
from smbo_objectives.result_parsing import as_number, parse_json
from smbo_objectives.yoda import read_yoda, without_options

__all__ = ["FORMATS", "HistogramFile", "ending_of", "read_histograms"]

FORMATS = (".yoda", ".csv", ".json", ".tsv", ".dat")
_LIMIT_BYTES = 500_000_000  # unpacked
_OBSERVABLE = "observable"


class HistogramFile(Mapping[str, Histogram]):
    """The histograms of a file by name, in order; those that cannot be read raise when they are asked for.

    Args:
        entries: a histogram for each name, or why it cannot be read.
    """

    def __init__(self, entries: Mapping[str, Histogram | str]) -> None:
        self.entries = entries

    def __getitem__(self, name: str) -> Histogram:
        """Return a histogram.

        Raises:
            KeyError: there is none of that name.
            ValueError: it cannot be read.
        """
        found = self.entries[name]
        if isinstance(found, str):
            raise ValueError(f"{name} cannot be read: {found}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def named(self, name: str) -> Histogram:
        """Return a histogram by its name, or by its name apart from an analysis' options.

        Raises:
            ValueError: there is none of that name, or several with options, or it cannot be read.
        """
        if name in self.entries:
            return self[name]
        with_options = [each for each in self.entries if without_options(each) == name]
        if len(with_options) == 1:
            return self[with_options[0]]
        if with_options:
            raise ValueError(f"has no {name}, but several with options: {', '.join(with_options)}")
        raise ValueError(f"has no {name}; {close_to(name, self.entries)}")

    def without_unreadable(self) -> dict[str, Histogram]:
        """Return the histograms that can be read."""
        return {name: found for name, found in self.entries.items() if isinstance(found, Histogram)}


def ending_of(name: str) -> str:
    """Return the ending of a file's name that tells its format, without ".gz", in lower case."""
    return PurePath(name.lower().removesuffix(".gz")).suffix


def read_histograms(content: bytes, name: str) -> HistogramFile:
    """Return the histograms in a file's content.

    Args:
        content: of YODA; of delimited text with the columns observable, bin_lo, bin_hi, value, and error or
            err_lo and err_hi or variance; or of a JSON object {observable: {"edges" or "low" and "high",
            "values", "errors" or "variances"}}.  Gzipped content is unpacked.
        name: name of the file; its ending (before ".gz") is the format.

    Raises:
        ValueError: the content is not of that format, or holds no histogram.
    """
    readers: dict[str, Callable[[str], Mapping[str, Histogram | str]]] = {
        ".yoda": read_yoda,
        ".json": lambda text: _read_json(text, name),
        **dict.fromkeys((".csv", ".tsv", ".dat"), _read_delimited),
    }
    ending = ending_of(name)
    if ending not in readers:
        raise ValueError(f"its name ends in {ending!r}; known are {', '.join(FORMATS)}, each with .gz too")
    text = decoded(content, _LIMIT_BYTES)
    found = readers[ending](text) if text.strip() else {}
    if not found:
        raise ValueError("there is no histogram in it" + ("" if text.strip() else ": it is empty"))
    if not any(isinstance(each, Histogram) for each in found.values()):
        name, why = next(iter(found.items()))
        raise ValueError(f"none of its {len(found)} histograms can be read; {name[:80]}: {why}")
    return HistogramFile(found)


def _read_delimited(text: str) -> dict[str, Histogram | str]:
    table = read_table(text, (_OBSERVABLE,))
    for column in (_OBSERVABLE, "bin_lo", "bin_hi", "value"):
        if table.rows:
            table.place(column)
    groups = table.groups(_OBSERVABLE) if table.rows else {}
    return _by_name({name: _or_reason(_from_table, group) for name, group in groups.items()})


def _by_name(found: Mapping[str, Histogram | str]) -> dict[str, Histogram | str]:
    """Return histograms by the names that predictions have."""
    names = [as_predicted(name) for name in found]
    return {
        name: each if names.count(name) == 1 else "it is there twice"
        for name, each in zip(names, found.values())
    }


def _or_reason(read: Callable[[Any], Histogram], source: Any) -> Histogram | str:
    try:
        return read(source)
    except KeyError as error:
        return f"it has no {error}"
    except (ValueError, ArithmeticError, EvaluationFailed) as error:
        return str(error)


def _from_table(rows: Table) -> Histogram:
    if "variance" in rows:
        variances = rows.numbers("variance")
    elif "error" in rows:
        variances = _squared("error", rows.numbers("error"))
    elif "err_lo" in rows or "err_hi" in rows:
        # the lower error may be written with its sign
        low, high = np.abs(rows.numbers("err_lo")), rows.numbers("err_hi")
        variances = _squared("err_hi", np.where(high < 0.0, high, 0.5 * (low + high)))
    else:
        raise ValueError(
            "it has no errors: a column error, variance, or err_lo and err_hi; "
            f"{close_to('error', rows.columns)}"
        )
    return Histogram(rows.numbers("bin_lo"), rows.numbers("bin_hi"), rows.numbers("value"), variances)


def _squared(name: str, errors: Array) -> Array:
    """Return squared errors.

    Raises:
        ValueError: an error is negative: its square would pass for a measurement.
    """
    negative = np.flatnonzero(errors < 0.0)
    if len(negative):
        raise ValueError(f"{name} of bin {negative[0]} is {errors[negative[0]]:g}; an error is not negative")
    return np.asarray(errors**2)


def _read_json(text: str, name: str) -> dict[str, Histogram | str]:
    try:
        told = parse_json(text, name)
    except EvaluationFailed as error:
        raise ValueError(str(error)) from None
    if not isinstance(told, dict):
        raise ValueError("a JSON object {observable: histogram} is needed")
    return _by_name({observable: _or_reason(_from_entry, entry) for observable, entry in told.items()})


def _from_entry(entry: Any) -> Histogram:
    if not isinstance(entry, dict):
        raise ValueError('it is no histogram; write {"edges": […], "values": […], "errors": […]}')

    def numbers(key: str) -> Array:
        if not isinstance(entry[key], list):
            raise ValueError(f"{key} is no list of numbers")
        # null is JSON's word for a number that does not exist
        return np.array(
            [float("nan") if each is None else as_number(key, each) for each in entry[key]], dtype=np.float64
        )

    if "edges" in entry:
        edges = numbers("edges")
        low, high = edges[:-1], edges[1:]
    else:
        low, high = numbers("low"), numbers("high")
    variances = numbers("variances") if "variances" in entry else _squared("errors", numbers("errors"))
    return Histogram(low, high, numbers("values"), variances)
