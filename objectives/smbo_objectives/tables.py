"""Read files of histograms: YODA, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from smbo.problem import EvaluationFailed
from smbo_objectives.histograms import Array, Histogram
from smbo_objectives.result_parsing import as_number, parse_json
from smbo_objectives.yoda import read_yoda

__all__ = ["FORMATS", "read_histograms"]

FORMATS = (".yoda", ".csv", ".json")


def read_histograms(text: str, name: str) -> dict[str, Histogram]:
    """Return the histograms in a file's text, by name and in order.

    Args:
        text: of YODA; of CSV with the columns observable, bin_lo, bin_hi, value, and error or err_lo and
            err_hi or variance; or of a JSON object {observable: {"edges" or "low" and "high", "values",
            "errors" or "variances"}}.
        name: name of the file; its ending is the format.

    Raises:
        ValueError: the text is not of that format.
    """
    match PurePath(name).suffix:
        case ".yoda":
            found = read_yoda(text)
        case ".csv":
            found = _read_csv(text)
        case ".json":
            found = _read_json(text, name)
        case ending:
            raise ValueError(f"its name ends in {ending!r}; known are {', '.join(FORMATS)}")
    if not found:
        raise ValueError("there is no histogram in it")
    return found


def _read_csv(text: str) -> dict[str, Histogram]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    groups: dict[str, list[dict[str, str]]] = {}
    try:
        for row in reader:
            groups.setdefault(row["observable"], []).append(row)
        return {name: _from_rows(rows) for name, rows in groups.items()}
    except KeyError as error:
        raise ValueError(f"the column {error} is missing") from None
    except (TypeError, csv.Error) as error:
        raise ValueError(f"it is no table: {error}") from None


def _from_rows(rows: Sequence[Mapping[str, str]]) -> Histogram:
    def column(key: str) -> Array:
        return np.array([float(row[key]) for row in rows])

    if "variance" in rows[0]:
        variances = column("variance")
    elif "error" in rows[0]:
        variances = column("error") ** 2
    else:
        variances = (0.5 * (np.abs(column("err_lo")) + np.abs(column("err_hi")))) ** 2
    return Histogram(column("bin_lo"), column("bin_hi"), column("value"), variances)


def _read_json(text: str, name: str) -> dict[str, Histogram]:
    try:
        told = parse_json(text, name)
    except EvaluationFailed as error:
        raise ValueError(str(error)) from None
    if not isinstance(told, dict):
        raise ValueError("a JSON object {observable: histogram} is needed")
    found = {}
    for observable, entry in told.items():
        try:
            found[observable] = _from_entry(entry)
        except KeyError as error:
            raise ValueError(f"{observable[:80]!r} has no {error}") from None
        except (ValueError, EvaluationFailed) as error:
            raise ValueError(f"{observable[:80]!r} is no histogram: {error}") from None
    return found


def _from_entry(entry: Any) -> Histogram:
    if not isinstance(entry, dict):
        raise ValueError('write {"edges": […], "values": […], "errors": […]}')

    def numbers(key: str) -> Array:
        if not isinstance(entry[key], list):
            raise ValueError(f"{key} is no list of numbers")
        return np.array([as_number(key, each) for each in entry[key]], dtype=np.float64)

    if "edges" in entry:
        edges = numbers("edges")
        low, high = edges[:-1], edges[1:]
    else:
        low, high = numbers("low"), numbers("high")
    variances = numbers("variances") if "variances" in entry else numbers("errors") ** 2
    return Histogram(low, high, numbers("values"), variances)
