"""Each reason for which a run starts no more trials, and how many it may start until then."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from smbo.store.budget import Budget, Spent
from smbo.store.records import LOST
from smbo.study.protocol import StopReason
from smbo.study.run_settings import RunSettings
from smbo.study.stop_reasons import StopReasons
from smbo.trial import Trial, TrialState


def used(trials=0, failures=0):
    return Spent(trials, failures, 0.0)


@dataclass
class FakeStudy:
    budget: Budget = field(default_factory=Budget)
    spent: Spent = field(default_factory=used)
    is_stopped: bool = False
    waiting: frozenset = frozenset()
    trials: tuple = ()
    ended: str | None = None
    problem: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(multi_fidelity=None, space=SimpleNamespace(names=("x",)))
    )

    def termination(self):
        return self.ended


def reasons_of(study, others=False, now=None, **settings):
    clock = now or (lambda: 0.0)
    return StopReasons(study, RunSettings(clock=clock, **settings), {}, lambda: others)


def test_a_study_without_limits_goes_on():
    reasons = reasons_of(FakeStudy())
    assert reasons.current() is None
    assert reasons.n_new() > 0


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        (FakeStudy(budget=Budget(trials=3), spent=used(trials=3)), StopReason.BUDGET),
        (FakeStudy(ended="the bound is met"), StopReason.ENOUGH),
        (FakeStudy(is_stopped=True), StopReason.STOPPED),
    ],
)
def test_the_study_says_why(study, reason):
    reasons = reasons_of(study)
    assert reasons.current() is reason
    if reason is not StopReason.STOPPED:
        assert reasons.n_new() == 0


def test_failures_end_a_run_though_others_are_at_work_and_a_budget_does_not():
    failures = FakeStudy(budget=Budget(failures=2), spent=used(failures=2))
    assert reasons_of(failures, others=True).current() is StopReason.FAILURES
    spent = FakeStudy(budget=Budget(trials=3), spent=used(trials=3))
    assert reasons_of(spent, others=True).current() is None


def test_a_request_to_stop_holds_once_it_was_seen():
    study = FakeStudy(is_stopped=True)
    reasons = reasons_of(study)
    assert reasons.of_the_run() is StopReason.STOPPED
    study.is_stopped = False
    assert reasons.of_the_run() is StopReason.STOPPED


def test_the_time_of_a_run_counts_from_its_beginning():
    now = [10.0]
    reasons = reasons_of(FakeStudy(), now=lambda: now[0], timeout_seconds=5.0)
    now[0] = 14.9
    assert reasons.current() is None
    now[0] = 15.0
    assert reasons.current() is StopReason.TIMEOUT


def test_a_run_of_n_trials_still_repeats_those_of_its_own_that_wait():
    study = FakeStudy()
    reasons = reasons_of(study, n_trials=2)
    assert reasons.n_new() == 2
    reasons.started.update({0, 1})
    assert reasons.n_new() == 0
    study.waiting = frozenset({1})
    assert reasons.current() is None
    study.waiting = frozenset({7})
    assert reasons.current() is StopReason.N_TRIALS


def test_a_space_without_points_ends_the_run_once_nothing_waits():
    study = FakeStudy(waiting=frozenset({0}))
    reasons = reasons_of(study)
    reasons.is_space_exhausted = True
    assert reasons.current() is None
    study.waiting = frozenset()
    assert reasons.current() is StopReason.SPACE


def test_three_lost_trials_one_after_the_other_are_no_chance():
    reasons = reasons_of(FakeStudy())
    lost = Trial(0, {}, 1, state=TrialState.FAILED, reason=LOST)
    for trial in (lost, lost, Trial(1, {}, 1, state=TrialState.COMPLETE), lost, lost):
        reasons.note_recorded(trial)
        assert reasons.current() is None
    reasons.note_recorded(lost)
    assert reasons.current() is StopReason.LOST


def test_three_misfits_before_any_result_that_fits_end_the_run():
    study = FakeStudy()
    reasons = reasons_of(study)
    for _ in range(3):
        assert reasons.current() is None
        reasons.note_result(is_misfit=True)
    assert reasons.current() is StopReason.MISFIT
    study.trials = (Trial(0, {}, 1, state=TrialState.COMPLETE),)
    assert reasons.current() is None
