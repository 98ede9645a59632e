"""The log as a table: one row per trial, one column per parameter, value and property."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from smbo.problem import Problem
from smbo.space.categorical import Categorical
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
    character), or that begins with an apostrophe, is written behind an apostrophe, so that opening the
    file runs nothing.  Choices that would look the same (1 and "1") are written as JSON.
    ``smbo.problem.tables`` reads it all back.
    """
    from smbo.problem.tables import FORMULA_STARTS

    table = _as_cells(problem, columns(problem, trials))
    guarded = (*FORMULA_STARTS, "'")
    lines = [[_cell(name, guarded) for name in table]]
    lines += [[_cell(value, guarded) for value in row] for row in zip(*table.values())]
    # a carriage return (of a progress bar, in a reason) ends a line for readers, and csv does not quote it
    has_returns = any(isinstance(cell, str) and "\r" in cell for line in lines for cell in line)
    out = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if has_returns else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator="\n", quoting=quoting).writerows(lines)
    return out.getvalue()


def _as_cells(problem: Problem, table: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return columns with choices as text."""
    from smbo.problem.tables import PARAMETER, cell_text

    found = dict(table)
    for name, dimension in problem.space.dimensions.items():
        column = PARAMETER + name
        if isinstance(dimension, Categorical):
            found[column] = [
                None if value is None else cell_text(dimension, value) for value in table[column]
            ]
            if dimension.active_when is None and dimension.index(None) is not None:
                found[column] = [cell_text(dimension, value) for value in table[column]]
    return found


def _cell(value: Any, guarded: Sequence[str]) -> Any:
    is_guarded = isinstance(value, str) and value[:1] in guarded and value[:1]
    return "'" + value if is_guarded else value


def to_json(problem: Problem, trials: Sequence[Trial]) -> str:
    """Return the table as a JSON array of objects; null where nothing is known."""
    from smbo.problem.tables import PARAMETER

    choices = {
        PARAMETER + name: each
        for name, each in problem.space.dimensions.items()
        if isinstance(each, Categorical)
    }
    table = [
        {key: plain(_finite_or_text(choices.get(key), value)) for key, value in row.items()}
        for row in rows(problem, trials)
    ]
    return json.dumps(table, indent=1, allow_nan=False) + "\n"


def _finite_or_text(dimension: Categorical | None, value: Any) -> Any:
    """Return a choice that JSON has no number for (inf, nan) as text, and any other value as it is."""
    if dimension is None or not isinstance(value, float) or math.isfinite(value):
        return value
    from smbo.problem.tables import cell_text

    return cell_text(dimension, value)


def to_parquet(problem: Problem, trials: Sequence[Trial], path: str | Path) -> None:
    """Write the table as a Parquet file; choices are texts, as in CSV.

    Raises:
        ImportError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    import pyarrow  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from pyarrow import parquet  # type: ignore[import-not-found,import-untyped,unused-ignore]

    parquet.write_table(pyarrow.table(_as_cells(problem, columns(problem, trials))), path)


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: other types as text, NaN and infinity as null."""
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
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
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_pandas needs pandas, which is not installed; pip install 'smbo[pandas]', or take table()",
            name="pandas",
        ) from error

    return pd.DataFrame(columns(problem, trials)).set_index("number")


def best_trial(problem: Problem, trials: Iterable[Trial]) -> Trial | None:
    """Return the feasible trial with the best recorded value (the first of equals), None if there is none.

    It is in the present space.
    """
    found = feasible_trials(problem, trials)
    if not found:
        return None
    return min(found, key=lambda trial: (problem.sign * value_of(trial), trial.number))


def feasible_trials(problem: Problem, trials: Iterable[Trial]) -> list[Trial]:
    """Return the complete feasible trials in the present space."""
    found = (trial for trial in trials if trial.state is TrialState.COMPLETE and trial.feasible is not False)
    return [trial for trial in found if problem.space.is_present(trial.params)]


def value_of(trial: Trial) -> float:
    """Return the value of a complete trial."""
    assert trial.value is not None
    return trial.value
