"""Random sequences of asks, tells, losses and repeats, against a model of a few lines."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from smbo.errors import AlreadyTold, BudgetExhausted, UnknownTrial
from smbo.store.ask import Asking
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
from smbo.store.records import Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState

VALUES = st.sampled_from([1.0, 2.0])
REASONS = st.sampled_from(["objective-error", "timeout", "lost"])
LIMIT = 6


@dataclass
class ModelTrial:
    state: str = "running"
    value: float | None = None
    reason: str | None = None
    # how each of its attempts stands: "open", "gone" (ended without a result), or its result
    attempts: dict[int, object] = field(default_factory=dict)
    duplicates: set[int] = field(default_factory=set)

    @property
    def latest(self) -> int:
        return max(self.attempts)

    @property
    def counts(self) -> bool:
        return not (self.state == "failed" and self.reason == "lost")


class StoreMachine(RuleBasedStateMachine):
    attempts = Bundle("attempts")

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.store = SqlStore(f"sqlite:///{self.folder.name}/a.db")
        self.study = self.store.create_study("s", {}, "gp", 1, Budget(trials=LIMIT)).id
        self.model: dict[int, ModelTrial] = {}
        self.cursor, self.mirror = 0, {}
        self.keys: dict[str, list] = {}

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def ask(self, n, key=None):
        record = self.store.study("s")
        waiting = sum(trial.state == "waiting" for trial in self.model.values())
        n_new = max(0, n - waiting)
        points = [{"x": record.next_number + i} for i in range(n_new)]
        request = Asking(n, points, record.next_number, record.last_seq, {}, lambda number: number, key=key)
        return self.store.ask(self.study, request), n_new

    @rule(target=attempts, n=st.integers(1, 3))
    def ask_some(self, n):
        used = sum(trial.counts for trial in self.model.values())
        waiting = sorted(number for number, trial in self.model.items() if trial.state == "waiting")[:n]
        n_new = n - len(waiting)
        if n_new and used + n_new > LIMIT:
            with pytest.raises(BudgetExhausted):
                self.ask(n)
            return (0, 0)
        trials, _ = self.ask(n)
        expected = waiting + list(range(len(self.model), len(self.model) + n_new))
        assert [trial.number for trial in trials] == expected
        for trial in trials:
            known = self.model.setdefault(trial.number, ModelTrial())
            assert trial.token not in known.attempts
            known.state, known.attempts[trial.token] = "running", "open"
        return trials[-1].number, trials[-1].token

    @rule(key=st.sampled_from("ab"))
    def ask_with_a_key(self, key):
        if key in self.keys:
            before = self.store.study("s")
            again = self.store.ask(self.study, Asking(1, [{"x": 0}], 0, 0, {}, lambda n: n, key=key))
            assert [trial.number for trial in again] == self.keys[key]
            assert self.store.study("s") == before
            return
        waiting = sorted(number for number, trial in self.model.items() if trial.state == "waiting")
        try:
            (trial,), _ = self.ask(1, key)
        except BudgetExhausted:
            assert sum(trial.counts for trial in self.model.values()) >= LIMIT
            return
        assert trial.number == (waiting[0] if waiting else len(self.model))
        known = self.model.setdefault(trial.number, ModelTrial())
        known.state, known.attempts[trial.token] = "running", "open"
        self.keys[key] = [trial.number]

    @rule(attempt=attempts, value=VALUES)
    def tell_a_value(self, attempt, value):
        number, token = attempt
        result = Result(TrialState.COMPLETE, value=value, feasible=True)
        if number not in self.model or token not in self.model[number].attempts:
            with pytest.raises(UnknownTrial):
                self.store.tell(self.study, number, token, result)
            return
        trial = self.model[number]
        held = trial.attempts[token]
        if held == value and token not in trial.duplicates:
            assert self.store.tell(self.study, number, token, result).number == number
            return
        is_open = trial.state in ("running", "waiting")
        was_lost = trial.state == "failed" and trial.reason == "lost"
        takes = token not in trial.duplicates and held in ("open", "gone") and (is_open or was_lost)
        # a failure that was only kept does not stop a value while the trial is open
        takes = takes or (token in trial.duplicates and (is_open or was_lost))
        if not takes:
            with pytest.raises(AlreadyTold):
                self.store.tell(self.study, number, token, result)
            if held in ("open", "gone"):
                trial.attempts[token] = value
                trial.duplicates.add(token)
            return
        assert self.store.tell(self.study, number, token, result).value == value
        for other, state in trial.attempts.items():
            if state == "open" and other != token:
                trial.attempts[other] = "gone"
        trial.state, trial.value, trial.reason = "complete", value, None
        trial.attempts[token] = value
        trial.duplicates.discard(token)

    @rule(attempt=attempts, reason=REASONS)
    def tell_a_failure(self, attempt, reason):
        number, token = attempt
        if number not in self.model or token not in self.model[number].attempts:
            return
        trial, result = self.model[number], Result(TrialState.FAILED, reason=reason)
        held = trial.attempts[token]
        has_result = held not in ("open", "gone") and token not in trial.duplicates
        if has_result:
            if held == reason:
                self.store.tell(self.study, number, token, result)
            else:
                with pytest.raises(AlreadyTold):
                    self.store.tell(self.study, number, token, result)
            return
        self.store.tell(self.study, number, token, result)
        is_open, is_latest = trial.state in ("running", "waiting"), token == trial.latest
        if is_open and is_latest and not (reason == "lost" and held != "open"):
            trial.state, trial.reason = "failed", reason
            trial.attempts[token] = "gone" if reason == "lost" else reason
            trial.duplicates.discard(token)
        elif reason != "lost" and held in ("open", "gone"):
            trial.attempts[token] = reason
            trial.duplicates.add(token)

    @rule(attempt=attempts)
    def lose(self, attempt):
        number, token = attempt
        if number not in self.model or token not in self.model[number].attempts:
            return
        trial = self.model[number]
        self.store.requeue(self.study, number, token, AttemptOutcome.LOST)
        if trial.attempts[token] == "open":
            trial.attempts[token] = "gone"
            if trial.state == "running" and token == trial.latest:
                trial.state = "waiting"

    @rule()
    def reopen(self):
        self.store.close()
        self.store = SqlStore(self.store.url)

    @invariant()
    def the_feed_carries_a_mirror_to_the_very_state_of_the_model(self):
        if not hasattr(self, "store"):
            return
        record, changed = self.store.changes("s", self.cursor)
        self.cursor = record.last_seq
        self.mirror.update({trial.number: trial for trial in changed})
        assert {n: (t.state.value, t.value, t.reason) for n, t in self.mirror.items()} == {
            n: (t.state, t.value, t.reason) for n, t in self.model.items()
        }
        assert [event.seq for event in self.store.events(self.study)] == list(range(1, self.cursor + 1))
        assert self.store.spent(self.study).trials == sum(t.counts for t in self.model.values())


StoreMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestStoreMachine = StoreMachine.TestCase
