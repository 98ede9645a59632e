"""Writing a change: the sequence number it gets, its row in the change feed, and what it costs the budget."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from smbo.errors import UnknownTrial
from smbo.store import schema
from smbo.store.budget import Spent
from smbo.store.records import LOST, dump_json
from smbo.trials import TrialState

_STUDY = schema.study.c


@dataclass(frozen=True)
class Taken:
    """The first of the numbers, tokens and sequence numbers that a transaction has taken."""

    number: int
    token: int
    seq: int


def lock(connection: Connection, study: int) -> None:
    """Make everybody else who changes the study wait until this transaction ends.

    All that is read afterwards is as it will be when the change is made.  In SQLite the
    transaction has the whole file to itself already.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(select(_STUDY.id).where(_STUDY.id == study).with_for_update())


def take(
    connection: Connection,
    study: int,
    *,
    numbers: int = 0,
    tokens: int = 0,
    seqs: int = 0,
    charged: int = 0,
    failed: int = 0,
    **columns: Any,
) -> Taken:
    """Take so many of each from a study's counters, charge its budget, and set further columns of its row."""
    row = connection.execute(
        update(schema.study)
        .where(_STUDY.id == study)
        .values(
            next_number=_STUDY.next_number + numbers,
            next_token=_STUDY.next_token + tokens,
            next_seq=_STUDY.next_seq + seqs,
            n_charged=_STUDY.n_charged + charged,
            n_failed=_STUDY.n_failed + failed,
            **columns,
        )
        .returning(_STUDY.next_number, _STUDY.next_token, _STUDY.next_seq)
    ).one()
    return Taken(row.next_number - numbers, row.next_token - tokens, row.next_seq - seqs)


def event_row(
    connection: Connection,
    study: int,
    seq: int,
    kind: str,
    number: int | None = None,
    token: int | None = None,
    payload: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Return a row of the change feed."""
    return {
        "study": study,
        "seq": seq,
        "kind": kind,
        "number": number,
        "token": token,
        "payload": dump_json(payload or {}),
        "ask_key": key,
        "call": connection.get_execution_options().get("call"),
        "created": time.time(),
    }


def note(
    connection: Connection,
    study: int,
    kind: str,
    number: int | None = None,
    token: int | None = None,
    payload: Mapping[str, Any] | None = None,
    **columns: Any,
) -> int:
    """Add an event and return its sequence number; the change it names belongs to the same transaction.

    Args:
        columns: of the study's row, set along with it.
    """
    seq = take(connection, study, seqs=1, **columns).seq
    connection.execute(
        insert(schema.event).values(event_row(connection, study, seq, kind, number, token, payload))
    )
    return seq


def made_by(connection: Connection, study: int, call: str, kinds: Sequence[str]) -> list[int]:
    """Return the trials in the events of these kinds that a call has made, if it was committed.

    Waits for a transaction of the same study that is still under way: the call itself, maybe,
    on a connection that was lost on our side only.
    """
    lock(connection, study)
    event = schema.event.c
    rows = connection.execute(
        select(event.number).where(event.study == study, event.call == call, event.kind.in_(kinds))
    )
    return [row.number for row in rows]


def is_made(connection: Connection, study: int, call: str) -> bool:
    """Return whether a call has made any event; waits as ``made_by`` does."""
    lock(connection, study)
    event = schema.event.c
    found = connection.scalar(select(event.seq).where(event.study == study, event.call == call).limit(1))
    return found is not None


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


def move_trial(
    connection: Connection,
    trial: Row[Any],
    state: TrialState,
    kind: str,
    token: int | None,
    columns: Mapping[str, Any],
    payload: Mapping[str, Any] | None = None,
) -> int:
    """Bring a trial into another state, with its event and what that costs; return the sequence number.

    Args:
        trial: its row as it was.
        kind, token, payload: of the event.
        columns: of the trial, set along with its state.
    """
    charged, failed = 0, 0
    if trial.origin == "asked":
        before, after = charge(trial.state, trial.reason), charge(state.value, columns.get("reason"))
        charged, failed = after[0] - before[0], after[1] - before[1]
    study, number = trial.study, trial.number
    seq = take(connection, study, seqs=1, charged=charged, failed=failed).seq
    connection.execute(
        insert(schema.event).values(event_row(connection, study, seq, kind, number, token, payload))
    )
    table = schema.trial
    connection.execute(
        update(table)
        .where(table.c.study == study, table.c.number == number)
        .values(seq=seq, state=state.value, **columns)
    )
    return seq


def change_attempt(connection: Connection, study: int, token: int, **columns: Any) -> None:
    """Write what is now known of an attempt."""
    attempt = schema.attempt
    connection.execute(
        update(attempt).where(attempt.c.study == study, attempt.c.token == token).values(**columns)
    )


def charge(state: str, reason: str | None) -> tuple[int, int]:
    """Return what an asked trial in this state costs the budget: trials, and failures."""
    if state == TrialState.CANCELLED.value:
        return 0, 0
    if state == TrialState.FAILED.value:
        return int(reason != LOST), 1
    return 1, 0


def spent(connection: Connection, study: int) -> Spent:
    """Return what the study has used of its budget, as of this transaction."""
    row = connection.execute(
        select(_STUDY.n_charged, _STUDY.n_failed, _STUDY.spent_seconds).where(_STUDY.id == study)
    ).one()
    return Spent(trials=row.n_charged, failures=row.n_failed, seconds=row.spent_seconds)
