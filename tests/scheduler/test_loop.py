"""The loop, with an executor that does as its script says and a clock that moves when told."""

from __future__ import annotations

import contextlib
import errno
from collections import deque

import pytest

from smbo_scheduler.errors import Unavailable
from smbo_scheduler.jobs import Job, JobOutcome, JobStatus
from smbo_scheduler.loop import RunEnd, Stop, run


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class ScriptedExecutor:
    """Ends, at each poll, the running jobs whose numbers stand next in ``script`` (else the oldest)."""

    def __init__(self, clock, capacities=(2,), script=()):
        self.clock = clock
        self.capacities = deque(capacities)
        self.script = deque(script)
        self.running = {}
        self.submitted, self.settled, self.cancelled, self.adopted = [], [], [], []
        self.most_running = 0

    runs_elsewhere = False

    def trouble(self):
        return None

    def capacity(self):
        return self.capacities.popleft() if len(self.capacities) > 1 else self.capacities[0]

    def submit(self, job):
        self.submitted.append(job.number)
        self.running[job.number] = job
        self.most_running = max(self.most_running, len(self.running))

    def poll(self, timeout_seconds):
        self.clock.now += timeout_seconds
        numbers = self.script.popleft() if self.script else list(self.running)[:1]
        return [self.end(number) for number in numbers]

    def end(self, number):
        ending = JobStatus.CANCELLED if number in self.cancelled else JobStatus.OK
        return JobOutcome(self.running.pop(number), ending, {} if ending is JobStatus.OK else None)

    def adopt(self, jobs):
        self.adopted += [job.number for job in jobs]
        self.running.update({job.number: job for job in jobs})

    def settle(self, outcome):
        self.settled.append(outcome.job.number)

    def cancel(self, job):
        self.cancelled.append(job.number)

    def close(self):
        pass


class CountingSource:
    """Gives jobs 0 … n-1, and keeps what was recorded."""

    def __init__(self, n):
        self.n = n
        self.given = 0
        self.recorded = []

    def next_jobs(self, n):
        numbers = range(self.given, min(self.given + n, self.n))
        self.given += len(numbers)
        return [Job("tune", number, number, {}) for number in numbers]

    def record(self, outcome):
        self.recorded.append(outcome.job.number)

    def is_finished(self):
        return self.given >= self.n

    def orphans(self):
        return []

    def prefetch(self):
        return False

    together = contextlib.nullcontext


@pytest.fixture
def clock():
    return FakeClock()


def stop_after(polls):
    """Return a stop that says DRAIN, CANCEL, EXIT from these calls on."""
    calls = iter(range(10**6))

    def stop():
        call = next(calls)
        return Stop(sum(call >= poll for poll in polls))

    return stop


def test_every_job_is_run_and_recorded_once(clock):
    source, executor = CountingSource(7), ScriptedExecutor(clock)
    summary = run(source, executor, clock=clock)
    assert sorted(source.recorded) == list(range(7))
    assert executor.settled == source.recorded
    assert summary.end is RunEnd.FINISHED
    assert summary.n_by_status == {JobStatus.OK: 7}


def test_no_more_jobs_are_in_flight_than_there_are_slots(clock):
    executor = ScriptedExecutor(clock, capacities=(3,))
    run(CountingSource(20), executor, clock=clock)
    assert executor.most_running == 3


def test_a_free_slot_is_filled_although_an_older_job_still_runs(clock):
    executor = ScriptedExecutor(clock, script=[[1], [2], [3], [0, 4]])
    run(CountingSource(5), executor, clock=clock)
    assert executor.submitted == [0, 1, 2, 3, 4]
    assert executor.settled == [1, 2, 3, 0, 4]


def test_nothing_new_starts_while_a_pool_that_shrank_has_too_many_running(clock):
    executor = ScriptedExecutor(clock, capacities=(3, 1), script=[[], [0], [1], [2]])
    run(CountingSource(4), executor, clock=clock)
    assert executor.submitted == [0, 1, 2, 3]
    assert executor.settled == [0, 1, 2, 3]


def test_without_a_worker_the_loop_waits_and_says_so(clock):
    reports = []
    executor = ScriptedExecutor(clock, capacities=(0, 0, 0, 1))
    run(CountingSource(1), executor, clock=clock, on_progress=reports.append, poll_seconds=0.5)
    assert [report.message for report in reports][:2] == ["waiting for a worker", None]
    assert clock.now == pytest.approx(0.5 * 4)  # three waits for the worker, one for the job


