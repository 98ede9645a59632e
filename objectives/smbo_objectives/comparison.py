"""Chi-square of the histograms that a program writes against measured ones, with the bins as outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.problem import LOST_BINS, ChiSquare, ObjectiveError, ObservableAxes, Outcome
from smbo_objectives.bin_weights import (
    chi_square,
    matching,
    read_weight_file,
    remark_on_bins,
    weights_of_bins,
)
from smbo_objectives.delimited import decoded
from smbo_objectives.histograms import Array, Histogram, as_predicted
from smbo_objectives.result_parsing import bad_output, printable
from smbo_objectives.tables import FORMATS, HistogramFile, ending_of, read_histograms

__all__ = ["Comparison", "comparison"]

_WHERE = "command: histograms"
_TWICE = "it is in two of the data files"
_WEIGHTS_LIMIT_BYTES = 10_000_000
_DECADES = 50.0  # a histogram that spans more is drawn on a logarithmic scale
_SETTINGS = ("data", "file", "observables", "weights", "theory_uncertainty")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Measured histograms and the loss that compares a program's with them.

    The value is the mean over observables of the mean over bins of w (y - d)² / (s² + (t d)² + e²), e being
    the prediction's own error.  An empty bin of the prediction has the error of one entry; one without a
    number (NaN) has no information, and means are over the others.

    Attributes:
        file: name of the file that the program writes.
        data: the measured histograms by name.
        loss: chi-square on all bins, observable after observable.
        remarks: on bins of the data that do not count, for the user.
    """

    file: str
    data: Mapping[str, Histogram]
    loss: ChiSquare
    remarks: Sequence[str] = ()

    def outcome(self, content: bytes) -> Outcome:
        """Return the outcome of the histograms that a program wrote.

        Returns:
            The value with its standard error; metrics ``chi2_<observable>``, mean over bins, and
            ``bins_without_information`` where there are any; outputs and their variances, shape (k,), an
            output without information being the datum with an error as large.

        Raises:
            EvaluationFailed: an observable is missing, has other bins than the data, or cannot be read, and
                has any weight; or no bin that has any weight holds a number.
        """
        try:
            found = read_histograms(content, self.file)
        except (ValueError, ArithmeticError) as error:
            raise bad_output(f"{self.file}: {printable(str(error))}") from None
        predictions = [self._prediction(name, found) for name in self.data]
        outputs = np.concatenate([each.values for each in predictions])
        variances = np.concatenate([each.variances for each in predictions])
        known = np.concatenate([each.known for each in predictions])
        try:
            loss, outputs, variances = self.loss.filled(outputs, variances)
        except ValueError as error:
            raise bad_output(f"{self.file}: {error}") from None
        value, sem = loss.measured(outputs, variances)
        return Outcome(
            value=value,
            sem=sem,
            metrics=self._metrics(known, outputs, variances),
            outputs=outputs,
            outputs_variance=variances,
        )

    def observable_axes(self) -> list[ObservableAxes]:
        """Return the axes of the histograms, logarithmic where contents span decades."""
        return [_chart(name, histogram) for name, histogram in self.data.items()]

    def _prediction(self, name: str, found: HistogramFile) -> Histogram:
        data = self.data[name]
        try:
            whole = found.named(name)
        except ValueError as error:
            return self._unused(name, f"{self.file} {printable(str(error))}")
        bins = whole.find_bins(data)
        if bins is None:
            return self._unused(
                name,
                f"{self.file}: {name} has other bins than the data "
                f"({len(whole.low)} and {len(data.low)} of them)",
            )
        return whole.with_errors_of_empty_bins().taken(bins)

    def _unused(self, name: str, why: str) -> Histogram:
        """Return bins without information for an observable of no weight; it is a failure of any other."""
        if self.loss.weights[self._bins()[name]].any():
            raise bad_output(why)
        data = self.data[name]
        unknown = np.full(len(data.low), np.nan)
        return replace(data, values=unknown, variances=unknown)

    def _bins(self) -> dict[str, slice]:
        stops = np.cumsum([len(each.low) for each in self.data.values()])
        return {
            name: slice(int(stop) - len(each.low), int(stop))
            for (name, each), stop in zip(self.data.items(), stops)
        }

    def _metrics(self, known: NDArray[np.bool_], outputs: Array, variances: Array) -> dict[str, float]:
        metrics = {}
        for name, bins in self._bins().items():
            counts = known[bins] & (self.loss.floor[bins] > 0.0)
            off = (outputs[bins] - self.loss.data[bins])[counts]
            # a metric can be named in a constraint, so it is an identifier
            if counts.any():
                full = (self.loss.floor[bins] + variances[bins])[counts]
                metrics[f"chi2_{_identifier(name)}"] = float((off**2 / full).mean())
        if lost := int((~known & (self.loss.weights > 0.0)).sum()):
            metrics[LOST_BINS] = float(lost)
        return metrics


