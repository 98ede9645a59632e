"""Chi-square of the histograms that a program writes against measured ones, with the bins as outputs."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from smbo.problem import ChiSquare, ObjectiveError, ObservableAxes, Outcome
from smbo_objectives.histograms import Histogram
from smbo_objectives.result_parsing import bad_output, printable
from smbo_objectives.tables import FORMATS, read_histograms

__all__ = ["Comparison", "comparison"]

_DECADES = 50.0  # a histogram that spans more is drawn on a logarithmic scale
_SETTINGS = ("data", "file", "observables", "weights", "theory_uncertainty")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Measured histograms and the loss that compares a program's with them.

    The value is that of ``smbo.problem.ChiSquare.of_observables``: the mean over observables of weight times
    the mean over bins of (y - d)² / (s² + (t d)² + e²), e being the prediction's own error.

    Attributes:
        file: name of the file that the program writes.
        data: the measured histograms by name.
        loss: chi-square on all bins, observable after observable.
    """

    file: str
    data: Mapping[str, Histogram]
    loss: ChiSquare

    def outcome(self, text: str) -> Outcome:
        """Return the outcome of the histograms that a program wrote.

        Returns:
            The value with its standard error; metrics ``chi2_<observable>``, mean over bins; outputs and
            their variances, shape (k,).

        Raises:
            EvaluationFailed: an observable is missing, has other bins than the data, or holds no numbers.
        """
        try:
            found = read_histograms(text, self.file)
        except (ValueError, ArithmeticError) as error:
            raise bad_output(f"{self.file}: {printable(str(error))}") from None
        predictions = [self._prediction(name, found) for name in self.data]
        outputs = np.concatenate([each.values for each in predictions])
        variances = np.concatenate([each.variances for each in predictions])
        value, sem = self.loss.measured(outputs, variances)
        return Outcome(
            value=value,
            sem=sem,
            metrics=self._metrics(outputs, variances),
            outputs=outputs,
            outputs_variance=variances,
        )

    def observable_axes(self) -> list[ObservableAxes]:
        """Return the axes of the histograms, logarithmic where contents span decades."""
        return [_chart(name, histogram) for name, histogram in self.data.items()]

    def _prediction(self, name: str, found: Mapping[str, Histogram]) -> Histogram:
        if name not in found:
            there = ", ".join(map(printable, list(found)[:10]))
            raise bad_output(f"{self.file} has no {name}; it has {there}{', …' if len(found) > 10 else ''}")
        if not found[name].has_bins_of(self.data[name]):
            raise bad_output(
                f"{self.file}: {name} has other bins than the data "
                f"({len(found[name].low)} and {len(self.data[name].low)} of them)"
            )
        return found[name]

    def _metrics(self, outputs: Any, variances: Any) -> dict[str, float]:
        terms = (outputs - self.loss.data) ** 2 / (self.loss.floor + variances)
        stops = np.cumsum([len(each.low) for each in self.data.values()])
        means = [float(part.mean()) for part in np.split(terms, stops[:-1])]
        # a metric can be named in a constraint, so it is an identifier
        return {f"chi2_{_identifier(name)}": mean for name, mean in zip(self.data, means, strict=True)}


def _chart(name: str, histogram: Histogram) -> ObservableAxes:
    positive = histogram.values[histogram.values > 0.0]
    spans = bool(len(positive) > 1 and positive.max() > _DECADES * positive.min())
    is_positive = len(positive) == len(histogram.values)
    return ObservableAxes(
        name, histogram.low, histogram.high, x_label=PurePath(name).name, log_y=spans and is_positive
    )