def test_asked_once_it_waits_for_what_runs_and_starts_no_more(clock):
    source, executor = CountingSource(10), ScriptedExecutor(clock)
    summary = run(source, executor, clock=clock, stop=stop_after([2]))
    assert summary.end is RunEnd.DRAINED
    assert sorted(source.recorded) == sorted(executor.submitted) == [0, 1, 2]
    assert executor.cancelled == []


def test_asked_twice_it_cancels_what_runs_once_and_records_it(clock):
    source, executor = CountingSource(10), ScriptedExecutor(clock, script=[[], [], [], [0, 1]])
    summary = run(source, executor, clock=clock, stop=stop_after([1, 2]))
    assert summary.end is RunEnd.CANCELLED
    assert executor.cancelled == [0, 1]
    assert summary.n_by_status == {JobStatus.CANCELLED: 2}
    assert sorted(source.recorded) == [0, 1]


def test_asked_thrice_it_leaves_at_once(clock):
    source, executor = CountingSource(10), ScriptedExecutor(clock, script=[[]] * 9)
    summary = run(source, executor, clock=clock, stop=stop_after([1, 1, 1]))
    assert summary.end is RunEnd.LEFT
    assert source.recorded == []


def test_a_stop_is_never_taken_back(clock):
    answers = iter([Stop.GO, Stop.DRAIN, Stop.GO, Stop.GO, Stop.GO])
    executor = ScriptedExecutor(clock)
    summary = run(CountingSource(10), executor, clock=clock, stop=lambda: next(answers))
    assert summary.end is RunEnd.DRAINED
    assert executor.submitted == [0, 1]


def test_adopted_jobs_take_slots_and_are_recorded(clock):
    source, executor = CountingSource(1), ScriptedExecutor(clock, script=[[], [101], [0], [100]])
    left = iter([[Job("tune", 100, 100, {}), Job("tune", 101, 101, {})]])
    source.orphans = lambda: next(left, [])
    run(source, executor, clock=clock)
    assert executor.adopted == [100, 101]
    assert source.recorded == [101, 0, 100]
    assert executor.most_running == 2


def test_jobs_whose_driver_dies_later_are_taken_over_too_and_each_once(clock):
    source, executor = CountingSource(4), ScriptedExecutor(clock)
    source.orphans = lambda: [Job("tune", 100, 100, {})] if clock.now == 1.0 else []
    run(source, executor, clock=clock)
    assert executor.adopted == [100]
    assert sorted(source.recorded) == [0, 1, 2, 3, 100]
    assert executor.most_running == 2


def test_while_a_job_is_thought_out_the_loop_looks_again_soon_and_only_then(clock):
    class Proposer(CountingSource):
        def next_jobs(self, n):
            return super().next_jobs(n) if clock.now >= 0.05 else []

        def prefetch(self):
            return clock.now < 0.05

    source = Proposer(1)
    run(source, ScriptedExecutor(clock, script=[[]] * 5), clock=clock)
    assert source.recorded == [0]
    assert 0.5 < clock.now < 0.6  # five short looks, then one wait for the job


def test_a_source_that_is_dry_for_now_is_asked_again(clock):
    class Hesitant(CountingSource):
        asked = 0

        def next_jobs(self, n):
            self.asked += 1
            return [] if self.asked < 4 else super().next_jobs(n)

    source = Hesitant(1)
    run(source, ScriptedExecutor(clock), clock=clock)
    assert source.recorded == [0]
    assert clock.now > 0


def test_a_late_outcome_of_a_job_not_in_flight_is_recorded_too(clock):
    class Late(ScriptedExecutor):
        def poll(self, timeout_seconds):
            outcomes = super().poll(timeout_seconds)
            return [*outcomes, JobOutcome(Job("tune", 50, 50, {}), JobStatus.OK, {})] if outcomes else []

    source = CountingSource(1)
    run(source, Late(clock), clock=clock)
    assert source.recorded == [0, 50]


def test_progress_tells_of_every_outcome_and_of_every_change_once(clock):
    reports = []
    run(CountingSource(2), ScriptedExecutor(clock, script=[[], [], [0], [1]]), on_progress=reports.append)
    assert [report.latest.job.number for report in reports if report.latest] == [0, 1]
    assert [len(report.running) for report in reports] == [2, 1, 0]


def test_an_error_of_the_source_ends_the_run(clock):
    class Broken(CountingSource):
        def record(self, outcome):
            raise OSError("disk full")

    executor = ScriptedExecutor(clock)
    with pytest.raises(OSError, match="disk full"):
        run(Broken(2), executor, clock=clock)
    assert executor.settled == []


