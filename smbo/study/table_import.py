"""Import trials from a table: one that `smbo export` wrote, or another program's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from smbo.errors import PointError, ProblemError, SmboError, TellError
from smbo.history.record import ToldResult, record_result
from smbo.plain_values import shown
from smbo.problem import Problem
from smbo.problem.outcome_constraints import sem_name
from smbo.problem.table_text import number_of
from smbo.problem.tables import METRIC, Table, point_of
from smbo.space import Derived
from smbo.space.categorical import Constant
from smbo.space.numeric import Removed
from smbo.store.records import Result, dump_json
from smbo.trial import Trial, TrialState

_UNFINISHED = ("running", "waiting")
_ENDS = ("failed", "cancelled", "pruned")


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what.

    Attributes:
        params: column by parameter.
        value: column of the value; None where metrics say it all.
        metrics: column by metric, the several objectives and the functions of a level set among them.
        sem, cost: columns; None without one.
        unused: the columns that nothing is taken from.
    """

    params: Mapping[str, str]
    value: str | None
    metrics: Mapping[str, str]
    sem: str | None
    cost: str | None
    unused: tuple[str, ...] = ()


@dataclass
class Imported:
    """What became of the rows of a table.

    Attributes:
        states: how many trials were added, by state.
        n_known: rows that the study has as trials already.
        repeated: places of rows with the point and result of an earlier row; they were added too.
        left_out: rows without a result to record, by reason: how many.
        refused: why each row that does not fit was refused, with its place.
        unused: columns that nothing was taken from.
    """

    states: Counter[str] = field(default_factory=Counter)
    n_known: int = 0
    repeated: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    unused: tuple[str, ...] = ()

    @property
    def n_added(self) -> int:
        """How many trials were added."""
        return sum(self.states.values())


def columns_of(
    problem: Problem,
    table: Table,
    *,
    value: str | None = None,
    params: Mapping[str, str] | None = None,
    metrics: Sequence[str] = (),
    sem: str | None = None,
    cost: str | None = None,
) -> Columns:
    """Return which columns of a table hold what.

    Args:
        value: column of the value; None for the one called as in the problem.
        params: column by parameter, for those that are called otherwise.
        metrics: more columns to take as metrics.
        sem, cost: columns of the standard error and the cost; None for "sem" and "cost", if there.

    Raises:
        ProblemError: a column that is needed or named is not there.
    """
    if params is not None and not isinstance(params, Mapping):
        raise ProblemError(f"params={shown(params)}: give the column by parameter, such as {{'x': 'column'}}")
    if isinstance(metrics, str):
        raise ProblemError(f"metrics={metrics!r}: give a list of columns, [{metrics!r}]")
    named = dict(params or {})
    if unknown := sorted(set(named) - set(problem.space.names)):
        there = ", ".join(problem.space.names)
        raise ProblemError(f"--params: {unknown[0]!r} is no parameter of the study; there are {there}")
    given = [*named.values(), *metrics, *(each for each in (value, sem, cost) if each is not None)]
    if missing := [each for each in given if each not in table.columns]:
        raise ProblemError(_lacks(table, missing[0]))
    found: dict[str, str] = {}
    for name, dimension in problem.space.dimensions.items():
        column = named.get(name) or table.column_of(name)
        if column is not None:
            found[name] = column
        elif not isinstance(dimension, Constant | Removed | Derived) and dimension.active_when is None:
            raise ProblemError(f"{_lacks(table, name)}; say which holds it, --params {name}=COLUMN")
    measured = _metric_columns(problem, table, metrics)
    at = value or table.metric_column(problem.value_name)
    if problem.multi_objective is not None or problem.level_set is not None:
        at = value
    elif at is None and problem.loss is None:
        raise ProblemError(f"{_lacks(table, problem.value_name)}; say which holds the value, --value COLUMN")
    if at is not None:
        if at in found.values():
            raise ProblemError(
                f"{table.name}: {at!r} is a parameter's column; say which holds the value, --value COLUMN"
            )
        measured = {name: column for name, column in measured.items() if column != at}
    taken = {*found.values(), *measured.values(), at}
    own = {"state", "reason", "fidelity", "number", "seed", "feasible"} if table.is_export else set()
    own |= {"state", "number"} if table.is_of_optuna else set()
    beside = {name: column if column else name for name, column in (("sem", sem), ("cost", cost))}
    known = {
        name: each if each in table.columns and each not in taken else None for name, each in beside.items()
    }
    taken |= {*known.values(), *own}
    if problem.level_set is not None and table.is_export:
        taken |= {problem.value_name}  # the distance follows from the functions
    unused = tuple(column for column in table.columns if column not in taken)
    return Columns(found, at, measured, known["sem"], known["cost"], unused)


def _metric_columns(problem: Problem, table: Table, more: Sequence[str]) -> dict[str, str]:
    """Return the columns of metrics: those of an export, those that the problem needs, and those named."""
    found = {column.removeprefix(METRIC): column for column in table.columns if column.startswith(METRIC)}
    needed = [name for formula in problem._constraints for name in sorted(formula.names)]
    objectives = [] if problem.multi_objective is None else [*problem.multi_objective.names]
    functions = [] if problem.level_set is None else [*problem.level_set.names]
    for name in [*objectives, *functions, *needed]:
        if name == problem.value_name and problem.multi_objective is None:
            continue
        column = table.metric_column(name)
        if column is None and name in (*objectives, *functions):
            raise ProblemError(_lacks(table, name))
        if column is not None:
            found[name] = column
            if (error := table.metric_column(sem_name(name))) is not None:
                found[sem_name(name)] = error
    return found | {column.removeprefix(METRIC): column for column in more}


