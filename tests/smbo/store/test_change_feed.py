"""The change feed: counters without gaps, calls that find what they did, and the budget's account."""

from __future__ import annotations

import pytest

from smbo.store.budget import Budget
from smbo.store.change_feed import charge, is_made, made_by, note, take
from smbo.store.database import Database
from smbo.store.statements import CALL
from smbo.store.store import SqlStore
from smbo.trial import TrialState


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    store = SqlStore(url)
    store.create_study("s", {}, "gp", 1, Budget())
    store.close()
    database = Database(url)
    yield database
    database.close()


def test_counters_taken_in_a_transaction_that_fails_are_given_back(database):
    def breaks(connection):
        take(connection, 1, numbers=3, tokens=2, seqs=5, charged=3, seconds=1.0)
        raise RuntimeError("power went")

    before = database.write(lambda at: take(at, 1))
    with pytest.raises(RuntimeError):
        database.write(breaks)
    assert database.write(lambda at: take(at, 1)) == before


def test_what_is_taken_begins_where_the_last_one_ended(database):
    first = database.write(lambda at: take(at, 1, numbers=3, tokens=2, seqs=5, charged=3, failed=1))
    second = database.write(lambda at: take(at, 1, numbers=1, tokens=1, seqs=1))
    ends = (first.number + 3, first.token + 2, first.seq + 5)
    assert (second.number, second.token, second.seq) == ends
    assert (second.spent.trials, second.spent.failures) == (3, 1)


def test_a_call_finds_the_events_that_it_made_and_no_others(database):
    def noting(call, number):
        def work(connection):
            connection.info[CALL] = call
            return note(connection, 1, "told", number)

        return work

    seqs = [database.write(noting(call, number)) for number, call in enumerate(["mine", "other", "mine"])]
    assert seqs == [2, 3, 4]  # the study's own creation was the first
    assert database.write(lambda at: made_by(at, 1, "mine", ("told",))) == [0, 2]
    assert database.write(lambda at: made_by(at, 1, "mine", ("asked",))) == []
    assert database.write(lambda at: [is_made(at, 1, call) for call in ("other", "never")]) == [True, False]


def test_a_trial_is_charged_unless_it_was_cancelled_or_lost():
    costs = {state: charge(state.value, "error") for state in TrialState}
    assert costs.pop(TrialState.CANCELLED) == (0, 0)
    assert costs.pop(TrialState.FAILED) == (1, 1)
    assert set(costs.values()) == {(1, 0)}
    assert charge("failed", "lost") == (0, 1)
