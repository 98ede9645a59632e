"""The ask transaction: waiting trials first, then new ones within the budget."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row, select

from smbo.errors import StoreError
from smbo.store import schema
from smbo.store.budget import Budget, check_budget
from smbo.store.change_feed import Taken, event_row, lock, space_changed_since, take, with_sums
from smbo.store.records import StaleProposal, dump_json, load_trial, params_hash, storable
from smbo.store.statements import change, insertion, selection
from smbo.trial import Trial, TrialState

MAX_KEY_CHARACTERS = 200

_WAITING = selection(
    schema.trial,
    "WHERE study = :study AND state = 'waiting' ORDER BY priority DESC, number LIMIT :n",
)
_EMPTY_ATTEMPT = {**dict.fromkeys(schema.attempt.c.keys()), "beat": 0}
_EMPTY_ROW = {**dict.fromkeys(schema.trial.c.keys()), "metrics": "{}", "priority": 0}


@dataclass(frozen=True)
class Asking:
    """One ask of n trials, prepared outside any transaction.

    Attributes:
        n: how many trials; those beyond ``points`` are taken from the waiting ones.
        points: new points, JSON values.
        first_number: trial number that the first point was proposed for.
        watermark: sequence number of the last change that the proposals take into account.
        memory: of the recipe after the proposals, stored with the trials.
        seed_of: a trial's seed by its number.
        owner: of the evaluations: a word, then details.
        key: makes the ask repeatable: the same key gives the same trials.
        is_final: whether to take the points under other numbers if another ask came between,
            rather than refuse them; repeated points are refused all the same.
        fidelities, rungs: at which the new trials begin, one of each per point; empty where the
            problem has none.  Waiting trials have theirs already.
        origins: provenance of each new point, for the change feed; none is noted if empty.
        fixed: JSON values that all points were to have, which a repeated key must name again.
        takes_waiting: whether trials that wait are taken; else all of the n are new.
    """

    n: int
    points: Sequence[Mapping[str, Any]]
    first_number: int
    watermark: int
    memory: Mapping[str, Any]
    seed_of: Callable[[int], int]
    owner: str = "hand"
    key: str | None = None
    is_final: bool = False
    origins: Sequence[Mapping[str, Any]] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    takes_waiting: bool = True
    fidelities: Sequence[float | None] = ()
    rungs: Sequence[int | None] = ()

    def __post_init__(self) -> None:
        for given in (self.fidelities, self.rungs):
            assert not given or len(given) == len(self.points)


def check_key(key: object) -> str | None:
    """Return an ask's key if it is one.

    Raises:
        StoreError: it is neither None nor a string of 1 to 200 characters.
    """
    if key is None:
        return None
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise StoreError(f"ask: a key is a string of 1 to {MAX_KEY_CHARACTERS} characters")
    return key


def asked_before(
    connection: Connection, study: int, key: str, n: int, fixed: Mapping[str, Any]
) -> list[Trial]:
    """Return the trials that an earlier ask with this key got; none if there was none.

    Raises:
        StoreError: the earlier ask was for another number of trials, or for other fixed values.
    """
    row = connection.execute(
        select(schema.event.c.payload).where(schema.event.c.study == study, schema.event.c.ask_key == key)
    ).one_or_none()
    if row is None:
        return []
    asked = json.loads(row.payload)
    numbers, other = asked["numbers"], asked.get("fixed", {})
    if len(numbers) != n:
        raise StoreError(f"ask: the key {key[:40]!r} was used for {len(numbers)} trials, not {n}")
    if other != json.loads(dump_json(fixed)):
        raise StoreError(
            f"ask: the key {key[:40]!r} was used with fixed {other!r}, not {dict(fixed)!r}; use another key"
        )
    trial = schema.trial
    rows = connection.execute(
        select(trial).where(trial.c.study == study, trial.c.number.in_(numbers)).order_by(trial.c.number)
    )
    return [load_trial(row) for row in rows]


def ask(connection: Connection, study: int, asking: Asking) -> list[Trial]:
    """Return n running trials, each with a fresh token.

    Raises:
        StaleProposal: the proposals no longer fit the stored trials; compute them anew.
        BudgetExhausted: no more new trials are allowed; checked in this transaction, so that asks at
            the same time cannot overshoot it.
    """
    if asking.key is not None:
        lock(connection, study)
        earlier = asked_before(connection, study, asking.key, asking.n, asking.fixed)
        if earlier:
            return earlier
    n_new = len(asking.points)
    memory: dict[str, Any] = {"memory": dump_json(asking.memory)} if n_new else {}
    # all counters in one statement; where the ask is refused, it is rolled back
    taken = take(
        connection,
        study,
        numbers=n_new,
        tokens=asking.n,
        seqs=asking.n + (asking.key is not None),
        charged=n_new,
        **memory,
    )
    waiting = _waiting(connection, study, asking.n) if taken.has_waiting and asking.takes_waiting else ()
    if len(waiting) != asking.n - n_new:
        raise StaleProposal("the number of waiting trials has changed")
    texts = [dump_json(point) for point in asking.points]
    hashes = [params_hash(point, text) for point, text in zip(asking.points, texts)]
    if n_new:
        budget = Budget.from_json(json.loads(taken.budget))
        check_budget(taken.name, budget, with_sums(connection, study, budget, taken.spent), n_new)
        if taken.number != asking.first_number:
            _refuse_stale(connection, study, asking, hashes)
        if taken.seq - 1 > asking.watermark and space_changed_since(connection, study, asking.watermark):
            raise StaleProposal("the space has changed since the proposals were computed")
    old = [_restarted(row, taken, index) for index, row in enumerate(waiting)]
    new = [
        _started(study, taken, asking, index, len(old) + index, text, digest)
        for index, (text, digest) in enumerate(zip(texts, hashes))
    ]
    return _write(connection, study, asking, taken, old, new)


def _write(
    connection: Connection,
    study: int,
    asking: Asking,
    taken: Taken,
    old: Sequence[dict[str, Any]],
    new: Sequence[dict[str, Any]],
) -> list[Trial]:
    """Write the rows of trials that run again and of new ones, with their attempts and events."""
    events = [
        event_row(connection, study, row["seq"], "restarted", row["number"], row["token"]) for row in old
    ]
    events += [
        event_row(connection, study, row["seq"], "asked", row["number"], row["token"], origin)
        for row, origin in zip(new, asking.origins or [{}] * len(new))
    ]
    if asking.key is not None:
        seq = taken.seq + asking.n
        payload: dict[str, Any] = {"numbers": sorted(row["number"] for row in (*old, *new))}
        payload |= {"fixed": dict(asking.fixed)} if asking.fixed else {}
        events.append(event_row(connection, study, seq, "keyed", payload=payload, key=asking.key))
    if old:
        restart = change(schema.trial, ("study", "number"), ("state", "token", "attempts", "seq"))
        restart.run_many(connection, old)
    if new:
        insertion(schema.trial).run_many(connection, new)
    insertion(schema.attempt).run_many(connection, [_attempt(row, asking.owner) for row in (*old, *new)])
    insertion(schema.event).run_many(connection, events)
    trials = [load_trial(SimpleNamespace(**row)) for row in old]
    trials += [
        load_trial(SimpleNamespace(**row), params=dict(point)) for row, point in zip(new, asking.points)
    ]
    return sorted(trials, key=lambda trial: trial.number)


def _waiting(connection: Connection, study: int, n: int) -> Sequence[Row[Any]]:
    # No other ask can take them: this transaction has the study's row (SQLite: the file) locked.
    return _WAITING.all(connection, study=study, n=n)


def _refuse_stale(connection: Connection, study: int, asking: Asking, hashes: Sequence[str]) -> None:
    """Refuse points that were proposed under numbers that other asks have taken meanwhile."""
    trial = schema.trial
    taken = connection.execute(
        select(trial.c.params_hash).where(trial.c.study == study, trial.c.number >= asking.first_number)
    )
    is_repeated = not {row.params_hash for row in taken}.isdisjoint(hashes)
    if is_repeated or not asking.is_final:
        raise StaleProposal("others have asked since the proposals were computed")


def _restarted(row: Row[Any], taken: Taken, place: int) -> dict[str, Any]:
    """Return a waiting trial's row as it runs again: the same number, point and seed, a new token."""
    return {
        **row._asdict(),
        "state": TrialState.RUNNING.value,
        "token": taken.token + place,
        "attempts": row.attempts + 1,
        "seq": taken.seq + place,
    }


def _started(
    study: int, taken: Taken, asking: Asking, index: int, place: int, text: str, digest: str
) -> dict[str, Any]:
    """Return the row of a new trial.

    Args:
        index, place: among the new ones, and among all that are asked for.
        text, digest: of its point.
    """
    number = taken.number + index
    return {
        **_EMPTY_ROW,
        "study": study,
        "number": number,
        "origin": "asked",
        "state": TrialState.RUNNING.value,
        "params": text,
        "params_hash": digest,
        "seed": str(asking.seed_of(number)),
        "fidelity": asking.fidelities[index] if asking.fidelities else None,
        "rung": asking.rungs[index] if asking.rungs else None,
        "token": taken.token + place,
        "attempts": 1,
        "watermark_seq": asking.watermark,
        "proposed_as": asking.first_number + index,
        "seq": taken.seq + place,
        "created": time.time(),
    }


def _attempt(trial: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return the row of the attempt that a trial now makes."""
    return {
        **_EMPTY_ATTEMPT,
        **{name: trial[name] for name in ("study", "token", "number", "fidelity", "rung")},
        "owner": storable(owner),
        "created": time.time(),
    }
