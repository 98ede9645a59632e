"""Record intermediate values, promotions to the next rung, and prunings."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from smbo.errors import DamagedStore, StoreError
from smbo.frozen import FrozenDict
from smbo.store import schema
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget, check_budget
from smbo.store.change_feed import change_attempt, lock, move_trial, note, spent, trial_row
from smbo.store.leases import leader
from smbo.store.records import ReportRecord, StaleProposal, load_trial, load_variance, load_vector
from smbo.store.tell import attempt_row
from smbo.trial import Rung, Trial, TrialState

_REPORT, _ATTEMPT = schema.report.c, schema.attempt.c

_MOST_NUMBERS = 500  # in one statement: databases limit its parameters


def report(connection: Connection, study: int, number: int, token: int, step: float, value: float) -> bool:
    """Record an intermediate value; return whether its attempt is to continue.

    The first value of a step stands; it may be reported any number of times.

    Raises:
        UnknownTrial: there is no such trial, or no such attempt at it.
        StoreError: the step is no finite number.
    """
    if not math.isfinite(step):
        raise StoreError(f"report: step={step!r}; a finite number is needed")
    lock(connection, study)
    attempt = attempt_row(connection, study, trial_row(connection, study, number), token)
    assert attempt is not None
    known = connection.scalar(
        select(_REPORT.seq).where(
            _REPORT.study == study, _REPORT.number == number, _REPORT.token == token, _REPORT.step == step
        )
    )
    if known is None:
        seq = note(connection, study, "report", number, token, {"step": step})
        connection.execute(
            insert(schema.report).values(
                study=study,
                number=number,
                token=token,
                step=step,
                value=None if math.isnan(value) else value,
                seq=seq,
                created=time.time(),
            )
        )
    return attempt.outcome is None


def note_reports(
    connection: Connection, study: int, number: int, token: int, values: Sequence[tuple[float, float]]
) -> None:
    """Record intermediate values (step, value) of one attempt in one go; see ``report``."""
    for step, value in values:
        if math.isfinite(step):  # others are dropped: the objective cannot correct them any more
            report(connection, study, number, token, step, value)


def reports(connection: Connection, study: int, cursor: int, number: int | None) -> list[ReportRecord]:
    """Return the reports after a sequence number in their order; of one trial, or of all."""
    query = select(schema.report).where(_REPORT.study == study, _REPORT.seq > cursor).order_by(_REPORT.seq)
    if number is not None:
        query = query.where(_REPORT.number == number)
    return [
        ReportRecord(row.number, row.token, row.step, math.nan if row.value is None else row.value, row.seq)
        for row in connection.execute(query)
    ]


def with_rungs(connection: Connection, study: int, trials: Sequence[Trial]) -> list[Trial]:
    """Return trials with their results at the rungs below the highest, read from their attempts."""
    climbing = [trial.number for trial in trials if trial.rung is not None]
    if not climbing:
        return list(trials)
    found: dict[int, list[Rung]] = {}
    for first in range(0, len(climbing), _MOST_NUMBERS):
        rows = connection.execute(
            select(schema.attempt)
            .where(
                _ATTEMPT.study == study,
                _ATTEMPT.number.in_(climbing[first : first + _MOST_NUMBERS]),
                _ATTEMPT.result.is_not(None),
                _ATTEMPT.outcome.in_((AttemptOutcome.PAUSED.value, AttemptOutcome.LATE.value)),
            )
            .order_by(_ATTEMPT.fidelity)
        )
        for row in rows:
            if row.rung is None and row.fidelity is None:
                continue  # it was paused by hand, before its trial had a fidelity
            if row.fidelity is None or row.value is None:
                raise DamagedStore(
                    f"attempt {row.token} of trial {row.number}: it ended at a rung, and its fidelity or its "
                    "value is empty"
                )
            found.setdefault(row.number, []).append(_rung(row))
    return [replace(trial, rungs=tuple(found.get(trial.number, ()))) for trial in trials]


def _rung(row: Row[Any]) -> Rung:
    """Return the result of an attempt below the highest fidelity."""
    told = json.loads(row.result)
    outputs, variance = (
        None if told.get(name) is None else bytes.fromhex(told[name])
        for name in ("outputs", "outputs_variance")
    )
    metrics = FrozenDict({name: float(value) for name, value in told["metrics"].items()})
    feasible = bool(told["feasible"])
    return Rung(
        row.fidelity,
        row.value,
        row.sem,
        row.cost,
        feasible,
        row.token,
        metrics,
        load_vector(outputs),
        load_variance(outputs, variance),
    )


def promote(
    connection: Connection,
    study: int,
    number: int,
    fidelity: float,
    rung: int,
    *,
    priority: int | None = None,
    why: Mapping[str, Any] | None = None,
    epoch: int | None = None,
    watermark: int | None = None,
) -> Trial:
    """Promote a paused trial: it waits for its next rung, where the next ask restarts it under a new token.

    Repeating the same promotion changes nothing.

    Args:
        priority: among those that wait; by default the higher rung goes first.
        why: the training data, kept with the event.
        epoch: of the caller's leadership; None where there is one driver only.
        watermark: sequence number of the last change that the decision takes into account.

    Raises:
        StaleProposal: another trial was promoted after the watermark; decide anew.
        BudgetExhausted: the study's cost or units of the fidelity are used up.
        StoreError: the trial is not paused below that rung, or another driver leads.
    """
    lock(connection, study)
    trial = trial_row(connection, study, number)
    is_paused = trial.state == TrialState.PAUSED.value
    if trial.rung == rung and not is_paused:
        return load_trial(trial)
    _refuse_deposed(connection, study, epoch)
    if watermark is not None:
        _refuse_overtaken(connection, study, watermark)
    if not is_paused or (trial.rung is not None and rung <= trial.rung):
        raise StoreError(
            f"trial {number} is {trial.state} at rung {trial.rung}; only a paused one is promoted, upwards"
        )
    _refuse_unaffordable(connection, study)
    payload = {"fidelity": fidelity, "rung": rung, **(why or {})}
    columns = {"fidelity": fidelity, "rung": rung, "priority": rung if priority is None else priority}
    move_trial(connection, trial, TrialState.WAITING, "promoted", trial.token, columns, payload)
    return load_trial(trial_row(connection, study, number))


def prune(
    connection: Connection,
    study: int,
    number: int,
    token: int,
    value: float | None = None,
    *,
    why: Mapping[str, Any] | None = None,
    epoch: int | None = None,
) -> Trial:
    """Prune a trial; it keeps ``value``, or else its last value.

    Its attempt ends too, as the reply to its next report or heartbeat says.  Does nothing when the
    trial has ended, or runs under another token by now.

    Raises:
        UnknownTrial: there is no such trial, or no such attempt at it.
        StoreError: another driver leads.
    """
    lock(connection, study)
    trial = trial_row(connection, study, number)
    attempt = attempt_row(connection, study, trial, token)
    assert attempt is not None
    if TrialState(trial.state).is_final or trial.token != token:
        return load_trial(trial)
    _refuse_deposed(connection, study, epoch)
    now = time.time()
    kept = trial.value if value is None else value
    columns = {"value": kept, "finished": now}
    move_trial(connection, trial, TrialState.PRUNED, "pruned", token, columns, why)
    if attempt.outcome is None:
        outcome = AttemptOutcome.PRUNED.value
        change_attempt(connection, study, token, outcome=outcome, value=value, ended=now)
    return load_trial(trial_row(connection, study, number))


def _refuse_unaffordable(connection: Connection, study: int) -> None:
    # a promotion takes no trial off the budget, but its cost counts
    row = connection.execute(
        select(schema.study.c.name, schema.study.c.budget).where(schema.study.c.id == study)
    ).one()
    budget = Budget.from_json(json.loads(row.budget))
    if budget.needs_sums:
        check_budget(
            row.name, Budget(cost=budget.cost, fidelity=budget.fidelity), spent(connection, study), 0
        )


def _refuse_overtaken(connection: Connection, study: int, watermark: int) -> None:
    # two decisions at the same time, each without the other, would fill the same place of a rung
    event = schema.event.c
    other = connection.scalar(
        select(event.number)
        .where(event.study == study, event.seq > watermark, event.kind == "promoted")
        .limit(1)
    )
    if other is not None:
        raise StaleProposal(f"trial {other} was promoted since the decision was made")


def _refuse_deposed(connection: Connection, study: int, epoch: int | None) -> None:
    if epoch is None:
        return
    who, current = leader(connection, study)
    if who is None or current != epoch:
        raise StoreError(
            f"this driver led in epoch {epoch}, the study is in epoch {current} by now; decide nothing more"
        )
