"""The log as a table: one row per trial, one column per parameter, value and property."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from smbo.problem import Problem
from smbo.trial import Trial, TrialState


def columns(problem: Problem, trials: Sequence[Trial]) -> dict[str, list[Any]]:
    """Return the trials as columns of equal length, ordered by trial number.

    Missing values are None.  Parameters are named ``params.NAME`` and metrics ``metrics.NAME``,
    so that neither can hide another column; the value keeps the name that the problem gives it
    ("value" unless it has one), and so does each of several objectives.
    """
    ordered = sorted(trials, key=lambda trial: trial.number)
    objectives = () if problem.multi_objective is None else problem.multi_objective.names
    metrics = sorted({name for trial in ordered for name in trial.metrics} - set(objectives))
    table: dict[str, list[Any]] = {
        "number": [trial.number for trial in ordered],
        "state": [str(trial.state) for trial in ordered],
        "seed": [trial.seed for trial in ordered],
    }
    for name in problem.space.names:
        table[f"params.{name}"] = [trial.params.get(name) for trial in ordered]
    for name in objectives:
        table[_column(name)] = [trial.metrics.get(name) for trial in ordered]
    if not objectives:
        table[_column(problem.value_name)] = [trial.value for trial in ordered]
    table["sem"] = [trial.sem for trial in ordered]
    table["cost"] = [trial.cost for trial in ordered]
    table["feasible"] = [trial.feasible for trial in ordered]
    for name in metrics:
        table[f"metrics.{name}"] = [trial.metrics.get(name) for trial in ordered]
    table["fidelity"] = [trial.fidelity for trial in ordered]
    table["reason"] = [trial.reason for trial in ordered]
    return table


def _column(name: str) -> str:
    # an objective may be called "seed"; its column then says so
    taken = {"number", "state", "seed", "sem", "cost", "feasible", "fidelity", "reason"}
    return f"value.{name}" if name in taken else name


def rows(problem: Problem, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return the same table row by row."""
    table = columns(problem, trials)
    return [dict(zip(table, row)) for row in zip(*table.values())]


def to_csv(problem: Problem, trials: Sequence[Trial]) -> str:
    """Return the table as CSV with a header line; empty cells where nothing is known.

    A text that a spreadsheet would take for a formula (it begins with =, +, -, @ or a control
    character) is written behind an apostrophe, so that opening the file runs nothing.
    """
    table = columns(problem, trials)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(name) for name in table])
    writer.writerows([_cell(value) for value in row] for row in zip(*table.values()))
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def to_json(problem: Problem, trials: Sequence[Trial]) -> str:
    """Return the table as a JSON array of objects; null where nothing is known."""
    table = [{key: plain(value) for key, value in row.items()} for row in rows(problem, trials)]
    return json.dumps(table, indent=1, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: other types as text, NaN and infinity as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def to_pandas(problem: Problem, trials: Sequence[Trial]) -> Any:
    """Return the table as a pandas.DataFrame with the trial number as its index.

    Raises:
        ImportError: pandas is not installed.
    """
    import pandas as pd

    return pd.DataFrame(columns(problem, trials)).set_index("number")


def best_trial(problem: Problem, trials: Iterable[Trial]) -> Trial | None:
    """Return the feasible trial with the best recorded value (the first of equals), None if there is none."""
    found = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.feasible is not False]
    if not found:
        return None
    return min(found, key=lambda trial: (problem.sign * value_of(trial), trial.number))


def value_of(trial: Trial) -> float:
    """Return the value of a complete trial."""
    assert trial.value is not None
    return trial.value
