"""What every store must do; run on each kind of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smbo.errors import AlreadyTold, BudgetExhausted, StoreError, StudyMismatch, UnknownStudy, UnknownTrial
from smbo.store.ask import Asking
from smbo.store.attempt_outcome import AttemptOutcome
from smbo.store.budget import Budget
from smbo.store.records import Place, Result, StaleProposal
from smbo.store.store import SqlStore
from smbo.trial import TrialState

HOSTILE = ["; rm -rf", "$(touch x)", "../../x", "'); DROP TABLE trial; --", "x" * 10_240]
COMPLETE, FAILED, PAUSED, RUNNING, WAITING = (
    TrialState.COMPLETE,
    TrialState.FAILED,
    TrialState.PAUSED,
    TrialState.RUNNING,
    TrialState.WAITING,
)


def measured(value: float, **more) -> Result:
    return Result(COMPLETE, value=value, feasible=True, **more)


def failed(reason: str = "error", error: str | None = None) -> Result:
    return Result(FAILED, reason=reason, error=error)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/store.db"
    else:
        url = request.getfixturevalue("postgres_url")
    store = SqlStore(url)
    yield store
    store.close()


@pytest.fixture
def study(store):
    return store.create_study("s", {"space": {}}, "gp", 7, Budget()).id


def request(store, n=1, points=None, **more) -> Asking:
    record = store.study("s")
    if points is None:
        points = [{"x": record.next_number + i} for i in range(n)]
    given = {
        "n": n,
        "points": points,
        "first_number": record.next_number,
        "watermark": record.last_seq,
        "memory": {},
        "seed_of": lambda number: 1000 + number,
    }
    return Asking(**{**given, **more})


def ask_one(store, study, **more):
    return store.ask(study, request(store, **more))[0]


def trials_of(store):
    return {trial.number: trial for trial in store.changes("s", 0)[1]}


def test_trials_are_numbered_from_zero_without_gaps_and_their_tokens_differ(store, study):
    trials = [*store.ask(study, request(store, 3)), *store.ask(study, request(store, 2))]
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    assert len({trial.token for trial in trials}) == 5
    assert {trial.state for trial in trials} == {RUNNING}
    assert [trial.seed for trial in trials] == [1000, 1001, 1002, 1003, 1004]


def test_every_field_of_a_result_comes_back_bit_for_bit(store, study):
    trial = ask_one(store, study)
    outputs = np.array([math.pi, -0.0, 5e-324, 1e308, np.nan])
    result = Result(
        COMPLETE,
        value=0.1 + 0.2,
        sem=1e-17,
        cost=3.5,
        feasible=False,
        metrics={"a": 1 / 3, "b": math.inf, "c": math.nan},
        outputs=outputs,
        outputs_variance=outputs * 0.5,
    )
    store.tell(study, trial.number, trial.token, result)
    read = trials_of(store)[0]
    assert (read.value, read.sem, read.cost, read.feasible) == (0.1 + 0.2, 1e-17, 3.5, False)
    assert read.metrics["a"] == 1 / 3
    assert read.metrics["b"] == math.inf
    assert math.isnan(read.metrics["c"])
    assert read.outputs.tobytes() == outputs.tobytes()
    assert read.outputs_variance.tobytes() == (outputs * 0.5).tobytes()


def test_a_failure_keeps_its_reason_and_its_story(store, study):
    trial = ask_one(store, study)
    store.tell(study, trial.number, trial.token, failed("timeout", "Traceback …"))
    read = trials_of(store)[0]
    assert (read.state, read.reason, read.error) == (FAILED, "timeout", "Traceback …")
    assert [attempt.outcome for attempt in store.attempts(study)] == [AttemptOutcome.TIMEOUT]


def test_the_same_result_may_be_told_again_and_another_may_not(store, study):
    trial = ask_one(store, study)
    first = store.tell(study, trial.number, trial.token, measured(1.0))
    before = store.study("s").last_seq
    assert store.tell(study, trial.number, trial.token, measured(1.0)).value == first.value
    with pytest.raises(AlreadyTold, match=r"trial 0 has the value 1\.0"):
        store.tell(study, trial.number, trial.token, measured(2.0))
    assert trials_of(store)[0].value == 1.0
    assert store.study("s").last_seq == before


def test_a_repeated_failure_is_known_by_its_reason_whatever_its_traceback_says(store, study):
    trial = ask_one(store, study)
    store.tell(study, trial.number, trial.token, failed("error", "at 0x7f01"))
    store.tell(study, trial.number, trial.token, failed("error", "at 0x7f02"))
    with pytest.raises(AlreadyTold, match="ended as failed"):
        store.tell(study, trial.number, trial.token, failed("timeout"))


def test_unknown_trials_and_foreign_tokens_are_refused(store, study):
    first, second = store.ask(study, request(store, 2))
    with pytest.raises(UnknownTrial, match="trial 9"):
        store.tell(study, 9, first.token, measured(1.0))
    with pytest.raises(UnknownTrial, match="no attempt with token 99"):
        store.tell(study, first.number, 99, measured(1.0))
    with pytest.raises(UnknownTrial, match="no attempt with token"):
        store.tell(study, first.number, second.token, measured(1.0))
    assert all(trial.state is RUNNING for trial in trials_of(store).values())


def test_a_lost_trial_waits_and_is_run_again_with_its_number_point_and_seed(store, study):
    trial = ask_one(store, study)
    store.requeue(study, trial.number, trial.token, AttemptOutcome.LOST)
    assert trials_of(store)[0].state is WAITING
    again = store.ask(study, request(store, 1, points=[]))[0]
    assert (again.number, again.params, again.seed) == (trial.number, trial.params, trial.seed)
    assert again.token != trial.token
    assert again.state is RUNNING


def test_ending_an_attempt_twice_ends_it_once(store, study):
    trial = ask_one(store, study)
    store.requeue(study, trial.number, trial.token, AttemptOutcome.LOST)
    again = store.ask(study, request(store, 1, points=[]))[0]
    store.requeue(study, trial.number, trial.token, AttemptOutcome.LOST)
    read = trials_of(store)[0]
    assert (read.state, read.token) == (RUNNING, again.token)


def test_an_attempt_that_brought_its_result_cannot_be_lost_any_more(store, study):
    trial = ask_one(store, study)
    store.tell(study, trial.number, trial.token, measured(1.0))
    before = store.study("s").last_seq
    assert store.requeue(study, trial.number, trial.token, AttemptOutcome.LOST).state is COMPLETE
    assert [attempt.outcome for attempt in store.attempts(study)] == [AttemptOutcome.COMPLETE]
    assert store.study("s").last_seq == before


def test_a_late_first_result_of_a_trial_given_up_for_lost_is_kept(store, study):
    trial = ask_one(store, study)
    store.tell(study, trial.number, trial.token, failed("lost"))
    assert store.tell(study, trial.number, trial.token, measured(4.0)).state is COMPLETE
    assert [attempt.outcome for attempt in store.attempts(study)] == [AttemptOutcome.LATE]
    assert trials_of(store)[0].reason is None


def test_the_first_result_counts_whichever_attempt_brings_it_and_the_second_is_only_kept(store, study):
    old = ask_one(store, study)
    store.requeue(study, old.number, old.token, AttemptOutcome.LOST)
    new = store.ask(study, request(store, 1, points=[]))[0]
    store.tell(study, old.number, old.token, measured(1.0))
    assert trials_of(store)[0].value == 1.0
    for _ in range(2):
        with pytest.raises(AlreadyTold):
            store.tell(study, new.number, new.token, measured(2.0))
    assert trials_of(store)[0].value == 1.0
    assert [attempt.outcome for attempt in store.attempts(study)] == [
        AttemptOutcome.LATE,
        AttemptOutcome.DUPLICATE,
    ]


def test_a_failure_of_an_attempt_that_was_given_up_does_not_stop_the_newer_one(store, study):
    old = ask_one(store, study)
    store.requeue(study, old.number, old.token, AttemptOutcome.LOST)
    new = store.ask(study, request(store, 1, points=[]))[0]
    assert store.tell(study, old.number, old.token, failed("error")).state is RUNNING
    assert store.tell(study, new.number, new.token, measured(3.0)).value == 3.0


def test_a_failed_trial_stays_failed_unless_it_was_lost(store, study):
    trial = ask_one(store, study)
    store.tell(study, trial.number, trial.token, failed("error"))
    with pytest.raises(AlreadyTold):
        store.tell(study, trial.number, trial.token, measured(1.0))
    assert trials_of(store)[0].state is FAILED


def test_an_ask_with_a_key_gives_the_same_trials_again(store, study):
    first = store.ask(study, request(store, 2, key="job-17"))
    again = store.ask(study, request(store, 2, key="job-17"))
    assert [(t.number, t.token) for t in again] == [(t.number, t.token) for t in first]
    assert store.study("s").next_number == 2
    with pytest.raises(StoreError, match="used for 2 trials, not 1"):
        store.ask(study, request(store, 1, key="job-17"))
    assert [t.number for t in store.ask(study, request(store, 2, key="job-18"))] == [2, 3]


def test_the_budget_of_trials_counts_all_but_lost_cancelled_and_uninvited_ones(store):
    study = store.create_study("s", {}, "gp", 7, Budget(trials=3)).id
    first, second, third = store.ask(study, request(store, 3))
    with pytest.raises(BudgetExhausted, match="all 3 trials are used up"):
        store.ask(study, request(store))
    store.add(study, {"x": -1}, measured(0.0), lambda number: number)
    store.tell(study, first.number, first.token, failed("error"))
    with pytest.raises(BudgetExhausted):
        store.ask(study, request(store))
    store.tell(study, second.number, second.token, failed("lost"))
    with pytest.raises(BudgetExhausted, match="1 of 3 trials are left"):
        store.ask(study, request(store, 2))
    assert store.ask(study, request(store))[0].number == 4
    store.tell(study, third.number, third.token, Result(TrialState.CANCELLED))
    assert store.ask(study, request(store))[0].number == 5
    with pytest.raises(BudgetExhausted):
        store.ask(study, request(store))


def test_a_waiting_trial_needs_no_budget_to_be_run_again(store):
    study = store.create_study("s", {}, "gp", 7, Budget(trials=1)).id
    trial = ask_one(store, study)
    store.requeue(study, trial.number, trial.token, AttemptOutcome.LOST)
    assert store.ask(study, request(store, 1, points=[]))[0].number == trial.number


def test_failures_and_time_have_budgets_of_their_own(store):
    study = store.create_study("s", {}, "gp", 7, Budget(failures=2)).id
    for reason in ("error", "lost"):
        trial = ask_one(store, study)
        store.tell(study, trial.number, trial.token, failed(reason))
    with pytest.raises(BudgetExhausted, match="2 evaluations failed, and the limit is 2"):
        store.ask(study, request(store))
    store.raise_budget(study, Budget(failures=3, time_seconds=10.0))
    ask_one(store, study)
    store.add_time(study, 10.5)
    with pytest.raises(BudgetExhausted, match="all 10 s"):
        store.ask(study, request(store))


def test_a_budget_can_be_raised_and_not_lowered(store, study):
    assert store.raise_budget(study, Budget(trials=5)) == Budget(trials=5)
    assert store.raise_budget(study, Budget(trials=9, failures=1)) == Budget(trials=9, failures=1)
    with pytest.raises(StudyMismatch, match="trials is 9 and cannot be lowered to 8"):
        store.raise_budget(study, Budget(trials=8))
    assert store.raise_budget(study, Budget()) == Budget(trials=9, failures=1)


def test_a_proposal_is_refused_when_somebody_asked_in_between(store, study):
    request_a, request_b = request(store), request(store)
    store.ask(study, request_a)
    with pytest.raises(StaleProposal):
        store.ask(study, request_b)
    assert store.study("s").next_number == 1


def test_a_final_proposal_takes_another_number_unless_its_point_was_taken(store, study):
    same = request(store, is_final=True)
    other = request(store, points=[{"x": 77}], is_final=True)
    store.ask(study, request(store))
    with pytest.raises(StaleProposal):
        store.ask(study, same)
    trial = store.ask(study, other)[0]
    assert (trial.number, trial.seed) == (1, 1001)


def test_a_proposal_is_refused_when_a_trial_has_come_to_wait(store, study):
    trial = ask_one(store, study)
    stale = request(store, 2, points=[{"x": 1}])
    with pytest.raises(StaleProposal):
        store.ask(study, stale)
    store.requeue(study, trial.number, trial.token, AttemptOutcome.LOST)
    assert [each.number for each in store.ask(study, request(store, 2, points=[{"x": 1}]))] == [0, 1]


def test_the_change_feed_is_complete_and_without_gaps(store, study):
    cursor, seen = 0, {}
    for step in range(6):
        trial = ask_one(store, study)
        if step % 2:
            store.tell(study, trial.number, trial.token, measured(step))
        record, changed = store.changes("s", cursor)
        seen.update({each.number: each.state for each in changed})
        assert len(changed) == 1
        cursor = record.last_seq
    assert seen == {number: trial.state for number, trial in trials_of(store).items()}
    assert [event.seq for event in store.events(study)] == list(range(1, cursor + 1))
    assert store.changes("s", cursor)[1] == []


def test_memory_is_stored_with_the_ask_that_made_it(store, study):
    store.ask(study, request(store, memory={"radius": 0.1 + 0.2}))
    assert store.study("s").memory == {"radius": 0.1 + 0.2}
    with pytest.raises(StaleProposal):
        store.ask(study, request(store, first_number=0, memory={"radius": 9}))
    assert store.study("s").memory == {"radius": 0.1 + 0.2}


def test_a_refused_ask_leaves_nothing_behind(store, study):
    before = store.study("s")
    with pytest.raises(StoreError, match="plain JSON"):
        store.ask(study, request(store, 2, points=[{"x": 1}, {"x": object()}]))
    assert store.study("s") == before
    assert trials_of(store) == {}


def test_a_point_told_without_being_asked_for_is_a_trial_of_its_own(store, study):
    ask_one(store, study)
    trial = store.add(study, {"x": 0.5}, measured(2.0), lambda number: 1000 + number)
    assert (trial.number, trial.state, trial.value, trial.seed) == (1, COMPLETE, 2.0, 1001)
    assert store.tell(study, 1, None, measured(2.0)).value == 2.0
    with pytest.raises(AlreadyTold):
        store.tell(study, 1, None, measured(3.0))


def test_studies_are_listed_and_found_by_name(store, study):
    store.create_study("b-2", {}, "gp", 1, Budget())
    assert store.names() == ["b-2", "s"]
    with pytest.raises(UnknownStudy, match="no study 'c'"):
        store.study("c")
    assert store.create_study("s", {"other": 1}, "gp", 8, Budget(trials=1)).seed == 7


# --- rungs, reports


def rung_of(store, study, n=1):
    return store.ask(study, request(store, n, fidelities=[1.0] * n, rungs=[0] * n))


def paused(value: float, checkpoint: str | None = None) -> Result:
    return Result(PAUSED, value=value, checkpoint=checkpoint)


def test_a_paused_trial_is_promoted_and_goes_on_under_a_new_token(store, study):
    trial = rung_of(store, study)[0]
    assert (trial.fidelity, trial.rung) == (1.0, 0)
    held = store.pause(study, 0, trial.token, paused(2.0, "there"))
    assert (held.state, held.value, held.checkpoint) == (PAUSED, 2.0, "there")
    assert store.ask(study, request(store))[0].number == 1  # what is paused is not asked for

    assert store.promote(study, 0, 3.0, 1).state is WAITING
    again = store.ask(study, request(store, points=[]))[0]
    assert (again.number, again.fidelity, again.rung, again.checkpoint) == (0, 3.0, 1, "there")
    assert again.token != trial.token
    store.tell(study, 0, again.token, measured(1.0))
    first, last = store.attempts(study, number=0)
    assert (first.outcome, first.rung, first.value, first.checkpoint) == (
        AttemptOutcome.PAUSED,
        0,
        2.0,
        "there",
    )
    assert (last.outcome, last.rung, last.value) == (AttemptOutcome.COMPLETE, 1, 1.0)


def test_a_promotion_happens_once_and_only_upwards_from_a_pause(store, study):
    trial = rung_of(store, study)[0]
    with pytest.raises(StoreError, match="running at rung 0; only a paused one"):
        store.promote(study, 0, 3.0, 1)
    store.pause(study, 0, trial.token, paused(2.0))
    with pytest.raises(StoreError, match="upwards"):
        store.promote(study, 0, 1.0, 0)
    store.promote(study, 0, 3.0, 1)
    before = store.study("s").last_seq
    store.promote(study, 0, 3.0, 1)
    assert store.study("s").last_seq == before


def test_of_the_waiting_trials_the_highest_rung_goes_first_then_the_lowest_number(store, study):
    trials = rung_of(store, study, 3)
    store.requeue(study, 0, trials[0].token, AttemptOutcome.LOST)
    for trial, rung in ((trials[1], 1), (trials[2], 2)):
        store.pause(study, trial.number, trial.token, paused(1.0))
        store.promote(study, trial.number, 3.0, rung)
    asked = [store.ask(study, request(store, points=[]))[0].number for _ in range(3)]
    assert asked == [2, 1, 0]


def test_a_value_of_a_lower_rung_does_not_end_a_trial_on_a_higher_one(store, study):
    lost = rung_of(store, study)[0]
    store.requeue(study, 0, lost.token, AttemptOutcome.LOST)
    again = store.ask(study, request(store, points=[]))[0]
    store.pause(study, 0, again.token, paused(2.0))
    store.promote(study, 0, 3.0, 1)
    for result in (measured(9.0), paused(9.0)):
        with pytest.raises(AlreadyTold):
            store.tell(study, 0, lost.token, result)
    assert (trials_of(store)[0].state, trials_of(store)[0].value) == (WAITING, 2.0)


def test_a_late_value_of_the_same_rung_pauses_the_trial_and_frees_the_newer_attempt(store, study):
    lost = rung_of(store, study)[0]
    store.requeue(study, 0, lost.token, AttemptOutcome.LOST)
    newer = store.ask(study, request(store, points=[]))[0]
    assert store.pause(study, 0, lost.token, paused(2.0)).state is PAUSED
    assert store.pause(study, 0, lost.token, paused(2.0)).state is PAUSED
    outcomes = {each.token: each.outcome for each in store.attempts(study)}
    assert outcomes == {lost.token: AttemptOutcome.LATE, newer.token: AttemptOutcome.CANCELLED}
    with pytest.raises(AlreadyTold):
        store.pause(study, 0, newer.token, paused(3.0))


def test_a_pruned_trial_keeps_its_last_value_and_its_attempt_is_told_to_end(store, study):
    trial = rung_of(store, study)[0]
    assert store.report(study, 0, trial.token, 1, 5.0)
    assert store.beat_attempts(study, {trial.token: None}) == {trial.token: 1}
    pruned = store.prune(study, 0, trial.token, 5.0, why={"median": 1.0})
    assert (pruned.state, pruned.value) == (TrialState.PRUNED, 5.0)
    assert not store.report(study, 0, trial.token, 2, 4.0)
    assert store.beat_attempts(study, {trial.token: None}) == {}
    before = store.study("s").last_seq
    store.prune(study, 0, trial.token, 5.0)
    assert store.study("s").last_seq == before
    with pytest.raises(AlreadyTold, match="ended as pruned"):
        store.tell(study, 0, trial.token, measured(1.0))


def test_a_report_is_kept_once_per_step_and_in_the_order_of_arrival(store, study):
    first, second = rung_of(store, study, 2)
    store.report(study, 1, second.token, 1, math.nan)
    store.report(study, 0, first.token, 2, math.inf)
    store.report(study, 0, first.token, 1, 0.5)
    store.report(study, 0, first.token, 1, 99.0)
    found = store.reports(study)
    assert [(each.number, each.step) for each in found] == [(1, 1), (0, 2), (0, 1)]
    assert math.isnan(found[0].value)
    assert [each.value for each in found[1:]] == [math.inf, 0.5]
    assert store.reports(study, found[1].seq) == found[2:]
    assert store.reports(study, number=1)[0].token == second.token
    assert [each.seq for each in store.events(study)] == list(range(1, store.study("s").last_seq + 1))


def test_reports_of_unknown_attempts_and_at_no_step_are_refused(store, study):
    first, second = rung_of(store, study, 2)
    for number, token in ((0, second.token), (0, 99), (7, first.token)):
        with pytest.raises(UnknownTrial):
            store.report(study, number, token, 1, 0.5)
    with pytest.raises(StoreError, match="step=nan"):
        store.report(study, 0, first.token, math.nan, 0.5)


# --- drivers, leases


def test_a_token_is_claimed_once_and_not_after_it_was_given_up(store, study):
    first, second = store.ask(study, request(store, 2))
    assert store.claim(study, 0, first.token, "d", "job-0", Place(host="h", pid=3))
    assert not store.claim(study, 0, first.token)
    store.requeue(study, 1, second.token, AttemptOutcome.LOST)
    assert not store.claim(study, 1, second.token)
    with pytest.raises(UnknownTrial):
        store.claim(study, 0, second.token)
    record = store.attempts(study, number=0)[0]
    assert (record.driver, record.job, record.host, record.pid, record.beat) == ("d", "job-0", "h", 3, 1)
    assert record.claimed is not None


def test_beats_move_counters_forward_only_and_of_open_attempts_only(store, study):
    first, second = store.ask(study, request(store, 2))
    assert store.beat_attempts(study, {first.token: 7, second.token: None}) == {
        first.token: 7,
        second.token: 1,
    }
    assert store.beat_attempts(study, {first.token: 5}) == {first.token: 7}
    store.tell(study, 0, first.token, measured(1.0))
    assert store.beat_attempts(study, {first.token: None, second.token: None, 99: 1}) == {second.token: 2}


def test_attempts_are_held_by_a_driver_under_the_back_ends_key(store, study):
    trial = ask_one(store, study)
    store.hold_attempts(study, "d", {trial.token: "cluster.17"})
    store.hold_attempts(study, "e", {trial.token: None})
    record = store.attempts(study)[0]
    assert (record.driver, record.job) == ("e", "cluster.17")


def test_drivers_register_beat_and_leave(store, study):
    assert store.register_driver(study, "a", "host", 12, 4).epoch == 1
    assert store.beat_driver(study, "a", 6) == 1
    assert store.beat_driver(study, "b") is None
    assert store.register_driver(study, "a", "host", 13, 2).epoch == 2
    store.register_driver(study, "b", "other", 14, 1)
    store.end_driver(study, "b")
    a, b = store.drivers(study)
    assert (a.id, a.epoch, a.pid, a.capacity, a.beat, a.ended) == ("a", 2, 13, 2, 2, None)
    assert b.ended is not None


def test_one_driver_leads_and_is_replaced_only_by_who_saw_it_dead_first(store, study):
    for name in "abc":
        store.register_driver(study, name, "host", 1, 1)
    assert store.lead(study, "nobody") is None
    assert store.lead(study, "a") == 1
    assert store.lead(study, "a") == 1
    assert store.lead(study, "b") is None
    assert store.lead(study, "b", over=1) == 2
    assert store.lead(study, "c", over=1) is None  # b was faster
    assert store.leader(study) == ("b", 2)
    store.end_driver(study, "b")
    assert store.lead(study, "b", over=2) is None  # it has left
    assert store.lead(study, "c") == 3


def test_a_driver_that_no_longer_leads_decides_nothing(store, study):
    for name in "ab":
        store.register_driver(study, name, "host", 1, 1)
    old = store.lead(study, "a")
    trial = rung_of(store, study)[0]
    store.pause(study, 0, trial.token, paused(2.0))
    new = store.lead(study, "b", over=old)
    with pytest.raises(StoreError, match="led in epoch 1, the study is in epoch 2"):
        store.promote(study, 0, 3.0, 1, epoch=old)
    with pytest.raises(StoreError, match="led in epoch 1"):
        store.prune(study, 0, trial.token, epoch=old)
    assert store.promote(study, 0, 3.0, 1, epoch=new).state is WAITING


@pytest.mark.parametrize(
    "name",
    [
        "",
        "; rm -rf",
        "$(touch x)",
        "../../x",
        "a\n",
        "a/b",
        "-a",
        ".a",
        "ä",
        "a" * 101,
        "a" * 10_240,
        None,
        3,
    ],
    ids=lambda name: repr(name)[:20],
)
def test_a_name_that_could_do_harm_is_refused_at_the_door(store, study, name):
    with pytest.raises(StoreError, match="study name"):
        store.create_study(name, {}, "gp", 1, Budget())
    with pytest.raises(StoreError, match="study name"):
        store.study(name)
    assert store.names() == ["s"]


@pytest.mark.parametrize(
    "value",
    [
        "; rm -rf",
        "$(touch x)",
        "../../x",
        "a\nb\r\x00c",
        "'); DROP TABLE trial; --",
        "x" * 10_240,
        "ä€😀\ud800",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_that_could_do_harm_comes_back_unharmed(store, study, value):
    trial = ask_one(store, study, points=[{"choice": value, value: 1}])
    assert trial.params == {"choice": value, value: 1}
    assert trials_of(store)[0].params == {"choice": value, value: 1}
