"""Weights of observables, of ranges of their bins and of single bins; bins that cannot count.

In a job a weight goes to an observable, to a range of its axis, or to a bin, in the notation of Professor's
weight files (arXiv:0907.2973): ``/ANALYSIS/d01-x01-y01 2``, ``/ANALYSIS/d01-x01-y01@0.1:0.5 2``,
``/ANALYSIS/d01-x01-y01#3 2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smbo.problem import ChiSquare, ObjectiveError
from smbo_objectives.delimited import close_to, number
from smbo_objectives.histograms import Array, Histogram, as_predicted

__all__ = ["chi_square", "countable", "matching", "read_weight_file", "remark_on_bins", "weights_of_bins"]

_RANGE = re.compile(r"(?P<from>[^:]*)(?P<colon>:?)(?P<to>[^:]*)")


def weights_of_bins(where: str, data: Mapping[str, Histogram], given: Any) -> dict[str, Array]:
    """Return the weights of all bins by observable, 1 where none is given.

    Args:
        where: of the setting, for messages.
        data: the measured histograms.
        given: weights by name or pattern, the later ones winning.  A name may end in ``@lo:hi`` (bins whose
            centre is in the range; ``@x`` the bin that holds x) or ``#i:j`` (bins i to j - 1, the first being
            0; ``#i`` one bin); or a weight may be a mapping of such ranges, ``{"0.1:0.5": 2}``.

    Raises:
        ObjectiveError: an unknown name, a range without bins, or a weight that is not a number from 0 up.
    """
    if not isinstance(given, Mapping):
        raise ObjectiveError(f"{where}: weights is {given!r}; write {{observable: weight}}")
    weights = {name: np.ones(len(each.low)) for name, each in data.items()}
    for target, weight in _single(where, given):
        target = as_predicted(target)
        # a name may hold @ or # itself
        names = [target] if target in data else re.split(r"[@#](?=[^@#/]*$)", target)
        for name in matching(where, data, names[0]):
            chosen = np.ones(len(data[name].low), dtype=np.bool_)
            if len(names) > 1:
                chosen = _chosen(where, target, data[name])
            weights[name] = np.where(chosen, weight, weights[name])
    return weights


def _single(where: str, given: Mapping[Any, Any]) -> Iterator[tuple[str, float]]:
    """Yield name and weight, one a range."""
    for target, weight in given.items():
        if not isinstance(weight, Mapping):
            yield str(target), _weight(where, target, weight)
            continue
        for part, each in weight.items():
            mark = "" if str(part).startswith(("@", "#")) else "@"
            yield f"{target}{mark}{part}", _weight(where, f"{target}, {part}", each)


def _weight(where: str, target: object, weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
        raise ObjectiveError(f"{where}: the weight of {target} is {weight!r}; write a number, 0 or more")
    return float(weight)


def _chosen(where: str, target: str, histogram: Histogram) -> NDArray[np.bool_]:
    """Return which bins a range at the end of a name chooses."""
    at = max(target.rfind("@"), target.rfind("#"))
    found, is_number = _RANGE.fullmatch(target[at + 1 :]), target[at] == "#"
    assert found is not None or target[at + 1 :].count(":") > 1
    if found is None:
        raise ObjectiveError(f"{where}: weights: {target!r} has more than one colon; write @lo:hi")
    ends = [_end(where, target, found[word]) for word in ("from", "to")]
    place = np.arange(len(histogram.low), dtype=np.float64)
    if is_number:
        first = -np.inf if ends[0] is None else ends[0]
        last = np.inf if ends[1] is None else ends[1]
        chosen = (place >= first) & (place < last) if found["colon"] else place == first
    elif found["colon"]:
        centre = 0.5 * (histogram.low + histogram.high)
        chosen = (centre >= (-np.inf if ends[0] is None else ends[0])) & (
            centre <= (np.inf if ends[1] is None else ends[1])
        )
    else:
        chosen = (histogram.low <= (ends[0] or 0.0)) & ((ends[0] or 0.0) < histogram.high)
    if not chosen.any():
        raise ObjectiveError(
            f"{where}: weights: {target!r} chooses no bin; there are {len(place)}, from {histogram.low[0]:g} "
            f"to {histogram.high[-1]:g}"
        )
    return np.asarray(chosen)


def _end(where: str, target: str, text: str) -> float | None:
    try:
        return number(text) if text.strip() else None
    except ValueError as error:
        raise ObjectiveError(f"{where}: weights: {target!r}: {error}") from None


def read_weight_file(where: str, text: str) -> dict[str, float]:
    """Return the weights of a text in Professor's notation: a name and a weight a line, # before a remark.

    Raises:
        ObjectiveError: a line is not of that form.
    """
    found = {}
    for line_number, line in enumerate(text.splitlines(), 1):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if not words:
            continue
        try:
            name, weight = words
            found[name] = number(weight)
        except ValueError:
            raise ObjectiveError(
                f"{where}: line {line_number} of the weight file is {line.strip()[:80]!r}; "
                "write a name and a weight"
            ) from None
    return found


def matching(where: str, names: Mapping[str, object], pattern: str) -> list[str]:
    """Return the names that are a name, or fit a pattern with * and ?.

    Raises:
        ObjectiveError: there is none.
    """
    pattern = as_predicted(pattern)
    found = [name for name in names if name == pattern or fnmatchcase(name, pattern)]
    if not found:
        raise ObjectiveError(
            f"{where}: {pattern!r} is none of the data's observables; {close_to(pattern, names)}"
        )
    return found


def chi_square(data: Mapping[str, Histogram], weights: Mapping[str, Array], theory: float) -> ChiSquare:
    """Return the mean over observables of the mean of weight times squared pull over the bins that count.

    A bin that cannot count has weight 0: one of unknown content or error, or without any error.  An
    observable without a bin that counts has none either.

    Raises:
        ValueError: no bin has any weight, or a theory uncertainty that is not from 0 up.
    """
    if not any((countable(each, theory) & (weights[name] > 0.0)).any() for name, each in data.items()):
        lost = "; ".join(remark_on_bins(data, weights, theory)) or "give some weight above 0"
        raise ValueError(f"no bin of the data counts: {lost}")
    pairs = {name: (each.values, np.sqrt(each.variances)) for name, each in data.items()}
    counting = {name: np.where(countable(each, theory), weights[name], 0.0) for name, each in data.items()}
    return ChiSquare.of_observables(pairs, counting, theory)


def countable(histogram: Histogram, theory: float) -> NDArray[np.bool_]:
    """Return which bins of measured data can count, shape (b,)."""
    full = histogram.variances + (theory * histogram.values) ** 2
    return np.asarray(histogram.known & (full > 0.0))


def remark_on_bins(
    data: Mapping[str, Histogram], weights: Mapping[str, Array], theory: float
) -> Sequence[str]:
    """Return a line on the bins that do not count although they have a weight, if there are any."""
    parts = []
    for name, each in data.items():
        lost = int((~countable(each, theory) & (weights[name] > 0.0)).sum())
        if lost:
            parts.append(f"{lost} of {len(each.low)} in {name}")
    if not parts:
        return []
    shown = ", ".join(parts[:5]) + (f", … ({len(parts)} observables)" if len(parts) > 5 else "")
    return [f"bins of the data that do not count, with no error at all or no number: {shown}"]
