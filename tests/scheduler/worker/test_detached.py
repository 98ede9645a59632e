"""An evaluation that is to survive outlives its worker, is found by its claim, and can still be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from smbo_scheduler.errors import SchedulerError
from smbo_scheduler.executors import SerialExecutor
from smbo_scheduler.jobs import JobStatus, Limits
from smbo_scheduler.worker.runner import RunStatus, run_job

WORKER = """
import sys
sys.path[:0] = [{here!r}]
from test_detached import target
from smbo_scheduler.outbox import json_values
from smbo_scheduler.worker.runner import run_job
from smbo_scheduler.outbox.spool import Spool

run_job(target, json_values.job_from_json(json_values.loads({job!r})), Spool({spool!r}), beat_seconds=0.1)
"""


def target(payload, context):
    """Note the start, wait for as long as the payload says, and tell who it was."""
    with open(payload["notes"], "a") as notes:
        notes.write("started\n")
    time.sleep(payload["seconds"])
    return {"pid": os.getpid(), "devices": os.environ.get("CUDA_VISIBLE_DEVICES")}


@pytest.fixture
def make_survivor(make_job, tmp_path):
    def make(seconds=0.0, time_seconds=None, resources=None):
        job = make_job(notes=str(tmp_path / "notes"), seconds=seconds, resources=resources)
        return replace(job, limits=Limits(time_seconds, survive=True))

    return make


def until(is_so, seconds=30.0):
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.05)
    return is_so()


def start_worker(job, spool):
    from smbo_scheduler.outbox import json_values

    code = WORKER.format(
        here=os.path.dirname(__file__),
        job=json_values.dumps(json_values.job_to_json(job)),
        spool=str(spool.folder),
    )
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def test_it_runs_in_a_process_that_is_neither_this_one_nor_its_child(spool, make_survivor):
    job = make_survivor()
    assert run_job(target, job, spool) is RunStatus.DONE
    outcome = spool.read(job)
    assert outcome.status is JobStatus.OK
    assert outcome.result["pid"] != os.getpid()
    assert spool.claim_of(job).owner.pid not in (os.getpid(), outcome.result["pid"])


def test_it_goes_on_when_its_worker_is_killed_and_the_next_driver_takes_it_over(
    spool, make_survivor, tmp_path
):
    job = make_survivor(seconds=3.0)
    with start_worker(job, spool) as worker:
        assert until((tmp_path / "notes").exists)
        os.killpg(worker.pid, signal.SIGKILL)
    assert spool.read(job) is None
    assert spool.is_alive(spool.claim_of(job))
    # the restarted driver: it neither calls it lost nor runs it again
    executor = SerialExecutor(target, spool)
    executor.adopt([job])
    outcomes = []
    assert until(lambda: outcomes.extend(executor.poll(0.1)) or outcomes)
    assert [outcome.status for outcome in outcomes] == [JobStatus.OK]
    assert (tmp_path / "notes").read_text() == "started\n"


def test_what_does_not_survive_is_lost_with_its_worker(spool, make_survivor, tmp_path):
    job = replace(make_survivor(seconds=3.0), limits=Limits())
    with start_worker(job, spool) as worker:
        assert until((tmp_path / "notes").exists)
        os.killpg(worker.pid, signal.SIGKILL)
    assert not spool.is_alive(spool.claim_of(job))


def test_it_can_be_ended_from_outside(spool, make_survivor, tmp_path):
    job = make_survivor(seconds=1000.0)
    with start_worker(job, spool):
        assert until((tmp_path / "notes").exists)
        spool.ask_to_end(job)
        assert until(lambda: spool.read(job) is not None)
    assert spool.read(job).status is JobStatus.CANCELLED


def test_it_is_held_to_its_time(spool, make_survivor):
    job = make_survivor(seconds=1000.0, time_seconds=0.3)
    assert run_job(target, job, spool) is RunStatus.DONE
    assert spool.read(job).status is JobStatus.TIMEOUT


def test_a_job_that_was_claimed_is_not_run_again(spool, make_survivor, tmp_path):
    job = make_survivor()
    spool.revoke(job)
    assert run_job(target, job, spool) is RunStatus.CLAIMED_ALREADY
    assert not (tmp_path / "notes").exists()


def test_two_that_start_at_once_run_once(spool, make_survivor, tmp_path):
    job = make_survivor(seconds=0.5)
    workers = [start_worker(job, spool) for _ in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert (tmp_path / "notes").read_text() == "started\n"


def test_a_process_that_cannot_start_its_work_is_told_with_what_it_printed(spool, make_survivor, tmp_path):
    (tmp_path / "vanishing.py").write_text("def target(payload, context):\n    return {}\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import vanishing

        (tmp_path / "vanishing.py").unlink()
        with pytest.raises(SchedulerError, match="vanishing"):
            run_job(vanishing.target, make_survivor(), spool)
    finally:
        sys.path.remove(str(tmp_path))


def test_the_next_attempt_waits_for_the_survivor_on_its_gpu(spool, make_survivor, monkeypatch, tmp_path):
    # names that no machine has: the locks of real ones stay free
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"test-{os.getpid()}")
    first, second = (make_survivor(seconds=2.0, resources={"GPU": 1}) for _ in range(2))
    with start_worker(first, spool) as worker:
        assert until(lambda: spool.claim_of(first) is not None)
        os.killpg(worker.pid, signal.SIGKILL)
    assert run_job(target, second, spool) is RunStatus.DONE
    outcomes = [spool.read(first), spool.read(second)]
    assert outcomes[1].started >= outcomes[0].ended
    assert outcomes[1].result["devices"] == f"test-{os.getpid()}"
