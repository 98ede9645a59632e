"""Validate a told result and set the trial's state: complete, paused, failed, pruned or cancelled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from smbo.errors import PointError, ProblemError, TellError
from smbo.plain_values import as_number, shown
from smbo.problem import Outcome, Problem, Returned, as_outcome
from smbo.problem.outcome_constraints import sem_name
from smbo.space.context import with_observed
from smbo.trial import Rung, Trial, TrialState


@dataclass(frozen=True)
class ToldResult:
    """The arguments of ``tell`` for a trial, unchecked; see ``Optimizer.tell``."""

    result: Returned | None = None
    sem: float | Mapping[str, float] | None = None
    cost: float | None = None
    status: str | None = None
    reason: str | None = None
    error: str | None = None
    outputs: Any = None
    covariance: Any = None
    context: Mapping[str, Any] | None = None


def record_result(problem: Problem, trial: Trial, told: ToldResult) -> Trial:
    """Return a trial with its result recorded.

    A value that is not finite makes the trial FAILED with the reason "non-finite".  A result below
    the highest fidelity makes it PAUSED: whether it is promoted is decided later, among others.
    A PRUNED trial keeps the last value that it reported, if that is given as the result.

    Raises:
        TellError: the result is of no known form, lacks a metric, or contradicts the status.
    """
    result, sem, cost, status, reason = told.result, told.sem, told.cost, told.status, told.reason
    if told.context is not None or (problem.context and isinstance(result, Mapping | Outcome)):
        trial = _as_observed(problem, trial, told)
    if told.outputs is not None:
        result = _of_outputs(trial, result, told.outputs, told.covariance)
    elif told.covariance is not None:
        raise TellError(f"trial {trial.number}: covariance without outputs")
    if status not in (None, "complete", "failed", "cancelled", "pruned"):
        raise TellError(f"status={status!r}: write 'complete', 'failed', 'pruned' or 'cancelled'")
    reason = _reason(trial, reason)
    if status == "pruned":
        return _pruned(trial, result, cost, reason)
    if status in ("failed", "cancelled"):
        if result is not None:
            raise TellError(f"trial {trial.number}: a result beside status={status!r}; tell one of them")
        state = TrialState.FAILED if status == "failed" else TrialState.CANCELLED
        # a value from a lower fidelity is no result of a failed trial; it stays among the trial's rungs
        ended = replace(trial, state=state, value=None, sem=None, feasible=None)
        return replace(ended, reason=reason or status, error=told.error, cost=_cost(trial, cost))
    if result is None:
        raise TellError(f"trial {trial.number}: no result; give a value, or status='failed'")
    if reason is not None:
        raise TellError(
            f"trial {trial.number}: reason={reason!r} beside a result; it goes with status='failed'"
        )
    if problem.multi_objective is not None and sem is not None and not isinstance(sem, Mapping):
        raise TellError(
            f"trial {trial.number}: sem={sem!r} beside several objectives; give {{name: standard error}}"
        )
    if isinstance(sem, Mapping) or (problem.level_set is not None and sem is not None):
        result, sem = _with_sems(trial, result, sem), None
    try:
        outcome = problem.outcome(result)
    except (ProblemError, TypeError, ValueError, OverflowError) as problem_error:
        raise TellError(f"trial {trial.number}: {problem_error}") from None
    return _recorded(problem, trial, outcome, sem, cost)


def _as_observed(problem: Problem, trial: Trial, told: ToldResult) -> Trial:
    """Return a trial at the context that was observed during its evaluation, told or among the metrics."""
    given = told.result.metrics if isinstance(told.result, Outcome) else told.result
    measured = {} if not isinstance(given, Mapping) else {n: given[n] for n in problem.context if n in given}
    if told.context is not None and not isinstance(told.context, Mapping):
        raise TellError(f"trial {trial.number}: context={shown(told.context)}; give {{name: value}}")
    try:
        observed = {**measured, **(told.context or {})}
        return replace(trial, params=with_observed(problem.space, problem.context, trial.params, observed))
    except PointError as error:
        raise TellError(f"trial {trial.number}: {error}") from None


def _reason(trial: Trial, reason: object) -> str | None:
    """Return the reason of a failure as text; that of an exception is its type and message."""
    if isinstance(reason, BaseException):
        return f"{type(reason).__name__}: {reason}".removesuffix(": ")
    if reason is not None and not isinstance(reason, str):
        raise TellError(f"trial {trial.number}: reason={shown(reason)}; a text or an exception is needed")
    return reason


def _of_outputs(trial: Trial, metrics: Returned | None, outputs: Any, covariance: Any) -> Outcome:
    """Return the outcome of a vector output, with the metrics given beside it."""
    if metrics is not None and not isinstance(metrics, Mapping):
        raise TellError(
            f"trial {trial.number}: a result beside outputs, {metrics!r}; the value follows from them. "
            "Metrics may be told beside them, {name: number}"
        )
    try:
        told = Outcome.of_outputs(outputs, covariance)
        beside = as_outcome(metrics or {})
        return replace(told, metrics=beside.metrics, sems=beside.sems)
    except (ProblemError, TypeError, ValueError) as error:
        raise TellError(f"trial {trial.number}: {error}") from None


def _with_sems(trial: Trial, result: Returned, sem: Any) -> Outcome:
    """Return a result with the standard error of its value, or those of its metrics by name."""
    try:
        outcome = as_outcome(result)
    except (ProblemError, TypeError, ValueError, OverflowError) as problem_error:
        raise TellError(f"trial {trial.number}: {problem_error}") from None
    if not isinstance(sem, Mapping):
        return replace(outcome, sem=_told_number(trial, "sem", sem))
    unknown = sorted(set(sem) - set(outcome.metrics))
    if unknown:
        raise TellError(f"trial {trial.number}: sem of {unknown}, which the result lacks")
    return replace(outcome, sems={name: _told_number(trial, f"sem of {name}", e) for name, e in sem.items()})


def _recorded(
    problem: Problem, trial: Trial, outcome: Outcome, sem: float | None, cost: float | None
) -> Trial:
    """Return the trial as complete, or as failed where a number is not finite."""
    value = outcome.value
    assert value is not None  # problem.outcome fills it in
    sem = outcome.sem if sem is None else _told_number(trial, "sem", sem)
    cost = _cost(trial, outcome.cost if cost is None else cost)
    sems = (
        [outcome.metrics.get(sem_name(name)) for name in problem.multi_objective.names]
        if problem.multi_objective
        else [sem]
    )
    for each in sems:
        _check_sem(trial, each)
    measured = replace(
        trial,
        cost=cost,
        metrics=outcome.metrics,
        outputs=outcome.outputs,
        outputs_variance=outcome.outputs_variance,
    )
    if unknown := problem.unmeasured(outcome):
        said = ", ".join(f"{name}=nan" for name in unknown)
        return replace(measured, state=TrialState.FAILED, value=None, reason="non-finite", error=said)
    if not math.isfinite(value) or any(each is not None and not math.isfinite(each) for each in sems):
        is_one = problem.multi_objective is None and problem.level_set is None
        said = f"value={value!r}, sem={sem!r}" if is_one else f"{dict(outcome.metrics)!r}"
        return replace(measured, state=TrialState.FAILED, value=None, reason="non-finite", error=said)
    feasible = problem.is_feasible(outcome)
    told = replace(measured, state=TrialState.COMPLETE, value=value, sem=sem, feasible=feasible)
    if not problem.is_below_the_highest(trial.fidelity):
        return told
    assert trial.fidelity is not None
    rung = Rung(
        trial.fidelity,
        value,
        sem,
        cost,
        feasible,
        trial.token,
        told.metrics,
        told.outputs,
        told.outputs_variance,
    )
    return replace(told, state=TrialState.PAUSED, rungs=(*trial.rungs, rung))


def _check_sem(trial: Trial, sem: float | None) -> None:
    if sem is not None and sem < 0:
        raise TellError(f"trial {trial.number}: sem={sem!r} is negative; it is a standard error")


def _pruned(trial: Trial, result: Returned | None, cost: float | None, reason: str | None) -> Trial:
    """Return a trial that ended early, with the last value it reported where one is given."""
    told = replace(trial, state=TrialState.PRUNED, reason=reason or "pruned", cost=_cost(trial, cost))
    if result is None:
        return told
    try:
        value = as_outcome(result).value
    except (ProblemError, TypeError, ValueError, OverflowError) as problem_error:
        raise TellError(f"trial {trial.number}: {problem_error}") from None
    if value is None or not math.isfinite(value):
        return told
    return replace(told, value=value)


def _cost(trial: Trial, cost: float | None) -> float | None:
    if cost is None:
        return None
    cost = _told_number(trial, "cost", cost)
    if not (math.isfinite(cost) and cost >= 0):
        raise TellError(f"trial {trial.number}: cost={cost!r}; a finite number from 0 up is needed")
    return cost


def checked_report(trial: Trial, step: Any, value: Any) -> tuple[float, float]:
    """Return step and intermediate value as floats; a value may be NaN or infinite.

    Raises:
        TellError: one is no number, or the step is not finite.
    """
    told = _told_number(trial, "step", step), _told_number(trial, "an intermediate value", value)
    if not math.isfinite(told[0]):
        raise TellError(f"trial {trial.number}: step={told[0]!r}; a finite number is needed")
    return told


def _told_number(trial: Trial, name: str, value: Any) -> float:
    try:
        return as_number(value)
    except ValueError as error:
        raise TellError(f"trial {trial.number}: {name}={shown(value)}; {error}") from None
