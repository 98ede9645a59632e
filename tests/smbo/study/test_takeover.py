"""What dead drivers left is found: their open attempts, and outcomes that nobody waits for."""

from __future__ import annotations

from types import SimpleNamespace

from smbo.study.takeover import Takeover
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus


class FakeDrivers:
    def __init__(self, gone=(), living=(), beat_seconds=15.0):
        self.gone, self.living, self.beat_seconds, self.beats = gone, living, beat_seconds, []

    def beat(self, n_slots):
        self.beats.append(n_slots)

    def left_open(self):
        return [attempt(token) for token in self.gone], [attempt(token) for token in self.living]


def attempt(token):
    return SimpleNamespace(token=token, number=token)


def outcome(token, study="s"):
    return JobOutcome(Job(study, token, token, {}), JobStatus.OK, {})


def takeover(drivers, outcomes=(), now=None):
    outbox = SimpleNamespace(pending=lambda: list(outcomes))
    return Takeover("s", drivers, outbox, now or (lambda: 0.0))


def test_outcomes_of_living_drivers_of_our_own_jobs_and_of_other_studies_are_left_alone():
    outcomes = [outcome(1), outcome(2), outcome(3), outcome(4, study="another")]
    abandoned, late = takeover(FakeDrivers(gone=[1, 5], living=[2]), outcomes).look({3})
    assert [each.token for each in abandoned] == [1, 5]
    assert late == outcomes[:1]


def test_others_are_at_work_while_an_attempt_is_open_that_is_not_our_own():
    assert takeover(FakeDrivers(living=[2])).others_at_work({1})
    assert takeover(FakeDrivers(gone=[2])).others_at_work({1})
    assert not takeover(FakeDrivers(gone=[1])).others_at_work({1})


def test_a_look_is_due_once_a_second_and_in_each_heartbeat_and_the_driver_beats_at_each_turn():
    now, drivers = [0.0], FakeDrivers()
    watch = takeover(drivers, now=lambda: now[0])
    due = []
    for now[0] in (0.0, 0.5, 1.0, 1.5):
        due.append(watch.is_due(3))
    assert due == [True, False, True, False]
    assert drivers.beats == [3] * 4
    often = takeover(FakeDrivers(beat_seconds=0.1), now=lambda: now[0])
    assert often.is_due(1)
    now[0] += 0.1
    assert often.is_due(1)
