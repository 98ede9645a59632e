"""What all bars of this folder share: evaluations, fresh check evaluations, rows that are kept."""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before numpy is imported: one thread, as the tables say

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import numpy as np
from kept_rows import append_row, read_rows

from smbo import Optimizer, Problem
from smbo.problem import Context, Outcome
from smbo.proposal.suggest import trial_seed
from smbo.trial import Trial
from smbo_objectives.pythia_ee import PythiaEE

HERE = Path(__file__).parent
ROWS = HERE / "rows.jsonl.gz"  # of all tables, each row with the name of its table
CACHE = HERE / "cache"  # outputs of long runs: made again from their seeds where they are missing
# Studies have seeds from 0 up; what checks their recommendations draws from elsewhere.
_CHECKS = 10**6


class Clock:
    """Says when to stop: runs are made in pieces, each of which goes on where the last one ended."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60.0 * minutes

    def stop_before(self, seconds: float) -> None:
        """End the program if what comes next takes longer than there is time."""
        if time.monotonic() + seconds > self.end:
            print("time is up: the same command goes on from here", flush=True)
            sys.exit(3)


def evaluated(objective: PythiaEE, point: Mapping[str, Any], seed: int, events: int) -> Outcome:
    """Return the outcome of so many events at a point."""
    return objective.evaluate(point, Context(seed=seed, fidelity=events))


def fresh_seed(group: int, number: int) -> int:
    """Return a seed that no study's trial has, for the n-th evaluation that checks something."""
    return trial_seed(_CHECKS + group, number)


def cached(
    name: str,
    objective: PythiaEE,
    point: Mapping[str, Any],
    seed: int,
    events: int,
    folder: Path = CACHE,
) -> Outcome:
    """Return the outcome of an evaluation, from the cache where it was made before.

    So a study that is cut off goes on with its next evaluation: the same results make the same proposals.
    """
    path = folder / f"{name}.npz"
    where = np.array([*point.values(), seed, events], dtype=np.float64)
    if path.is_file():
        kept = np.load(path)
        if np.array_equal(kept["where"], where):
            value, sem = float(kept["value"]), float(kept["sem"])
            return Outcome(value=value, sem=sem, outputs=kept["y"], outputs_variance=kept["v"])
    found = evaluated(objective, point, seed, events)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            y=found.outputs,
            v=found.outputs_variance,
            value=found.value,
            sem=found.sem,
            where=where,
        )
    part.replace(path)
    return found


def kept_trials(problem: Problem, folder: Path) -> tuple[Trial, ...]:
    """Return the evaluations that are kept in a folder as finished trials of a problem."""
    told = Optimizer(problem, seed=0)
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as kept:
            point = dict(zip(problem.space.names, kept["where"][:-2].tolist(), strict=True))
            told.tell(point, Outcome(outputs=kept["y"], outputs_variance=kept["v"]))
    return told.trials


def rows(table: str) -> list[dict[str, Any]]:
    """Return the kept rows of a table."""
    return [row for row in read_rows(ROWS) if row.pop("table") == table]


def keep(table: str, row: Mapping[str, Any]) -> None:
    """Append a row to a table and print it."""
    append_row(ROWS, {"table": table, **rounded(row)})
    print(table, json.dumps(rounded(row))[:240], flush=True)


def rounded(value: Any) -> Any:
    """Return a value with its numbers short enough to read."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list | tuple) else value


def numbers(text: str) -> Iterator[int]:
    """Yield the whole numbers of "0-4" or "1,3"."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
