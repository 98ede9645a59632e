"""Promotion of trials to higher fidelities, early stopping, and their results as training data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from smbo.fidelity import (
    MedianStopping,
    Promotion,
    RungResults,
    at_target_fidelity,
    last_promotion,
    promotion,
)
from smbo.frozen import FrozenDict
from smbo.problem import Problem
from smbo.problem.hypervolume import fronts_first
from smbo.training_data import Array
from smbo.trial import LOST, Rung, Trial, TrialState

# What a rung has of a trial.
_MEASURED = ("value", "sem", "cost", "feasible", "metrics", "outputs", "outputs_variance")
_measured = attrgetter(*_MEASURED)

Reports: TypeAlias = Sequence[tuple[float, float]]  # (step, value) of one trial, in the user's sign, by step


def standings(problem: Problem, trials: Iterable[Trial]) -> list[RungResults]:
    """Return the results by fidelity of each trial that has any; infinite where it failed."""
    found = []
    trials = list(trials)
    known = _values_by_fidelity(problem, trials)
    for trial, values in zip(trials, known):
        if trial.state is TrialState.FAILED and trial.reason != LOST and trial.fidelity is not None:
            values[trial.fidelity] = math.inf
        if values:
            found.append(RungResults(trial.number, values, trial.state is TrialState.PAUSED))
    return found


def _values_by_fidelity(problem: Problem, trials: Sequence[Trial]) -> list[dict[float, float]]:
    """Return each trial's minimised values by fidelity, infinite where infeasible.

    Of several objectives it is the trial's place among all results at that fidelity, see ``fronts_first``.
    """
    results = [_by_fidelity(problem, trial) for trial in trials]
    goals = problem.multi_objective
    values = [
        {at: math.inf if result.feasible is False else _value(problem, result) for at, result in each.items()}
        for each in results
    ]
    if goals is None:
        return values
    for at in {level for each in results for level in each}:
        rows = [row for row, each in enumerate(values) if math.isfinite(each.get(at, math.inf))]
        order = fronts_first(goals.minimised([results[row][at].metrics for row in rows]))
        for place, row in enumerate(order):
            values[rows[row]][at] = float(place)
    return values


def _by_fidelity(problem: Problem, trial: Trial) -> dict[float, Rung | Trial]:
    """Return a trial's results by fidelity, ascending: those of its rungs, and its own if it is complete."""
    found: dict[float, Rung | Trial] = {rung.fidelity: rung for rung in trial.rungs}
    if trial.state is TrialState.COMPLETE and trial.value is not None and problem.fidelity is not None:
        found[problem.fidelity.high if trial.fidelity is None else trial.fidelity] = trial
    return found


def _value(problem: Problem, result: Rung | Trial) -> float:
    assert result.value is not None, "a complete trial has a value"
    return problem.sign * result.value


def results_by_fidelity(problem: Problem, trial: Trial) -> list[Trial]:
    """Return a trial's results, each as a trial complete at that fidelity, feasible or not; ascending."""
    return [
        trial.with_results(
            state=TrialState.COMPLETE, fidelity=at, rungs=(), **dict(zip(_MEASURED, _measured(result)))
        )
        for at, result in _by_fidelity(problem, trial).items()
    ]


def promotion_due(problem: Problem, trials: Iterable[Trial], *, is_closing: bool = False) -> Promotion | None:
    """Return which trial to promote to a higher fidelity, None if none qualifies.

    Args:
        is_closing: no new trials are to come, and no evaluation is running.
    """
    ladder = problem.multi_fidelity
    if ladder is None:
        return None
    decide = last_promotion if is_closing else promotion
    return decide(ladder.early_stopping, ladder.fidelity, standings(problem, trials))


def promoted(trial: Trial, decision: Promotion) -> Trial:
    """Return a paused trial as running at its next fidelity."""
    return replace(trial, state=TrialState.RUNNING, fidelity=decision.next_fidelity)


