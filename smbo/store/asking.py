"""The ask transaction: waiting trials first, then new ones within the budget."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from smbo.errors import StoreError
from smbo.store import schema
from smbo.store.budget import Budget, judge
from smbo.store.log import change_trial, note, spent, take
from smbo.store.records import StaleProposal, dump_json, load_trial, params_hash
from smbo.trials import Trial, TrialState

MAX_KEY_CHARACTERS = 200


@dataclass(frozen=True)
class Asking:
    """One ask of n trials, worked out beforehand and outside any transaction.

    Attributes:
        n: how many trials; those beyond ``points`` are taken from the waiting ones.
        points: new points, JSON values.
        first_number: that the first of them was proposed as.
        watermark: sequence number of the last change that the proposals knew.
        memory: that the recipe carries on, stored with them.
        seed_of: a trial's seed by its number.
        owner: who evaluates: a word, then details.
        key: makes the ask repeatable: the same key gives the same trials.
        is_final: whether to take the points under other numbers if somebody asked in between,
            rather than refuse them; repeated points are refused all the same.
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


def asked_before(connection: Connection, study: int, key: str, n: int) -> list[Trial]:
    """Return the trials that an earlier ask with this key got; none if there was none.

    Raises:
        StoreError: the earlier ask was for another number of trials.
    """
    row = connection.execute(
        select(schema.event.c.payload).where(schema.event.c.study == study, schema.event.c.ask_key == key)
    ).one_or_none()
    if row is None:
        return []
    numbers = json.loads(row.payload)["numbers"]
    if len(numbers) != n:
        raise StoreError(f"ask: the key {key[:40]!r} was used for {len(numbers)} trials, not {n}")
    trial = schema.trial
    rows = connection.execute(
        select(trial).where(trial.c.study == study, trial.c.number.in_(numbers)).order_by(trial.c.number)
    )
    return [load_trial(row) for row in rows]


def ask(connection: Connection, study: int, asking: Asking) -> list[Trial]:
    """Return n running trials, each with a fresh token.

    Raises:
        StaleProposal: the proposals no longer fit what is stored; compute them anew.
        BudgetExhausted: no more new trials are allowed; judged here, so that no two who ask at
            once can overshoot it.
    """
    if asking.key is not None:
        earlier = asked_before(connection, study, asking.key, asking.n)
        if earlier:
            return earlier
    row = connection.execute(select(schema.study).where(schema.study.c.id == study)).one()
    waiting = _waiting(connection, study, asking.n)
    if len(waiting) != asking.n - len(asking.points):
        raise StaleProposal("the number of waiting trials has changed")
    budget = Budget.from_json(json.loads(row.budget))
    if asking.points and budget != Budget():  # counting trials takes time
        judge(row.name, budget, spent(connection, study), len(asking.points))
    hashes = [params_hash(point) for point in asking.points]
    if asking.points and row.next_number != asking.first_number:
        _refuse_stale(connection, study, asking, hashes)

    numbers = [_restart(connection, study, number, asking) for number in waiting]
    numbers += [
        _start(connection, study, point, digest, index, asking)
        for index, (point, digest) in enumerate(zip(asking.points, hashes))
    ]
    if asking.points:
        connection.execute(
            update(schema.study).where(schema.study.c.id == study).values(memory=dump_json(asking.memory))
        )
    if asking.key is not None:
        note(connection, study, "keyed", payload={"numbers": numbers}, key=asking.key)
    trial = schema.trial
    rows = connection.execute(
        select(trial).where(trial.c.study == study, trial.c.number.in_(numbers)).order_by(trial.c.number)
    )
    return [load_trial(row) for row in rows]


def _waiting(connection: Connection, study: int, n: int) -> list[int]:
    trial = schema.trial
    rows = connection.execute(
        select(trial.c.number)
        .where(trial.c.study == study, trial.c.state == TrialState.WAITING.value)
        .order_by(trial.c.number)
        .limit(n)
    )
    return [row.number for row in rows]


def _refuse_stale(connection: Connection, study: int, asking: Asking, hashes: Sequence[str]) -> None:
    """Refuse points that were proposed under numbers that others have taken meanwhile."""
    trial = schema.trial
    taken = connection.execute(
        select(trial.c.params_hash).where(trial.c.study == study, trial.c.number >= asking.first_number)
    )
    is_repeated = not {row.params_hash for row in taken}.isdisjoint(hashes)
    if is_repeated or not asking.is_final:
        raise StaleProposal("others have asked since the proposals were computed")


def _restart(connection: Connection, study: int, number: int, asking: Asking) -> int:
    """Run a waiting trial again: the same number, point and seed, a new token."""
    token = _open_attempt(connection, study, number, asking.owner)
    seq = note(connection, study, "restarted", number, token)
    change_trial(
        connection,
        study,
        number,
        seq,
        state=TrialState.RUNNING.value,
        token=token,
        attempts=schema.trial.c.attempts + 1,
    )
    return number


def _start(
    connection: Connection, study: int, point: Mapping[str, Any], digest: str, index: int, asking: Asking
) -> int:
    number = take(connection, study, "next_number")
    token = take(connection, study, "next_token")
    seq = note(connection, study, "asked", number, token)
    connection.execute(
        insert(schema.trial).values(
            study=study,
            number=number,
            origin="asked",
            state=TrialState.RUNNING.value,
            params=dump_json(point),
            params_hash=digest,
            seed=str(asking.seed_of(number)),
            token=token,
            attempts=1,
            metrics="{}",
            watermark_seq=asking.watermark,
            proposed_as=asking.first_number + index,
            seq=seq,
            created=time.time(),
        )
    )
    _insert_attempt(connection, study, number, token, asking.owner)
    return number


def _open_attempt(connection: Connection, study: int, number: int, owner: str) -> int:
    token = take(connection, study, "next_token")
    _insert_attempt(connection, study, number, token, owner)
    return token


def _insert_attempt(connection: Connection, study: int, number: int, token: int, owner: str) -> None:
    connection.execute(
        insert(schema.attempt).values(
            study=study, token=token, number=number, owner=owner, created=time.time()
        )
    )
