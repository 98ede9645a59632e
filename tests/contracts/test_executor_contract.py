"""What every executor does, and every scheduler loop relies on."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

import smbo_scheduler
from smbo_scheduler.executors import SerialExecutor
from smbo_scheduler.jobs import Job, JobStatus
from smbo_scheduler.loop import RunEnd, run
from smbo_scheduler.outbox.spool import Spool


def target(payload, context):
    """Do as the payload says."""
    what = payload["do"]
    if what == "square":
        return {"value": payload["x"] ** 2}
    if what == "infinity":
        return {"value": float("inf")}
    if what == "raise":
        raise ValueError("no such luck")
    if what == "reason":
        error = RuntimeError("the generator gave up")
        error.reason = "generator-aborted"
        raise error
    if what == "exit":
        raise SystemExit(3)
    if what == "object":
        return {"value": object()}
    if what == "number":
        return 1.0
    if what == "folder":
        (context.folder / "scratch").write_text("x")
        context.report(1, 0.5)
        return {"files": sorted(path.name for path in context.folder.iterdir())}
    raise AssertionError(what)


def serial(spool):
    return SerialExecutor(target, spool, sleep=lambda seconds: None)


def process(spool):
    from smbo_scheduler.executors import ProcessExecutor

    return ProcessExecutor(target, 2, spool)


def dask(spool):
    from distributed import Client, LocalCluster

    from smbo_scheduler.executors import DaskExecutor

    cluster = LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0", memory_limit=0
    )
    client = Client(cluster, set_as_default=False)
    executor = DaskExecutor(client, target, spool)
    close = executor.close

    def close_all():
        close()
        client.close()
        cluster.close()

    executor.close = close_all
    return executor


def of_the_readme(spool):
    """The example that says how to add one."""
    text = (Path(smbo_scheduler.__file__).parents[1] / "README.md").read_text()
    names = {}
    exec(text.partition("```python\n")[2].partition("```")[0], names)
    return names["OneAtATime"](target, spool)


EXECUTORS = [serial, process, dask, of_the_readme]


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture(params=EXECUTORS, ids=lambda make: make.__name__)
def executor(request, spool):
    executor = request.param(spool)
    yield executor
    executor.close()


def job(number, do="square", token=None, **payload):
    return Job("contract", number, number + 1 if token is None else token, {"do": do, **payload})


def outcomes_of(executor, n, seconds=30.0):
    """Poll until n outcomes are there."""
    outcomes, until = [], time.monotonic() + seconds
    while len(outcomes) < n:
        assert time.monotonic() < until, f"only {outcomes} after {seconds} s"
        outcomes += executor.poll(0.2)
    return outcomes


def one(executor, given):
    executor.submit(given)
    (outcome,) = outcomes_of(executor, 1)
    assert outcome.job == given
    return outcome


def test_there_is_room_for_a_job(executor):
    assert executor.capacity() >= 1


def test_a_result_comes_back_with_where_and_when(executor):
    before = time.time()
    outcome = one(executor, job(0, x=3))
    assert outcome.status is JobStatus.OK
    assert outcome.result == {"value": 9}
    assert outcome.reason is None
    assert before <= outcome.started <= outcome.ended <= time.time()
    assert outcome.host
    assert outcome.pid > 0


def test_an_infinite_result_is_a_result(executor):
    assert one(executor, job(0, "infinity")).result == {"value": float("inf")}


@pytest.mark.parametrize(
    ("do", "reason", "story"),
    [
        ("raise", "objective-error", "ValueError: no such luck"),
        ("reason", "generator-aborted", "the generator gave up"),
        ("exit", "exit", "SystemExit"),
        ("object", "bad-output", "is a object"),
        ("number", "bad-output", "a dictionary is needed"),
    ],
)
def test_what_a_target_does_wrong_is_told_and_the_next_job_runs(executor, do, reason, story):
    outcome = one(executor, job(0, do))
    assert outcome.status is JobStatus.ERROR
    assert outcome.reason == reason
    assert story in outcome.error
    assert outcome.result is None
    assert one(executor, job(1, x=2)).result == {"value": 4}


def test_each_execution_has_a_fresh_folder_of_its_own(executor):
    assert one(executor, job(0, "folder")).result == {"files": ["reports.jsonl", "scratch"]}
    assert one(executor, job(0, "folder", token=9)).result == {"files": ["reports.jsonl", "scratch"]}


def test_an_outcome_is_in_the_spool_until_it_is_settled(executor, spool):
    outcome = one(executor, job(0, x=3))
    assert spool.pending() == [outcome]
    executor.settle(outcome)
    assert spool.pending() == []


def test_an_outcome_comes_once(executor):
    one(executor, job(0, x=3))
    assert list(executor.poll(0.01)) == []


def test_a_token_is_executed_once(executor, spool):
    outcome = one(executor, job(0, x=3))
    executor.settle(outcome)
    again = one(executor, job(0, x=3))
    assert again.status is JobStatus.LOST


def test_an_adopted_job_that_had_finished_gives_its_outcome(executor, spool):
    from smbo_scheduler.worker.runner import run_job

    given = job(0, x=3)
    run_job(target, given, spool)
    executor.adopt([given])
    (outcome,) = outcomes_of(executor, 1)
    assert outcome.result == {"value": 9}


def test_an_adopted_job_that_nobody_runs_is_lost_and_can_never_run(executor, spool):
    given = job(0, x=3)
    executor.adopt([given])
    (outcome,) = outcomes_of(executor, 1)
    assert outcome.status is JobStatus.LOST
    assert not spool.claim(given)


def test_the_loop_runs_any_number_of_jobs(executor):
    class Source:
        given = 0

        def __init__(self):
            self.values = {}

        def next_jobs(self, n):
            numbers = range(self.given, min(self.given + n, 8))
            self.given += len(numbers)
            return [job(number, x=number) for number in numbers]

        def record(self, outcome):
            self.values[outcome.job.number] = outcome.result["value"]

        def is_finished(self):
            return self.given == 8

        def orphans(self):
            return []

        def prefetch(self):
            return False

        together = contextlib.nullcontext

    source = Source()
    assert run(source, executor).end is RunEnd.FINISHED
    assert source.values == {number: number**2 for number in range(8)}