def _chart(name: str, histogram: Histogram) -> ObservableAxes:
    known = histogram.values[histogram.known]
    positive = known[known > 0.0]
    spans = bool(len(positive) > 1 and positive.max() > _DECADES * positive.min())
    return ObservableAxes(
        name,
        histogram.low,
        histogram.high,
        x_label=PurePath(name).name,
        log_y=spans and len(positive) == len(known),
        bins=histogram.labels,
    )


def comparison(settings: Mapping[str, Any], folder: Path) -> Comparison:
    """Return the comparison that settings describe.

    Args:
        settings: data (paths of files of measured histograms), file (name of the program's file; its ending
            is the format), observables (names or patterns; all in the data if left out), weights ({name or
            pattern: weight}, of ranges and bins too, or the path of a weight file; see ``weights_of_bins``),
            theory_uncertainty (relative, 0.05).
        folder: folder of relative data paths.

    Raises:
        ObjectiveError: an invalid setting.
    """
    if not isinstance(settings, Mapping) or "data" not in settings:
        raise ObjectiveError(f"{_WHERE} is {settings!r}; write {{data: reference.yoda}} at least")
    if unknown := sorted(map(str, settings.keys() - set(_SETTINGS))):
        raise ObjectiveError(f"{_WHERE} has no setting {unknown[0]!r}; it takes {', '.join(_SETTINGS)}")
    file = settings.get("file", "histograms.yoda")
    if not isinstance(file, str) or PurePath(file).name != file or ending_of(file) not in FORMATS:
        raise ObjectiveError(
            f"{_WHERE}: file is {file!r}; write a name that ends in one of {FORMATS}, or in one with .gz"
        )
    every = _data(_strings("data", settings["data"]), folder)
    data = _chosen(every, settings.get("observables"))
    identifiers = [_identifier(name) for name in data]
    if len(set(identifiers)) < len(identifiers):
        raise ObjectiveError(f"{_WHERE}: two of {list(data)} differ only in signs; choose one of them")
    theory = _number("theory_uncertainty", settings.get("theory_uncertainty", 0.05))
    weights = weights_of_bins(_WHERE, data, _weights(settings.get("weights") or {}, folder))
    remarks = [
        *_remark_on_unreadable(every, settings.get("observables")),
        *remark_on_bins(data, weights, theory),
    ]
    try:
        loss = chi_square(data, weights, theory)
    except ValueError as error:
        raise ObjectiveError(f"{_WHERE}: {error}") from error
    return Comparison(file, data, loss, remarks)


def _data(names: Sequence[str], folder: Path) -> HistogramFile:
    found: dict[str, Histogram | str] = {}
    for name in names:
        path = folder / name
        try:
            more = read_histograms(path.read_bytes(), name)
        except (OSError, ValueError) as error:
            raise ObjectiveError(f"{_WHERE}: the data {str(path)!r} cannot be read: {error}") from error
        for observable, histogram in more.entries.items():
            found[observable] = _TWICE if observable in found else histogram
    return HistogramFile(found)


def _chosen(data: HistogramFile, observables: Any) -> dict[str, Histogram]:
    """Return the data selected by names or patterns, in their order.

    What is not chosen may be unreadable, and so may what is not chosen by its name.
    """
    readable = data.without_unreadable()
    chosen: dict[str, Histogram] = {}
    for pattern in ["*"] if observables is None else _strings("observables", observables):
        for name in matching(_WHERE, data, pattern):
            if name in readable:
                chosen[name] = readable[name]
            elif name == as_predicted(pattern) or data.entries[name] == _TWICE:
                raise ObjectiveError(f"{_WHERE}: {name} cannot be read: {data.entries[name]}")
    if not chosen:
        raise ObjectiveError(f"{_WHERE}: observables chooses none that can be read; leave it out to take all")
    return chosen


def _remark_on_unreadable(data: HistogramFile, observables: Any) -> list[str]:
    """Return a line on what was left out as unreadable although a pattern or all of the data asks for it."""
    patterns = ["*"] if observables is None else _strings("observables", observables)
    asked = {name for pattern in patterns for name in matching(_WHERE, data, pattern)}
    lost = [f"{name} ({why})" for name, why in data.entries.items() if name in asked and isinstance(why, str)]
    if not lost:
        return []
    shown = ", ".join(map(printable, lost[:3])) + (f", … ({len(lost)} in all)" if len(lost) > 3 else "")
    return [f"left out of the data, as it cannot be compared: {shown}"]


def _weights(given: Any, folder: Path) -> Any:
    """Return weights as they are given, or those in the file that is named."""
    if not isinstance(given, str):
        return given
    try:
        text = decoded((folder / given).read_bytes(), _WEIGHTS_LIMIT_BYTES)
    except (OSError, ValueError) as error:
        raise ObjectiveError(f"{_WHERE}: the weights {given!r} cannot be read: {error}") from error
    return read_weight_file(_WHERE, text)


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")


def _strings(name: str, values: Any) -> list[str]:
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, Sequence) or not all(isinstance(each, str) for each in values):
        raise ObjectiveError(f"{_WHERE}: {name} is {values!r}; write a list of names")
    return list(values)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ObjectiveError(f"{_WHERE}: {name} is {value!r}; write a number, 0 or more")
    return float(value)