def _lacks(table: Table, column: str) -> str:
    return f"{table.name}: no column is called {column!r}; there are {', '.join(table.columns) or 'none'}"


def import_table(study: Any, table: Table, columns: Columns) -> Imported:
    """Record the rows of a table as trials of a study; rows that do not fit are refused one by one.

    A row is there already where a trial has its point and its result, so that the same table may be
    imported again after a mend.  What the trials of a table were numbered is not kept.
    """
    problem: Problem = study.problem
    if problem.loss is not None:
        raise ProblemError(
            f"{table.name}: a table has no vector outputs, which the study's loss is computed from; copy the "
            "store, or tell outputs from Python, study.tell(point, outputs=…)"
        )

    def told() -> Iterator[tuple[str, Trial | str | SmboError]]:
        for row, place in zip(table.rows, table.places, strict=True):
            try:
                yield place, _told(problem, table, columns, row)
            except (PointError, TellError, ProblemError) as error:
                yield place, error

    return add_trials(study, told(), columns.unused)


def add_trials(
    study: Any, told: Iterable[tuple[str, Trial | str | SmboError]], unused: tuple[str, ...] = ()
) -> Imported:
    """Record finished trials of elsewhere that a study does not have yet, under new numbers.

    Args:
        told: where each is from, and the trial, or why it has no result to record, or does not fit.
        unused: see ``Imported``.
    """
    problem: Problem = study.problem
    known = Counter(
        _key(problem, trial.params, Result.of(trial)) for trial in study.trials if _has_ended(trial)
    )
    found = Imported(unused=unused)
    earlier: set[str] = set()
    checked: list[tuple[Mapping[str, Any], Result]] = []
    for place, trial in told:
        if isinstance(trial, str):
            found.left_out[trial] += 1
            continue
        if isinstance(trial, SmboError):
            found.refused.append(f"{place}: {str(trial).removeprefix('trial -1: ')}")
            continue
        result = Result.of(trial)
        key = _key(problem, trial.params, result)
        if known[key] > 0:
            known[key] -= 1
            found.n_known += 1
            continue
        if key in earlier:
            found.repeated.append(place)
        earlier.add(key)
        checked.append((problem.space.point_to_json(trial.params), result))
        found.states[str(trial.state)] += 1
    from smbo.study.bulk_import import add_results

    driver = study._driver
    add_results(driver.store, driver.id, driver.seed_of, checked)
    return found


def _has_ended(trial: Trial) -> bool:
    return trial.state.is_final or trial.state is TrialState.PAUSED


def _key(problem: Problem, params: Mapping[str, Any], result: Result) -> str:
    """Return what two trials have in common that are of the same evaluation."""
    measured = [result.state.value, result.value, result.sem, dict(sorted(result.metrics.items()))]
    return repr((dump_json(problem.space.point_to_json(params)), measured, result.reason))


def _told(problem: Problem, table: Table, columns: Columns, row: Mapping[str, Any]) -> Trial | str:
    """Return the trial of a row, or why it holds no result to record."""
    state = table.state_of(row)
    if state in _UNFINISHED:
        return f"still {state}"
    level = _number("fidelity", row.get("fidelity")) if table.is_export else None
    multi = problem.multi_fidelity
    is_below = multi is not None and level is not None and level < multi.fidelity.high
    if is_below or state == "paused":
        return "evaluated at a low fidelity only"
    trial = Trial(-1, point_of(problem.space, row, columns.params, is_typed=table.is_typed), 0)
    value = None if columns.value is None else _number(columns.value, row.get(columns.value))
    metrics = {
        name: number
        for name, column in columns.metrics.items()
        if (number := _number(column, row.get(column))) is not None
    }
    cost = None if columns.cost is None else _number(columns.cost, row.get(columns.cost))
    if state in _ENDS:
        given = ToldResult(value if state == "pruned" else None, None, cost, state, _text(row.get("reason")))
        return replace(record_result(problem, trial, given), metrics=metrics)
    if state != "complete":
        raise TellError(f"state={state!r} is none of a trial")
    if columns.value is not None and value is None:
        given = ToldResult(None, None, cost, "failed", "no value")
        return replace(record_result(problem, trial, given), metrics=metrics)
    sem = None if columns.sem is None else _number(columns.sem, row.get(columns.sem))
    result = metrics if value is None else {**metrics, problem.value_name: value}
    if problem.level_set is not None and value is not None:
        result = {**metrics, problem.level_set.names[0]: value}
    is_one = problem.multi_objective is None and problem.level_set is None
    told = record_result(problem, trial, ToldResult(result, sem if is_one else None, cost))
    # the value was told under its name, which need not have been among the metrics
    return replace(told, metrics=metrics) if is_one else told


def _text(cell: Any) -> str | None:
    return None if cell is None or cell == "" else str(cell)


def _number(name: str, cell: Any) -> float | None:
    """Return a cell as a number, None where it is empty."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise TellError(f"{name}={cell!r}: a number is needed")
    try:
        number = number_of(cell) if isinstance(cell, str) else float(cell)
    except (ValueError, OverflowError):
        raise TellError(f"{name}={cell!r}: a number is needed") from None
    return None if math.isnan(number) else number
