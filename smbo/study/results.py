"""Make finished trials of the outcomes of jobs: results, unusable results, failures.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from smbo.errors import SmboError
from smbo.history.record import ToldResult, record_result
from smbo.problem import Problem
from smbo.study.evaluator import outcome_from_json
from smbo.trial import Trial, TrialState
from smbo_scheduler.jobs import JobOutcome, JobStatus

BAD_OUTPUT = "bad-output"


def concluded(problem: Problem, trial: Trial, outcome: JobOutcome) -> Trial:
    """Return a trial with its result; a result that the problem cannot use is a failure."""
    try:
        assert outcome.result is not None
        result = outcome.result
        if result.get("pruned"):
            return record_result(problem, trial, ToldResult(result["value"], status="pruned"))
        told = record_result(problem, trial, ToldResult(outcome_from_json(result)))
        # the next rung resumes from the evaluation's folder
        return replace(told, checkpoint=result.get("folder")) if told.state is TrialState.PAUSED else told
    except (SmboError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        # the same words for each trial, so that a hundred of them are one cause
        said = (
            str(error).removeprefix(f"trial {trial.number}: ")
            if isinstance(error, SmboError)
            else f"{error!r}"
        )
        left_out = (outcome.result or {}).get("left_out")
        if left_out:
            said += f" (no numbers: {', '.join(f'{name} = {value}' for name, value in left_out.items())})"
        bad = ToldResult(status="failed", reason=BAD_OUTPUT, error=said)
        unusable = record_result(problem, trial, bad)
        return replace(unusable, **_measured(outcome))


def _measured(outcome: JobOutcome) -> dict[str, Any]:
    """Return the metrics and the cost of an unusable result: they were paid for."""
    try:
        assert outcome.result is not None
        known = outcome_from_json(outcome.result)
    except (KeyError, TypeError, ValueError):
        return {}
    measured = {**({} if known.value is None else {"value": known.value}), **known.metrics}
    # metrics are numbers, whatever somebody else's worker has written
    numbers = {name: value for name, value in measured.items() if _is_number(value)}
    return {"metrics": numbers, "cost": known.cost if _is_number(known.cost) else None}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def failed(problem: Problem, trial: Trial, outcome: JobOutcome) -> Trial:
    """Return a trial whose evaluation failed for good."""
    reason = outcome.status.value if outcome.status is not JobStatus.ERROR else outcome.reason
    told = ToldResult(status="failed", reason=reason or "objective-error", error=outcome.error)
    return record_result(problem, trial, told)
