"""The tell transaction: a result is recorded exactly once, by whichever attempt brings it first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row

from smbo.errors import AlreadyTold, UnknownTrial
from smbo.store import schema
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.change_feed import (
    change_attempt,
    event_row,
    lock,
    move_trial,
    note,
    started_by,
    take,
    trial_row,
)
from smbo.store.records import LOST, Place, Result, dump_json, load_trial, params_hash
from smbo.store.statements import Statement, insertion, selection
from smbo.trial import Trial, TrialState

NOWHERE = Place()

_ATTEMPT = selection(schema.attempt, "WHERE study = :study AND token = :token")
# an event for each of the trials, which know their sequence numbers
_TELL_EVENTS = Statement(
    "INSERT INTO event (study, seq, kind, number, payload, call, created)"
    " SELECT study, seq, :kind, number, :payload, :call, created FROM trial"
    " WHERE study = :study AND seq >= :seq AND seq <= :last"
)
_EMPTY_ROW = {**dict.fromkeys(schema.trial.c.keys()), "priority": 0}


def tell(
    connection: Connection, study: int, number: int, token: int | None, result: Result, place: Place = NOWHERE
) -> Trial | AlreadyTold:
    """Record a result under an attempt's token, and return the trial as it now stands.

    ``token`` None stands for the latest attempt.  The same result of the same attempt may be told
    any number of times.  The first result counts, also when it comes after its attempt had been
    given up for lost; a failure does not, once the trial runs anew under another token.  A value
    at the end of a rung (PAUSED) is a result like others, of the attempts at that rung alone.

    Returns:
        AlreadyTold, to be raised once the transaction is committed, when the trial has another
        result: the new one is then kept with its attempt.

    Raises:
        UnknownTrial: there is no such trial, or no such attempt at it.
    """
    lock(connection, study)
    trial = trial_row(connection, study, number)
    attempt = attempt_row(connection, study, trial, token)
    digest = result.hash()
    if attempt is None:  # a point of one's own, recorded without an ask
        return _repeat_or_refusal(trial, result)
    if attempt.result_hash is not None and attempt.outcome != AttemptOutcome.DUPLICATE.value:
        return load_trial(trial) if attempt.result_hash == digest else _refusal(trial)

    place_columns = _place_columns(place)
    if _counts(trial, attempt, result):
        return _record(connection, study, trial, attempt, result, digest, place_columns)
    if not result.is_lost and attempt.result_hash is None:
        change_attempt(
            connection,
            study,
            attempt.token,
            outcome=AttemptOutcome.DUPLICATE.value,
            result_hash=digest,
            result=_dump_result(result),
            **place_columns,
        )
        note(connection, study, "duplicate", number, attempt.token)
    if _is_settled(trial, attempt) and result.is_measured:
        return _refusal(trial)
    return load_trial(trial)


def attempt_row(connection: Connection, study: int, trial: Row[Any], token: int | None) -> Row[Any] | None:
    """Return the row of an attempt at a trial; None stands for the latest, if it has any.

    Raises:
        UnknownTrial: the trial has no such attempt.
    """
    if token is None:
        token = trial.token
    if token is None:
        return None
    row = _ATTEMPT.one(connection, study=study, token=token)
    if row is None or row.number != trial.number:
        raise UnknownTrial(f"trial {trial.number} has no attempt with token {token}")
    return row


def _is_settled(trial: Row[Any], attempt: Row[Any]) -> bool:
    """Return whether the trial has ended, paused, or reached another rung than this attempt's."""
    is_past = trial.state == TrialState.PAUSED.value or attempt.rung != trial.rung
    return TrialState(trial.state).is_final or is_past


def _counts(trial: Row[Any], attempt: Row[Any], result: Result) -> bool:
    """Return whether a result changes its trial's state."""
    state = TrialState(trial.state)
    if state.is_final:
        # the one way out of a final state: the measurement of a lost trial counts, since it was paid for
        was_lost = state is TrialState.FAILED and trial.reason == LOST
        return was_lost and result.is_measured and bool(attempt.rung == trial.rung)
    if _is_settled(trial, attempt):
        return False
    if result.is_measured:
        return True
    is_late = attempt.outcome is not None  # it has ended, without a result
    return bool(attempt.token == trial.token) and not (is_late and result.is_lost)


