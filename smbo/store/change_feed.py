"""The change feed: each change gets a sequence number and an event row, and is charged to the budget."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from smbo.errors import UnknownTrial
from smbo.store import schema
from smbo.store.budget import Budget, Spent
from smbo.store.records import LOST, dump_json
from smbo.store.statements import CALL, Statement, change, insertion, selection
from smbo.trial import TrialState

_STUDY, _EACH, _ATTEMPT = schema.study.c, schema.trial.c, schema.attempt.c
_LOCK = Statement("SELECT id FROM study WHERE id = :study FOR UPDATE")
_TRIAL = selection(schema.trial, "WHERE study = :study AND number = :number")
_SPACE_CHANGED = Statement(
    "SELECT seq FROM event WHERE study = :study AND seq > :seq AND kind = :kind LIMIT 1"
)

SPACE = "space"  # kind of the event of a changed space


@dataclass(frozen=True)
class Taken:
    """Values that a transaction has taken from a study's counters, and the study before it.

    Attributes:
        number, token, seq: the first of those taken.
        name, budget: of the study; JSON.
        spent: before it was charged.
        has_waiting: whether trials wait to be run.
    """

    number: int
    token: int
    seq: int
    name: str
    budget: str
    spent: Spent
    has_waiting: bool


def lock(connection: Connection, study: int) -> None:
    """Lock the study: other transactions that change it wait until this one ends.

    All that is read afterwards stays as it is until this transaction's change.  In SQLite a write
    transaction has locked the whole file already.
    """
    if connection.dialect.name != "sqlite":
        _LOCK.run(connection, {"study": study})


def take(
    connection: Connection,
    study: int,
    *,
    numbers: int = 0,
    tokens: int = 0,
    seqs: int = 0,
    charged: int = 0,
    failed: int = 0,
    seconds: float = 0.0,
    **columns: Any,
) -> Taken:
    """Take so many of each from a study's counters, charge its budget, and set further columns of its row.

    Locks the study, as ``lock`` does.
    """
    row = _taking(tuple(columns)).one(
        connection,
        study=study,
        numbers=numbers,
        tokens=tokens,
        seqs=seqs,
        charged=charged,
        failed=failed,
        seconds=seconds,
        **columns,
    )
    assert row is not None, f"study {study} is gone"
    before = Spent(row.n_charged - charged, row.n_failed - failed, row.spent_seconds - seconds)
    return Taken(
        row.next_number - numbers,
        row.next_token - tokens,
        row.next_seq - seqs,
        row.name,
        row.budget,
        before,
        bool(row.has_waiting),
    )


@lru_cache(maxsize=32)
def _taking(columns: tuple[str, ...]) -> Statement:
    further = "".join(f", {name} = :{name}" for name in columns)
    return Statement(
        "UPDATE study SET next_number = next_number + :numbers, next_token = next_token + :tokens,"
        " next_seq = next_seq + :seqs, n_charged = n_charged + :charged, n_failed = n_failed + :failed,"
        f" spent_seconds = spent_seconds + :seconds{further}"
        " WHERE id = :study RETURNING next_number, next_token, next_seq, n_charged, n_failed, spent_seconds,"
        " name, budget,"
        " EXISTS (SELECT 1 FROM trial WHERE trial.study = :study AND trial.state = 'waiting') AS has_waiting"
    )


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
        "call": connection.info.get(CALL),
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
    insertion(schema.event).run(connection, event_row(connection, study, seq, kind, number, token, payload))
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


def started_by(connection: Connection, study: int, call: str) -> list[tuple[int, int]]:
    """Return number and token of each trial that an ask has started, if it was committed; waits likewise."""
    lock(connection, study)
    event = schema.event.c
    rows = connection.execute(
        select(event.number, event.token).where(
            event.study == study, event.call == call, event.kind.in_(("asked", "restarted"))
        )
    )
    return [(row.number, row.token) for row in rows]


def is_made(connection: Connection, study: int, call: str) -> bool:
    """Return whether a call has made any event; waits as ``made_by`` does."""
    lock(connection, study)
    event = schema.event.c
    found = connection.scalar(select(event.seq).where(event.study == study, event.call == call).limit(1))
    return found is not None


def space_changed_since(connection: Connection, study: int, seq: int) -> bool:
    """Return whether the study's space has changed after a sequence number."""
    return _SPACE_CHANGED.one(connection, study=study, seq=seq, kind=SPACE) is not None


def trial_row(connection: Connection, study: int, number: int) -> Row[Any]:
    """Return a trial's row: one attribute per column.

    Raises:
        UnknownTrial: there is none.
    """
    row = _TRIAL.one(connection, study=study, number=number)
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
    """Change a trial's state, add its event and charge the budget; return the sequence number.

    Args:
        trial: its row before the change.
        kind, token, payload: of the event.
        columns: of the trial, set along with its state.
    """
    charged, failed = 0, 0
    if trial.origin == "asked":
        before, after = charge(trial.state, trial.reason), charge(state.value, columns.get("reason"))
        charged, failed = after[0] - before[0], after[1] - before[1]
    study, number = trial.study, trial.number
    seq = take(connection, study, seqs=1, charged=charged, failed=failed).seq
    insertion(schema.event).run(connection, event_row(connection, study, seq, kind, number, token, payload))
    changed = {**columns, "seq": seq, "state": state.value}
    statement = change(schema.trial, ("study", "number"), tuple(changed))
    statement.run(connection, {**changed, "study": study, "number": number})
    return seq


def change_attempt(connection: Connection, study: int, token: int, **columns: Any) -> None:
    """Set columns of an attempt."""
    statement = change(schema.attempt, ("study", "token"), tuple(columns))
    statement.run(connection, {**columns, "study": study, "token": token})


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
        select(_STUDY.n_charged, _STUDY.n_failed, _STUDY.spent_seconds, _STUDY.budget).where(
            _STUDY.id == study
        )
    ).one()
    told = Spent(trials=row.n_charged, failures=row.n_failed, seconds=row.spent_seconds)
    return with_sums(connection, study, Budget.from_json(json.loads(row.budget)), told)


def with_sums(connection: Connection, study: int, budget: Budget, spent: Spent) -> Spent:
    """Return what was spent, with the cost and the fidelity of all trials where the budget limits them."""
    if not budget.needs_sums:
        return spent
    costs = connection.scalar(select(func.sum(_ATTEMPT.cost)).where(_ATTEMPT.study == study))
    levels = connection.scalar(
        select(func.sum(_EACH.fidelity)).where(
            _EACH.study == study,
            _EACH.origin == "asked",
            _EACH.state != TrialState.CANCELLED.value,
            or_(_EACH.state != TrialState.FAILED.value, _EACH.reason != LOST),
        )
    )
    return replace(spent, cost=float(costs or 0.0), fidelity=float(levels or 0.0))
