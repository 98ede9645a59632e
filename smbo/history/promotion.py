"""Promotion of trials to higher fidelities, early stopping, and their results as training data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from smbo.fidelity import (
    MedianStopping,
    Promotion,
    RungResults,
    at_target_fidelity,
    last_promotion,
    promotion,
)
from smbo.problem import Problem
from smbo.training_data import Array, FidelityResults
from smbo.trial import LOST, Trial, TrialState

Reports: TypeAlias = Sequence[tuple[float, float]]  # (step, value) of one trial, in the user's sign, by step


def standings(problem: Problem, trials: Iterable[Trial]) -> list[RungResults]:
    """Return the results by fidelity of each trial that has any; infinite where it failed."""
    found = []
    for trial in trials:
        values = _values(problem, trial)
        if trial.state is TrialState.FAILED and trial.reason != LOST and trial.fidelity is not None:
            values[trial.fidelity] = math.inf
        if values:
            found.append(RungResults(trial.number, values, trial.state is TrialState.PAUSED))
    return found


def _values(problem: Problem, trial: Trial) -> dict[float, float]:
    """Return a trial's minimised values by fidelity, infinite where infeasible."""
    values = {rung.fidelity: problem.sign * rung.value if rung.feasible else math.inf for rung in trial.rungs}
    if trial.state is TrialState.COMPLETE and trial.value is not None:
        high = problem.fidelity.high if problem.fidelity else math.nan
        at = trial.fidelity if trial.fidelity is not None else high
        values[at] = problem.sign * trial.value if trial.feasible is not False else math.inf
    return values


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

    A trial with a result at any fidelity is complete; while it runs at a higher one it is not pending.
    """
    found = []
    known = []
    for trial in trials:
        values = _values(problem, trial) if trial.state is not TrialState.FAILED else {}
        known.append({level: value for level, value in values.items() if math.isfinite(value)})
    told = [values for values in known if values]
    moved = iter(at_target_fidelity(told)) if told else iter(())
    for trial, values in zip(trials, known):
        if not values:
            # infeasible at every fidelity so far: complete, with its last value
            done = bool(trial.rungs) and trial.state is not TrialState.FAILED
            found.append(replace(trial, state=TrialState.COMPLETE) if done else trial)
            continue
        value = problem.sign * float(next(moved))
        last = trial.rungs[-1] if trial.rungs else None
        feasible = trial.feasible if last is None or trial.state is TrialState.COMPLETE else last.feasible
        found.append(replace(trial, state=TrialState.COMPLETE, value=value, feasible=feasible))
    return found


def curves(problem: Problem, trials: Iterable[Trial], unit_points: Array) -> FidelityResults | None:
    """Return the results of trials at each fidelity, None without promotion or results.

    Args:
        trials: by number.
        unit_points: of the trials, shape (n, d).
    """
    if problem.multi_fidelity is None:
        return None
    rows = [
        (trial.number, row, level, value, sem)
        for row, trial in enumerate(trials)
        for level, value, sem in _results(problem, trial)
    ]
    if not rows:
        return None
    numbers, places, levels, values, sems = (np.array(column) for column in zip(*rows))
    fidelity = problem.multi_fidelity.fidelity
    return FidelityResults(
        numbers=numbers.astype(np.int64),
        points=unit_points[places],
        fidelity_gaps=np.array([fidelity.fidelity_gap(level) for level in levels]),
        values=problem.sign * values,
        variances=sems**2,
        noise_growth=np.array([fidelity.noise_growth(level) for level in levels]),
    )


def _results(problem: Problem, trial: Trial) -> list[tuple[float, float, float]]:
    """Return a trial's fidelities, values and standard errors (NaN where unknown), feasible or not."""
    told = [(each.fidelity, each.value, each.sem) for each in trial.rungs]
    if trial.state is TrialState.COMPLETE and trial.value is not None and problem.fidelity is not None:
        at = problem.fidelity.high if trial.fidelity is None else trial.fidelity
        told.append((at, trial.value, trial.sem))
    return [(level, value, math.nan if sem is None else sem) for level, value, sem in told]
