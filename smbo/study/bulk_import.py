"""Bulk import: record results of points that were evaluated elsewhere as trials of a study."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

from smbo.errors import PointError, TellError
from smbo.history.incremental import is_columnar
from smbo.history.record import ToldResult, record_result
from smbo.problem import Problem, Returned
from smbo.space import Integer, Real, Space
from smbo.store.records import Result
from smbo.store.roles import BulkRecords
from smbo.trial import Trial, TrialState

# Results in one transaction; other writers wait for it, some tenths of a second.
_PIECE = 5_000


def add_many(
    store: BulkRecords,
    study: int,
    problem: Problem,
    seed_of: Callable[[int], int],
    points: Iterable[Mapping[str, Any]],
    results: Iterable[Returned | None],
) -> int:
    """Record results at points that were never asked for; see ``Study.add_many``."""
    done = 0
    if hasattr(points, "to_dict"):  # a pandas.DataFrame, recognised without importing pandas
        points = points.to_dict("records")
    pairs = _paired(points, results)
    check = _Check(problem)
    while piece := list(itertools.islice(pairs, _PIECE)):
        checked = [check(done + place, *pair) for place, pair in enumerate(piece)]
        add_results(store, study, seed_of, checked)
        done += len(piece)
    return done


def _paired(points: Iterable[Any], results: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Return points with their results.

    Raises:
        TellError: there are more of one than of the other; before anything is recorded if they have lengths.
    """
    words = "as many results as points are needed, None for a failed evaluation"
    if isinstance(points, Sized) and isinstance(results, Sized) and len(points) != len(results):
        raise TellError(f"{len(points)} points and {len(results)} results: {words}")
    missing = object()
    for place, (point, result) in enumerate(itertools.zip_longest(points, results, fillvalue=missing)):
        if point is missing or result is missing:
            raise TellError(f"{'points' if point is missing else 'results'} end at {place} (from 0): {words}")
        yield point, result


def add_results(
    store: BulkRecords,
    study: int,
    seed_of: Callable[[int], int],
    checked: Sequence[tuple[Mapping[str, Any], Result]],
) -> None:
    """Record checked points, as JSON values, with their results."""
    for start in range(0, len(checked), _PIECE):
        piece = checked[start : start + _PIECE]
        store.add_many(study, [each[0] for each in piece], [each[1] for each in piece], seed_of)


class _Check:
    """Converts a point to JSON values, and its result to a Result.

    A million of them should not take minutes: finite floats at plain points of a plain problem take a
    short way, which gives the same as the full check.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._plain = plain_dimensions(problem.space)
        self._is_plain_value = is_columnar(problem)

    def __call__(
        self, place: int, point: Mapping[str, Any], result: Returned | None
    ) -> tuple[Mapping[str, Any], Result]:
        space = self._problem.space
        try:
            known = point if self._is_plain(point) else space.check(point)
            if self._is_plain_value and type(result) is float and math.isfinite(result):
                measured = Result(TrialState.COMPLETE, value=result, feasible=True)
            else:
                measured = _measured(self._problem, known, result)
        except (PointError, TellError) as error:
            raise type(error)(f"result {place} (from 0): {error}") from None
        return (known if known is point else space.point_to_json(known)), measured

    def _is_plain(self, point: Mapping[str, Any]) -> bool:
        """Return whether ``Space.check`` would give a point back as it is, its names in the same order."""
        plain = self._plain
        if plain is None or type(point) is not dict or len(point) != len(plain):
            return False
        for name, (known, kind, low, high) in zip(point, plain):
            value = point[name]
            if name != known or type(value) is not kind or not low <= value <= high:
                return False
        return True


def plain_dimensions(space: Space) -> list[tuple[str, Any, float, float]] | None:
    """Return name, type and bounds of all dimensions where no more has to be checked; else None."""
    if space.constraints:
        return None
    found: list[tuple[str, Any, float, float]] = []
    for name, each in space.dimensions.items():
        if not isinstance(each, Real | Integer) or each.step is not None or each.active_when is not None:
            return None
        found.append((name, float if isinstance(each, Real) else int, each.low, each.high))
    return found


def _measured(problem: Problem, point: Mapping[str, Any], result: Returned | None) -> Result:
    trial = Trial(-1, point, 0)  # number and seed come with the transaction
    told = ToldResult(status="failed") if result is None else ToldResult(result)
    return Result.of(record_result(problem, trial, told))