def ends_early(
    problem: Problem, number: int, reports: Mapping[int, Reports], trials: Iterable[Trial]
) -> bool:
    """Return whether early stopping prunes a trial after its latest report.

    Args:
        number: of the trial.
        reports: of all trials with reports, by number.
    """
    if not isinstance(problem.early_stopping, MedianStopping):
        return False

    def minimised(number: int) -> Reports:
        return [(step, problem.sign * value) for step, value in reports.get(number, ())]

    complete = [trial.number for trial in trials if trial.state is TrialState.COMPLETE]
    return problem.early_stopping.ends(minimised(number), map(minimised, complete))


def with_pruned(problem: Problem, trials: Sequence[Trial]) -> Sequence[Trial]:
    """Return trials with pruned ones as the median rule says of them: in the worse half.

    Each is complete with the middle of that half, the upper quartile of the feasible values.  Without it
    the next proposal would be the same point again.  Of vector outputs a pruned trial has none: it failed.
    """
    if not isinstance(problem.early_stopping, MedianStopping):
        return trials
    usable = [each for each in trials if each.state is TrialState.COMPLETE and each.feasible is not False]
    if not usable:
        return trials
    worse = problem.sign * float(np.quantile([_value(problem, each) for each in usable], 0.75))

    def known(trial: Trial) -> Trial:
        if problem.loss is not None:
            return replace(trial, state=TrialState.FAILED)
        return replace(trial, state=TrialState.COMPLETE, value=worse, sem=None, cost=None)

    return [known(each) if each.state is TrialState.PRUNED else each for each in trials]


def as_measured(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials of vector outputs, each complete with the outputs that it has so far.

    Outputs come with their errors, which weight a result of few events, so that it need not be moved to
    another fidelity; a trial that runs on to more events is not pending.
    """
    return [
        replace(trial, state=TrialState.COMPLETE)
        if trial.outputs is not None and trial.state in (TrialState.PAUSED, TrialState.RUNNING)
        else trial
        for trial in trials
    ]


def as_at_one_fidelity(problem: Problem, trials: Sequence[Trial]) -> list[Trial]:
    """Return trials as if each had been evaluated once, all at the same fidelity; see ``at_target_fidelity``.

    A trial with a feasible result at any fidelity is complete; while it runs at a higher one it is not
    pending.  Each objective, and each function of a level set, is moved by itself.
    """
    known = [
        {
            at: _quantities(problem, result)
            for at, result in _by_fidelity(problem, trial).items()
            if result.feasible is not False and trial.state is not TrialState.FAILED
        }
        for trial in trials
    ]
    told = [each for each in known if each]
    n_quantities = len(next(iter(told[0].values()))) if told else 0
    columns = [
        at_target_fidelity([{level: float(row[k]) for level, row in each.items()} for each in told])
        for k in range(n_quantities)
    ]
    moved = iter(zip(*columns))
    found = []
    for trial, told_at in zip(trials, known):
        if not told_at:
            # infeasible at every fidelity so far: complete, with its last value
            done = bool(trial.rungs) and trial.state is not TrialState.FAILED
            found.append(trial.with_results(state=TrialState.COMPLETE) if done else trial)
            continue
        last = trial.rungs[-1] if trial.rungs else None
        feasible = trial.feasible if last is None or trial.state is TrialState.COMPLETE else last.feasible
        changes = _changes(problem, trial, next(moved))
        found.append(trial.with_results(state=TrialState.COMPLETE, feasible=feasible, **changes))
    return found


def _quantities(problem: Problem, result: Rung | Trial) -> Sequence[float] | Array:
    """Return what is modelled of a result: its objectives, minimised, or the functions of a level set."""
    if problem.multi_objective is not None:
        return np.asarray(problem.multi_objective.minimised([result.metrics])[0])
    if problem.level_set is not None and result.outputs is not None:
        return result.outputs
    return (_value(problem, result),)


def _changes(problem: Problem, trial: Trial, quantities: Sequence[float]) -> dict[str, Any]:
    """Return what changes in a trial that has other ones, see ``_quantities``."""
    if problem.level_set is not None:
        outputs = np.array(quantities)
        outputs.flags.writeable = False
        return {"outputs": outputs}
    value = problem.sign * float(quantities[0])
    if problem.multi_objective is None:
        return {"value": value}
    goals = problem.multi_objective
    told = dict(zip(goals.names, (goals.signs * np.array(quantities)).tolist()))
    return {"value": value, "metrics": FrozenDict({**trial.metrics, **told})}
