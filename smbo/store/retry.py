"""Have failed trials evaluated again: they wait for another attempt, and the log keeps the earlier ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from smbo.errors import TellError
from smbo.store import schema
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.change_feed import lock, move_trial, trial_row
from smbo.store.records import dump_numbers
from smbo.trial import TrialState

KIND = "retried"  # of the event

_ATTEMPT = schema.attempt.c
# the result of a trial, as the columns of one that has none
_NO_RESULT: Mapping[str, Any] = {
    **dict.fromkeys(("value", "sem", "cost", "feasible", "outputs", "outputs_variance", "reason", "error")),
    "metrics": "{}",
    "finished": None,
}


def retry(connection: Connection, study: int, numbers: Sequence[int]) -> None:
    """Have failed trials wait to be evaluated again, under their numbers, points and seeds.

    What the failed evaluation said and measured stays in the change feed.  The budget was charged with each
    trial once and is not charged again; failures are no longer counted.

    Raises:
        UnknownTrial: there is no such trial.
        TellError: one has not failed, or was told without being asked for.
    """
    lock(connection, study)
    for number in numbers:
        trial = trial_row(connection, study, number)
        if trial.state != TrialState.FAILED.value:
            raise TellError(f"trial {number} is {trial.state}; only failed trials are evaluated again")
        if trial.origin != "asked":
            raise TellError(f"trial {number} was told, not asked for; tell its point anew instead")
        said = {"reason": trial.reason, "error": trial.error, "metrics": json.loads(trial.metrics)}
        payload = {name: each for name, each in (*said.items(), ("cost", trial.cost)) if each}
        columns = {**_NO_RESULT, **_last_rung(connection, trial)}
        move_trial(connection, trial, TrialState.WAITING, KIND, trial.token, columns, payload)


def _last_rung(connection: Connection, trial: Row[Any]) -> dict[str, Any]:
    """Return the result at the highest rung that a trial has reached, as it had until it was promoted."""
    if trial.rung is None:
        return {}
    text = connection.scalar(
        select(_ATTEMPT.result)
        .where(
            _ATTEMPT.study == trial.study,
            _ATTEMPT.number == trial.number,
            _ATTEMPT.result.is_not(None),
            _ATTEMPT.outcome.in_((AttemptOutcome.PAUSED.value, AttemptOutcome.LATE.value)),
        )
        .order_by(_ATTEMPT.fidelity.desc())
        .limit(1)
    )
    if text is None:
        return {}
    columns: dict[str, Any] = json.loads(text)
    del columns["state"]
    for name in ("outputs", "outputs_variance"):
        columns[name] = None if columns[name] is None else bytes.fromhex(columns[name])
    return {**columns, "metrics": dump_numbers({k: float(v) for k, v in columns["metrics"].items()})}
