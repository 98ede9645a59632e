"""Writing a change: the sequence number it gets, and its row in the change feed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from smbo.errors import UnknownTrial
from smbo.store import schema
from smbo.store.budget import Spent
from smbo.store.records import LOST, dump_json
from smbo.trials import TrialState


def note(
    connection: Connection,
    study: int,
    kind: str,
    number: int | None = None,
    token: int | None = None,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> int:
    """Add an event and return its sequence number; the change it names belongs to the same transaction."""
    seq = take(connection, study, "next_seq")
    connection.execute(
        insert(schema.event).values(
            study=study,
            seq=seq,
            kind=kind,
            number=number,
            token=token,
            payload=dump_json(payload or {}),
            ask_key=key,
            created=time.time(),
        )
    )
    return seq


def take(connection: Connection, study: int, counter: str) -> int:
    """Return the value of one of the study's counters and move it on."""
    column = schema.study.c[counter]
    following = connection.scalar(
        update(schema.study).where(schema.study.c.id == study).values({counter: column + 1}).returning(column)
    )
    assert following is not None, f"study {study} is gone"
    return int(following) - 1


def trial_row(connection: Connection, study: int, number: int) -> Row[Any]:
    """Return a trial's row.

    Raises:
        UnknownTrial: there is none.
    """
    trial = schema.trial
    row = connection.execute(
        select(trial).where(trial.c.study == study, trial.c.number == number)
    ).one_or_none()
    if row is None:
        raise UnknownTrial(f"trial {number} was never asked for in this study")
    return row


def change_trial(connection: Connection, study: int, number: int, seq: int, **columns: Any) -> None:
    """Write a trial's new state under its sequence number."""
    trial = schema.trial
    connection.execute(
        update(trial).where(trial.c.study == study, trial.c.number == number).values(seq=seq, **columns)
    )


def change_attempt(connection: Connection, study: int, token: int, **columns: Any) -> None:
    """Write what is now known of an attempt."""
    attempt = schema.attempt
    connection.execute(
        update(attempt).where(attempt.c.study == study, attempt.c.token == token).values(**columns)
    )


def spent(connection: Connection, study: int) -> Spent:
    """Return what the study has used of its budget, as of this transaction."""
    trial = schema.trial
    failed = trial.c.state == TrialState.FAILED.value
    is_lost = and_(failed, trial.c.reason == LOST)
    uncounted = or_(is_lost, trial.c.state == TrialState.CANCELLED.value)
    trials, failures = connection.execute(
        select(
            func.count().filter(~func.coalesce(uncounted, False)),
            func.count().filter(failed),
        ).where(trial.c.study == study, trial.c.origin == "asked")
    ).one()
    seconds = connection.scalar(select(schema.study.c.spent_seconds).where(schema.study.c.id == study))
    return Spent(trials=trials, failures=failures, seconds=seconds or 0.0)
