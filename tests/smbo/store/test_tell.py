"""The tell transaction in SQLite: how attempts end, and results at points of one's own."""

from __future__ import annotations

import pytest

from smbo.store.ask import Asking
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
from smbo.store.records import Place, Result
from smbo.store.store import SqlStore
from smbo.trial import TrialState


@pytest.fixture
def store(tmp_path):
    store = SqlStore(f"sqlite:///{tmp_path}/a.db")
    yield store
    store.close()


@pytest.fixture
def study(store):
    return store.create_study("s", {}, "gp", 1, Budget()).id


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("timeout", AttemptOutcome.TIMEOUT),
        ("memory", AttemptOutcome.MEMORY),
        ("lost", AttemptOutcome.LOST),
        ("no convergence", AttemptOutcome.ERROR),
        ("complete", AttemptOutcome.ERROR),
    ],
)
def test_an_attempt_ends_as_the_reason_of_its_failure_says(store, study, reason, outcome):
    (trial,) = store.ask(study, Asking(1, [{"x": 0}], 0, 1, {}, int))
    place = Place(host="h", pid=7, started=1.0, ended=2.0)
    told = store.tell(study, 0, trial.token, Result(TrialState.FAILED, reason=reason), place)
    assert (told.state, told.reason) == (TrialState.FAILED, reason)
    (attempt,) = store.attempts(study)
    assert attempt.outcome is outcome
    assert (attempt.host, attempt.pid, attempt.started, attempt.ended) == ("h", 7, 1.0, 2.0)


def test_results_at_points_of_ones_own_are_numbered_on_and_each_has_its_event(store, study):
    store.ask(study, Asking(1, [{"x": 0}], 0, 1, {}, int))
    results = [Result(TrialState.COMPLETE, value=k / 3, feasible=True) for k in range(3)]
    first = store.add_many(study, [{"x": -k} for k in range(3)], results, lambda number: 100 + number)
    assert first == 1
    trials = store.changes("s", 2)[1]
    assert [(trial.number, trial.value, trial.seed) for trial in trials] == [
        (1 + k, k / 3, 101 + k) for k in range(3)
    ]
    events = store.events(study, kind="told")
    assert [(event.seq, event.number) for event in events] == [(3, 1), (4, 2), (5, 3)]
    assert store.spent(study).trials == 1  # nobody asked for them
