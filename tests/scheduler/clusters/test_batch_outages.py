"""A batch system that is away, full or busy ends no run; one that refuses the request does."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from smbo_scheduler.clusters import batch_workers
from smbo_scheduler.clusters.batch_workers import BatchWorkers
from smbo_scheduler.clusters.dialects import Queued, QueueState
from smbo_scheduler.clusters.queue_report import read_queue
from smbo_scheduler.clusters.refusals import Refused, refusal_kind
from smbo_scheduler.clusters.specs import BatchSpec
from smbo_scheduler.clusters.state import read_jobs, read_trouble
from smbo_scheduler.errors import ClusterError

AWAY = "Unable to contact slurm controller (connect failure)"
SCHEDULER = SimpleNamespace(workers={}, address="tls://h:1")


class Site:
    """A batch system in this process, and a clock that stands until it is moved."""

    def __init__(self, monkeypatch, folder):
        self.folder, self.now = folder, 1000.0
        self.refuses: str | None = None
        self.is_silent = False
        self.takes_all_the_same = False
        self.jobs: dict[str, Queued] = {}
        self.tried: list[float] = []
        monkeypatch.setattr(batch_workers.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(batch_workers, "make_job", lambda *_, job_name: SimpleNamespace(name=job_name))
        for name in ("submit", "queue_of", "cancel"):
            monkeypatch.setattr(batch_workers, name, getattr(self, name))
        self.workers = BatchWorkers(folder, BatchSpec("slurm", 1, 10**9))

    async def submit(self, _spec, job):
        self.tried.append(self.now)
        number = str(len(self.jobs) + 1)
        if self.refuses is None or self.takes_all_the_same:
            self.jobs[number] = Queued(number, QueueState.WAITING, "Resources", job.name)
        if self.refuses is not None:
            raise Refused(self.refuses, refusal_kind(self.refuses))
        return number

    async def queue_of(self, _spec, _ids):
        if self.is_silent:
            raise ClusterError(f"squeue failed with exit code 1: {AWAY}")
        return dict(self.jobs)

    async def cancel(self, _spec, job_ids):
        if not self.is_silent:
            for job_id in job_ids:
                self.jobs.pop(job_id, None)
        return not self.is_silent

    def pass_seconds(self, seconds, n_workers=1):
        for _ in range(round(seconds)):
            asyncio.run(self.workers.maintain(SCHEDULER, n_workers))
            self.now += 1.0

    def text(self):
        return read_queue(self.folder, is_here=True).text()


@pytest.fixture
def site(monkeypatch, tmp_path):
    return Site(monkeypatch, tmp_path)


@pytest.mark.parametrize("n_jobs", [0, 1], ids=["no job in the queue", "a job in the queue"])
@pytest.mark.parametrize(
    "text",
    [
        AWAY,
        "Socket timed out on send/recv operation",
        "QOSMaxSubmitJobPerUserLimit",
        "qsub: cannot connect to server",
        "No valid proxy found",
    ],
)
def test_a_refusal_that_passes_is_tried_again_ever_more_slowly_and_shown(site, n_jobs, text):
    site.pass_seconds(1, n_jobs)
    site.refuses, site.tried = text, []
    site.pass_seconds(300, n_jobs + 1)
    waits = [later - earlier for earlier, later in zip(site.tried, site.tried[1:], strict=False)]
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert set(waits[4:]) == {60.0}
    assert read_trouble(site.folder) is None, "trouble ends the run"
    assert text in site.text()
    site.refuses = None
    site.pass_seconds(61, n_jobs + 1)
    assert len(read_jobs(site.folder)) == n_jobs + 1
    assert text not in site.text()


def test_credentials_that_have_ended_are_named(site):
    site.refuses = "AUTHENTICATE:1003:Failed to authenticate with any method"
    site.pass_seconds(1)
    assert "renew them with kinit" in site.text()


def test_a_request_that_is_refused_ends_the_run_unless_jobs_go_on(site):
    site.pass_seconds(1)
    site.refuses = "Invalid account or account/partition combination specified"
    site.pass_seconds(100, 2)
    assert read_trouble(site.folder) is None, "a job is in the queue"
    assert "Invalid account" in site.text()
    site.jobs.clear()
    site.pass_seconds(100, 2)
    assert "refuses the job: Invalid account" in read_trouble(site.folder)


def test_a_refusal_that_nobody_knows_ends_the_run_after_some_time_only(site):
    site.refuses = "ouch"
    site.pass_seconds(500)
    assert read_trouble(site.folder) is None
    site.pass_seconds(300)
    assert "ouch" in read_trouble(site.folder)


def test_a_job_that_was_taken_although_the_answer_was_lost_is_not_submitted_twice(site):
    site.refuses, site.takes_all_the_same = "Socket timed out on send/recv operation", True
    site.pass_seconds(30)
    assert len(site.tried) == len(site.jobs) == 1
    assert list(read_jobs(site.folder).values()) == ["1"]


def test_reasons_for_waiting_are_told_within_seconds_and_forgotten_when_a_job_runs(site):
    site.pass_seconds(7)
    assert site.text() == "1 job waiting in the queue (Resources)"
    site.jobs["1"] = Queued("1", QueueState.RUNNING, None, site.jobs["1"].name)
    site.pass_seconds(31)
    assert site.text() is None


def test_jobs_of_a_queue_that_does_not_answer_are_kept(site):
    site.pass_seconds(7)
    site.is_silent = True
    site.pass_seconds(100)
    assert list(read_jobs(site.folder).values()) == ["1"]
    assert AWAY in site.text()
    assert "1 job waiting" in site.text()


def test_jobs_that_cannot_be_cancelled_now_are_cancelled_later(site):
    site.pass_seconds(7, 2)
    site.is_silent = True
    site.pass_seconds(10, 1)
    assert len(read_jobs(site.folder)) == 2
    site.is_silent = False
    site.pass_seconds(2, 1)
    assert len(read_jobs(site.folder)) == len(site.jobs) == 1
    asyncio.run(site.workers.close())
    assert not site.jobs
    assert read_queue(site.folder, is_here=True) is None
