"""Hold a store against the ledger of those who evaluated.

The store is read with plain SQL: what the product says about itself is what is in question.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text

from rig.ledger import Line
from rig.objective import value_of

COUNTED = ("complete", "late")  # outcomes of attempts whose result is their trial's


@dataclass(frozen=True)
class Stored:
    """One study's rows, as tuples of named columns."""

    trials: Sequence[Any]
    attempts: Sequence[Any]
    events: Sequence[Any]


@dataclass
class Account:
    """What became of a study.

    Attributes:
        faults: what must never be, a line each.
        n_complete: trials with a value.
        n_attempts: executions, those that were killed included.
        n_unkept: evaluations that returned and whose outcome the outbox never had, since their
            process was killed in between: these may run again.
        n_again: attempts that began after their trial's outcome was kept: a fault unless the
            scenario takes leases away from the living.
    """

    faults: list[str] = field(default_factory=list)
    n_complete: int = 0
    n_attempts: int = 0
    n_unkept: int = 0
    n_again: int = 0


def read_store(url: str, study: str) -> Stored:
    """Return a study's rows."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:

            def rows(table: str, columns: str, order: str) -> Sequence[Any]:
                query = f"SELECT {columns} FROM {table} WHERE study = :id ORDER BY {order}"
                return connection.execute(text(query), {"id": study_id}).all()

            study_id = connection.scalar(text("SELECT id FROM study WHERE name = :name"), {"name": study})
            return Stored(
                rows("trial", "number, state, value, params, seed, token, reason", "number"),
                rows("attempt", "token, number, outcome", "token"),
                rows("event", "seq, kind, number", "seq"),
            )
    finally:
        engine.dispose()


def audit(stored: Stored, lines: Sequence[Line], n_asked: int, *, may_run_again: bool = False) -> Account:
    """Return what became of a study that is done.

    Args:
        n_asked: how many trials its budget has.
        may_run_again: whether an evaluation that is kept may be run once more (a lease was lost
            by a process that lived on); it is counted all the same.
    """
    account = Account(n_attempts=len(stored.attempts))
    _check_numbers(stored, n_asked, account)
    _check_values(stored, account)
    _check_counted_once(stored, account)
    _check_ledger(stored, lines, account)
    again = _run_again(lines)
    account.n_again = len(again)
    if not may_run_again:
        account.faults += again
    return account


def _check_numbers(stored: Stored, n_asked: int, account: Account) -> None:
    numbers = [trial.number for trial in stored.trials]
    if numbers != list(range(len(numbers))):
        account.faults.append(f"the numbers of the trials have gaps: {numbers[:20]} …")
    states = Counter(trial.state for trial in stored.trials)
    account.n_complete = states["complete"]
    if states != {"complete": n_asked}:
        account.faults.append(f"{n_asked} complete trials were asked for; there are {dict(states)}")
    seqs = [event.seq for event in stored.events]
    if seqs != list(range(1, len(seqs) + 1)):
        account.faults.append("the change feed has gaps")


def _check_values(stored: Stored, account: Account) -> None:
    for trial in stored.trials:
        if trial.value is not None:
            expected = value_of(json.loads(trial.params), int(trial.seed))
            if trial.value != expected:
                account.faults.append(f"trial {trial.number} has {trial.value!r}, not {expected!r}")


def _check_counted_once(stored: Stored, account: Account) -> None:
    results = Counter(attempt.number for attempt in stored.attempts if attempt.outcome in COUNTED)
    recorded = Counter(event.number for event in stored.events if event.kind == "complete")
    for number, n in (results | recorded).items():
        if n > 1:
            account.faults.append(f"trial {number} was counted {n} times")
    open_ones = [attempt.token for attempt in stored.attempts if attempt.outcome is None]
    if open_ones:
        account.faults.append(f"attempts that never ended: {open_ones[:10]}")


def _check_ledger(stored: Stored, lines: Sequence[Line], account: Account) -> None:
    """Check that what was kept or told is there, and that no attempt was run twice."""
    has_value = {trial.number for trial in stored.trials if trial.value is not None}
    known = {(attempt.number, attempt.token) for attempt in stored.attempts}
    by_word: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for line in lines:
        by_word[line.word][line.number, line.token] += 1
        if line.word in ("kept", "told") and line.number not in has_value:
            account.faults.append(f"trial {line.number} was {line.word} (token {line.token}) and is lost")
    for (number, token), n in by_word["started"].items():
        if n > 1:
            account.faults.append(f"token {token} of trial {number} was run {n} times")
        if (number, token) not in known:
            account.faults.append(f"token {token} of trial {number} was run and is in no attempt")
    account.n_unkept = len(by_word["finished"].keys() - by_word["kept"].keys())
    first_told: dict[int, int] = {}
    for line in lines:
        if line.word == "told":
            first_told.setdefault(line.number, line.token)
    for trial in stored.trials:
        if trial.value is not None and first_told.get(trial.number, trial.token) != trial.token:
            account.faults.append(f"trial {trial.number} has a later result than its first")
    never_finished = has_value - {number for number, _ in by_word["finished"]}
    if never_finished:
        account.faults.append(f"trials {sorted(never_finished)[:10]} have values that nobody measured")


def _run_again(lines: Sequence[Line]) -> list[str]:
    """Return a line for each attempt that began after an outcome of its trial was kept."""
    kept: set[int] = set()
    again = []
    for line in lines:
        if line.word == "kept":
            kept.add(line.number)
        elif line.word == "started" and line.number in kept:
            again.append(f"trial {line.number} was run again (token {line.token}) after its outcome was kept")
    return again