class TroubledSource(CountingSource):
    """Unavailable for the first calls of each kind that it is told to be."""

    def __init__(self, n, asks=0, records=0, error=None):
        super().__init__(n)
        self.left = {"ask": asks, "record": records}
        self.error = error or Unavailable("store runs.db: disk is full")

    def trouble(self, kind):
        if self.left[kind]:
            self.left[kind] -= 1
            raise self.error

    def next_jobs(self, n):
        self.trouble("ask")
        return super().next_jobs(n)

    def record(self, outcome):
        self.trouble("record")
        super().record(outcome)


NO_ROOM = OSError(errno.ENOSPC, "No space left on device", "claims/tune-1-1.json")


@pytest.mark.parametrize("error", [None, NO_ROOM])
def test_a_source_that_is_unavailable_is_asked_again_until_every_outcome_is_recorded(clock, error):
    source, executor = TroubledSource(5, asks=3, records=4, error=error), ScriptedExecutor(clock)
    seen = []
    run(source, executor, clock=clock, on_progress=seen.append)
    assert sorted(source.recorded) == list(range(5)) == sorted(executor.settled)
    said = {progress.message for progress in seen}
    assert any("runs.db" in str(each) or "tune-1-1" in str(each) for each in said)
    assert seen[-1].message is None


def test_what_is_done_while_the_source_is_unavailable_waits_and_nothing_else_ends_the_run(clock):
    source = TroubledSource(2, records=10**6)
    executor = ScriptedExecutor(clock)
    summary = run(source, executor, clock=clock, stop=stop_after([5, 6, 50]))
    assert summary.end is RunEnd.LEFT
    assert source.recorded == executor.settled == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EKEYEXPIRED, errno.ESTALE, errno.ENOSPC])
def test_a_run_waits_for_a_disk_of_outcomes_that_is_away_and_says_so(clock, number):
    class Away(ScriptedExecutor):
        left = 3

        def poll(self, timeout_seconds):
            if self.left:
                self.left -= 1
                raise OSError(number, "Key has expired", "outcomes/tune-1-1.json")
            return super().poll(timeout_seconds)

    source, seen = CountingSource(3), []
    run(source, Away(clock), clock=clock, on_progress=seen.append, poll_seconds=0.01)
    assert sorted(source.recorded) == [0, 1, 2]
    assert any("Key has expired" in str(progress.message) for progress in seen)
    assert seen[-1].message is None


def test_other_errors_of_the_disk_end_the_run(clock):
    source = TroubledSource(2, records=1, error=OSError(errno.EIO, "Input/output error"))
    with pytest.raises(OSError, match="Input/output"):
        run(source, ScriptedExecutor(clock), clock=clock)


def test_what_stands_in_the_way_of_the_workers_is_said(clock):
    seen, executor = [], ScriptedExecutor(clock)
    executor.trouble = lambda: "no space left on the disk of spool"
    run(CountingSource(2), executor, clock=clock, on_progress=seen.append)
    assert {progress.message for progress in seen} == {"no space left on the disk of spool"}


def test_a_few_jobs_more_than_slots_are_in_flight_where_that_is_asked_for(clock):
    executor = ScriptedExecutor(clock, capacities=(4,))
    run(CountingSource(20), executor, clock=clock, spare=lambda n_slots: n_slots // 4)
    assert executor.most_running == 5


def test_outcomes_of_one_poll_are_taken_down_together_and_settled_afterwards(clock):
    said = []

    class Noting(CountingSource):
        @contextlib.contextmanager
        def together(self):
            said.append("begin")
            yield
            said.append("end")

        def record(self, outcome):
            said.append(outcome.job.number)

    executor = ScriptedExecutor(clock, script=[[0, 1]])
    executor.settle = lambda outcome: said.append(f"settled {outcome.job.number}")
    run(Noting(2), executor, clock=clock)
    assert said == ["begin", 0, 1, "end", "settled 0", "settled 1"]


def test_what_stands_in_the_way_is_logged_once_and_so_is_its_end(clock, caplog):
    executor = ScriptedExecutor(clock, capacities=(0, 0, 1))
    executor.trouble = lambda: "the disk is full" if 0.5 <= clock.now < 1.5 else None
    with caplog.at_level("INFO", logger="smbo_scheduler.loop"):
        run(CountingSource(3), executor, clock=clock)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "waiting for a worker"),
        ("WARNING", "the disk is full"),
        ("INFO", "resolved: the disk is full"),
    ]