def comparison(settings: Mapping[str, Any], folder: Path) -> Comparison:
    """Return the comparison that settings describe.

    Args:
        settings: data (paths of files of measured histograms), file (name of the program's file; its ending
            is the format), observables (names or patterns; all in the data if left out), weights ({name or
            pattern: weight}; later ones win, 1 for those left out), theory_uncertainty (relative, 0.05).
        folder: folder of relative data paths.

    Raises:
        ObjectiveError: an invalid setting.
    """
    if not isinstance(settings, Mapping) or "data" not in settings:
        raise ObjectiveError(f"command: histograms is {settings!r}; write {{data: reference.yoda}} at least")
    if unknown := sorted(settings.keys() - set(_SETTINGS)):
        raise ObjectiveError(
            f"command: histograms has no setting {unknown[0]!r}; it takes {', '.join(_SETTINGS)}"
        )
    file = settings.get("file", "histograms.yoda")
    if not isinstance(file, str) or PurePath(file).name != file or PurePath(file).suffix not in FORMATS:
        raise ObjectiveError(
            f"command: histograms: file is {file!r}; write a name that ends in one of {FORMATS}"
        )
    data = _chosen(_data(_strings("data", settings["data"]), folder), settings.get("observables"))
    identifiers = [_identifier(name) for name in data]
    if len(set(identifiers)) < len(identifiers):
        raise ObjectiveError(
            f"command: histograms: two of {list(data)} differ only in signs; choose one of them"
        )
    theory = settings.get("theory_uncertainty", 0.05)
    pairs = {name: (each.values, np.sqrt(each.variances)) for name, each in data.items()}
    try:
        loss = ChiSquare.of_observables(
            pairs, _weights(data, settings.get("weights") or {}), _number("theory_uncertainty", theory)
        )
    except ValueError as error:
        raise ObjectiveError(f"command: histograms: {error}") from error
    return Comparison(file, data, loss)


def _data(names: Sequence[str], folder: Path) -> dict[str, Histogram]:
    found: dict[str, Histogram] = {}
    for name in names:
        path = folder / name
        try:
            text = _text(path)
            more = read_histograms(text, name.removesuffix(".gz"))
        except (OSError, EOFError, ValueError) as error:
            raise ObjectiveError(
                f"command: histograms: the data {str(path)!r} cannot be read: {error}"
            ) from error
        if twice := sorted(found.keys() & more.keys()):
            raise ObjectiveError(f"command: histograms: {twice[0]} is in two of the data files {list(names)}")
        found |= more
    return found


def _text(path: Path) -> str:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return file.read()
    return path.read_text(encoding="utf-8")


def _chosen(data: Mapping[str, Histogram], observables: Any) -> dict[str, Histogram]:
    """Return the data selected by names or patterns, in their order."""
    if observables is None:
        return dict(data)
    chosen: dict[str, Histogram] = {}
    for pattern in _strings("observables", observables):
        matching = _matching(data, pattern)
        chosen |= {name: data[name] for name in matching}
    if not chosen:
        raise ObjectiveError("command: histograms: observables is empty; leave it out to take all")
    return chosen


def _weights(data: Mapping[str, Histogram], given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ObjectiveError(f"command: histograms: weights is {given!r}; write {{observable: weight}}")
    weights = dict.fromkeys(data, 1.0)
    for pattern, weight in given.items():
        for name in _matching(data, str(pattern)):
            weights[name] = _number(f"the weight of {pattern}", weight)
    return weights


def _matching(data: Mapping[str, Histogram], pattern: str) -> list[str]:
    pattern = pattern.removeprefix("/REF")
    matching = [name for name in data if name == pattern or fnmatchcase(name, pattern)]
    if not matching:
        raise ObjectiveError(f"command: histograms: {pattern!r} is none of the data's {', '.join(data)}")
    return matching


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")


def _strings(name: str, values: Any) -> list[str]:
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, Sequence) or not all(isinstance(each, str) for each in values):
        raise ObjectiveError(f"command: histograms: {name} is {values!r}; write a list of names")
    return list(values)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ObjectiveError(f"command: histograms: {name} is {value!r}; write a number, 0 or more")
    return float(value)
