"""Check a stored study as a whole: its problem and recipe can be read, and its trials fit the problem."""

from __future__ import annotations

from collections.abc import Iterator

from smbo.errors import DamagedStore, SmboError
from smbo.problem import Outcome, Problem
from smbo.store.records import DAMAGES, StudyRecord
from smbo.store.store import SqlStore
from smbo.study.load import problem_and_recipe
from smbo.trial import Trial, TrialState

Faults = Iterator[tuple[str, str]]  # what is checked in common, and the fault in words


def study_faults(store: SqlStore, name: str) -> Faults:
    """Yield what is wrong with a study whose rows hold what they should."""
    try:
        record, trials = store.changes(name, 0)
    except DamagedStore as error:
        yield "rows", str(error)
        return
    if not record.problem:  # kept for its log alone: there is nothing that trials are to fit
        return
    try:
        problem, _ = problem_and_recipe(record)
    except SmboError as error:
        yield "problem", str(error)
        return
    yield from _trials_faults(problem, record, trials)


def _trials_faults(problem: Problem, record: StudyRecord, trials: list[Trial]) -> Faults:
    n_outputs: int | None = None
    for trial in trials:
        place = f"study {record.name}, trial {trial.number}"
        try:
            point = problem.space.point_from_json(dict(trial.params))
            if not problem.space.earlier:  # else it may be of an earlier one
                problem.space.check(point)
        except (SmboError, *DAMAGES) as error:
            yield "params", f"{place}: its point is not of the space ({_text(error)})"
        if trial.rung is not None and trial.fidelity is None:
            yield "fidelity", f"{place}: it is at rung {trial.rung}, and its fidelity is empty"
        if trial.state is not TrialState.COMPLETE:
            continue
        n_outputs = len(trial.outputs) if n_outputs is None and trial.outputs is not None else n_outputs
        if trial.outputs is not None and len(trial.outputs) != n_outputs:
            yield "outputs", f"{place}: it has {len(trial.outputs)} outputs, another {n_outputs}"
        told = Outcome(
            value=trial.value,
            metrics=trial.metrics,
            outputs=trial.outputs,
            outputs_variance=trial.outputs_variance,
        )
        try:
            problem.outcome(told)
        except (SmboError, *DAMAGES) as error:
            yield "result", f"{place}: its result is not one of the problem ({_text(error)})"


def _text(error: BaseException) -> str:
    return str(error) if isinstance(error, SmboError) else f"{type(error).__name__}: {error}"
