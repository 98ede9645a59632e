"""Many results at once: points that were evaluated elsewhere, as trials of a study."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from smbo.errors import PointError, TellError
from smbo.judging import judge
from smbo.problem import Problem, Returned
from smbo.store.records import Result
from smbo.store.sql import SqlStore
from smbo.trials import Trial, TrialState

# In one transaction; others who write wait that long, some tenths of a second.
_PIECE = 5_000


def add_many(
    store: SqlStore,
    study: int,
    problem: Problem,
    seed_of: Callable[[int], int],
    points: Iterable[Mapping[str, Any]],
    results: Iterable[Returned | None],
) -> int:
    """Record results at points that were never asked for; see ``Study.add_many``."""
    done = 0
    pairs = zip(points, results, strict=True)
    while piece := list(itertools.islice(pairs, _PIECE)):
        checked = [_checked(problem, done + place, *pair) for place, pair in enumerate(piece)]
        store.add_many(study, [each[0] for each in checked], [each[1] for each in checked], seed_of)
        done += len(piece)
    return done


def _checked(
    problem: Problem, place: int, point: Mapping[str, Any], result: Returned | None
) -> tuple[Mapping[str, Any], Result]:
    try:
        known = problem.space.check(point)
        measured = _measured(problem, known, result)
    except (PointError, TellError) as error:
        raise type(error)(f"result {place} (from 0): {error}") from None
    return problem.space.point_to_json(known), measured


def _measured(problem: Problem, point: Mapping[str, Any], result: Returned | None) -> Result:
    if type(result) is float and math.isfinite(result):  # a million of these should not take minutes
        outcome = problem.outcome(result)
        if outcome.value is not None and outcome.sem is None and outcome.cost is None:
            feasible = problem.is_feasible(outcome)
            return Result(
                TrialState.COMPLETE, value=outcome.value, feasible=feasible, metrics=outcome.metrics
            )
    trial = Trial(-1, point, 0)  # number and seed come with the transaction
    if result is None:
        return Result.of(judge(problem, trial, status="failed"))
    return Result.of(judge(problem, trial, result))
