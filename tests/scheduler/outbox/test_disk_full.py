"""Waiting for room on a disk, shown with disks that are full when the test says so."""

from __future__ import annotations

import errno
import os

import pytest

from smbo_scheduler.jobs import JobStatus
from smbo_scheduler.outbox.disk_full import disk_full_message, retry_while_full
from smbo_scheduler.worker.runner import RunStatus, run_job


class FullFor:
    """Finds no room the first few times."""

    def __init__(self, times, number=errno.ENOSPC):
        self.times, self.number = times, number

    def __call__(self):
        if self.times:
            self.times -= 1
            raise OSError(self.number, os.strerror(self.number))
        return "done"


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EKEYEXPIRED, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT]
)
def test_what_finds_no_room_or_no_disk_is_tried_again_after_a_wait(number):
    waits = []
    assert retry_while_full(FullFor(3, number), waits.append) == "done"
    assert len(waits) == 3
    assert min(waits) > 0


def test_other_errors_are_not_waited_out():
    with pytest.raises(PermissionError):
        retry_while_full(FullFor(1, errno.EACCES), lambda _seconds: pytest.fail("waited"))


def test_a_disk_with_room_is_no_trouble(tmp_path):
    assert disk_full_message(tmp_path) is None
    assert disk_full_message(tmp_path / "not there") is None


@pytest.mark.parametrize("full", ["claim", "attempt_folder", "beat", "write"])
def test_a_result_outlasts_a_full_disk_wherever_it_strikes(spool, make_job, monkeypatch, full):
    runs, trouble, real = [], FullFor(3), getattr(spool, full)

    def sometimes_full(*args):
        trouble()
        return real(*args)

    monkeypatch.setattr(spool, full, sometimes_full)
    monkeypatch.setattr(retry_while_full, "__defaults__", (lambda _seconds: None,))

    def target(payload, context):
        runs.append(payload)
        return {"value": 1.5}

    job = make_job()
    assert run_job(target, job, spool) is RunStatus.DONE
    outcome = spool.read(job)
    assert (outcome.status, outcome.result) == (JobStatus.OK, {"value": 1.5})
    assert len(runs) == 1
    assert trouble.times == 0


def test_a_beat_needs_no_new_room(spool, make_job):
    job = make_job()
    spool.claim(job)
    path = spool.folder / "beats" / job.key
    before = path.stat()
    spool.beat(job, 12345)
    after = path.stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert b"12345" in path.read_bytes()


@pytest.mark.parametrize("number", [errno.EKEYEXPIRED, errno.EACCES])
def test_a_result_outlasts_the_end_of_the_users_credentials(spool, make_job, monkeypatch, number):
    real, fault = spool.write, FullFor(3, number)
    monkeypatch.setattr(type(spool), "write", lambda _self, outcome: (fault(), real(outcome)))
    job = make_job()
    assert run_job(lambda payload, context: {"value": 1.0}, job, spool, "thread") is RunStatus.DONE
    assert fault.times == 0
    assert spool.read(job).status is JobStatus.OK