def _record(
    connection: Connection,
    study: int,
    trial: Row[Any],
    attempt: Row[Any],
    result: Result,
    digest: str,
    place_columns: Mapping[str, Any],
) -> Trial:
    now = time.time()
    token = attempt.token
    is_late = attempt.outcome is not None
    columns = {**result.columns(), "token": token, "checkpoint": result.checkpoint or trial.checkpoint}
    payload = {}
    if result.params is not None:
        columns["params_hash"] = params_hash(result.params)
        if columns["params_hash"] != trial.params_hash:  # proposals made meanwhile are of what was asked
            payload = {"asked": json.loads(trial.params)}
    if result.state.is_final:
        columns["finished"] = now
    state = TrialState(columns.pop("state"))
    if token != trial.token and trial.state == TrialState.RUNNING.value:
        # the newer attempt's result is no longer needed
        change_attempt(connection, study, trial.token, outcome=AttemptOutcome.CANCELLED.value, ended=now)
    seq = move_trial(connection, trial, state, state.value, token, columns, payload)
    change_attempt(
        connection,
        study,
        token,
        outcome=(AttemptOutcome.LATE if is_late else _outcome_of(result)).value,
        # A lost attempt's result may still arrive, and a hash would refuse it.
        result_hash=None if result.is_lost else digest,
        # the trial's row has the result of its last rung only
        result=_dump_result(result) if state is TrialState.PAUSED else attempt.result,
        value=result.value,
        sem=result.sem,
        cost=result.cost,
        checkpoint=result.checkpoint,
        **{"ended": now, **place_columns},
    )
    return load_trial(SimpleNamespace(**{**trial._asdict(), **columns, "state": state.value, "seq": seq}))


def _outcome_of(result: Result) -> AttemptOutcome:
    if result.state is not TrialState.FAILED:
        return AttemptOutcome(result.state.value)
    named = {
        each.value: each for each in (AttemptOutcome.TIMEOUT, AttemptOutcome.MEMORY, AttemptOutcome.LOST)
    }
    return named.get(result.reason or "", AttemptOutcome.ERROR)


def requeue(
    connection: Connection,
    study: int,
    number: int,
    token: int,
    outcome: AttemptOutcome,
    place: Place = NOWHERE,
) -> Trial:
    """End an attempt without a result and let its trial wait for the next one.

    Does nothing when the attempt has ended already.

    Raises:
        UnknownTrial: there is no such trial, or no such attempt at it.
    """
    lock(connection, study)
    trial = trial_row(connection, study, number)
    attempt = attempt_row(connection, study, trial, token)
    if attempt is None or attempt.outcome is not None:
        return load_trial(trial)
    columns = {"ended": time.time(), **_place_columns(place)}
    change_attempt(connection, study, token, outcome=outcome.value, **columns)
    if trial.token == token and trial.state == TrialState.RUNNING.value:
        payload = {"outcome": outcome.value}
        move_trial(connection, trial, TrialState.WAITING, "waiting", token, {}, payload)
    return load_trial(trial_row(connection, study, number))


def give_back(connection: Connection, study: int, call: str) -> None:
    """Let the trials wait that an ask has started whose caller never learned of them."""
    for number, token in started_by(connection, study, call):
        requeue(connection, study, number, token, AttemptOutcome.CANCELLED)


def add(
    connection: Connection,
    study: int,
    points: Sequence[Mapping[str, Any]],
    results: Sequence[Result],
    seed_of: Callable[[int], int],
) -> int:
    """Record results at points that were never asked for, as trials of their own.

    Returns:
        The number of the first; the others follow it.
    """
    now = time.time()
    taken = take(connection, study, numbers=len(points), seqs=len(points))
    texts = [dump_json(params) for params in points]
    rows = [
        {
            **_EMPTY_ROW,
            "study": study,
            "number": taken.number + index,
            "origin": "told",
            "params": text,
            "params_hash": params_hash(params, text),
            "seed": str(seed_of(taken.number + index)),
            "attempts": 0,
            "checkpoint": result.checkpoint,
            "seq": taken.seq + index,
            "created": now,
            "finished": now,
            **result.columns(),
        }
        for index, (params, text, result) in enumerate(zip(points, texts, results, strict=True))
    ]
    insertion(schema.trial).run_many(connection, rows)
    event = event_row(connection, study, taken.seq, "told", taken.number)
    _TELL_EVENTS.run(connection, event | {"last": taken.seq + len(rows) - 1})
    return taken.number


def _place_columns(place: Place) -> dict[str, Any]:
    known = {
        "host": place.host,
        "pid": place.pid,
        "started": place.started,
        "ended": place.ended,
    }
    return {name: value for name, value in known.items() if value is not None}


def _repeat_or_refusal(trial: Row[Any], result: Result) -> Trial | AlreadyTold:
    known = load_trial(trial)
    before = replace(Result.of(known), params=None if result.params is None else known.params)
    return known if before.hash() == result.hash() else _refusal(trial)


def _refusal(trial: Row[Any]) -> AlreadyTold:
    state = TrialState(trial.state)
    has = f"the value {trial.value!r}" if state is TrialState.COMPLETE else f"ended as {state.value}"
    if state is TrialState.FAILED:
        has += f" ({trial.reason})"
    return AlreadyTold(f"trial {trial.number} has {has} already; a trial takes one result")


def _dump_result(result: Result) -> str:
    columns = result.columns()
    for name in ("outputs", "outputs_variance"):
        columns[name] = None if columns[name] is None else columns[name].hex()
    columns["metrics"] = json.loads(columns["metrics"])
    return dump_json(columns)
