"""Workers in jobs of a batch system; jobs are submitted and cancelled to match the number wanted."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smbo_scheduler.clusters.batch_jobs import cancel, make_job, queue_of, submit
from smbo_scheduler.clusters.dialects import Queued, QueueState
from smbo_scheduler.clusters.queue_report import QueueReport, remove_queue, write_queue
from smbo_scheduler.clusters.refusals import RefusalKind, Refused
from smbo_scheduler.clusters.specs import BatchSpec
from smbo_scheduler.clusters.state import clear_trouble, read_jobs, write_jobs, write_trouble
from smbo_scheduler.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Scheduler

logger = logging.getLogger(__name__)

_MOST_AT_A_TIME = 10  # submissions in one call of maintain
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 5.0, 60.0  # between two tries after a refusal
_UNKNOWN_SECONDS = 600.0  # for how long a refusal that nobody knows is taken for one that passes
_SETTLE_SECONDS = 10.0  # a queue may not list a job that was submitted a moment ago
_FIRST_LOOK_SECONDS = 5.0  # after a submission: by then the batch system has a reason not to start a job
# at the end, for a controller that is away to remove the jobs; those that are left end by themselves, since
# the folder says that the cluster is over
_CLOSE_SECONDS = 30.0
_CREDENTIALS_HINT = "your credentials, it seems: renew them with kinit or voms-proxy-init; "
_MOST_FAILURES = 3  # jobs in a row that end without ever having a worker; then no more are submitted


@dataclass
class _Job:
    """A submitted job; ``has_worked`` once one of its workers has connected."""

    job_id: str
    submitted: float = field(default_factory=lambda: time.monotonic())
    has_worked: bool = False


class BatchWorkers:
    """The jobs of one cluster, by name.

    Job ids are kept in the folder: a manager that replaces a killed one counts these jobs, and their
    workers find the new manager through the folder.
    """

    def __init__(self, folder: Path, spec: BatchSpec) -> None:
        self._folder, self._spec = folder, spec
        self._jobs = {name: _Job(job_id) for name, job_id in read_jobs(folder).items()}
        self._next_look = 0.0
        self._next_submit = 0.0
        self._retry_seconds = _FIRST_RETRY_SECONDS
        self._failures = 0
        self._report = QueueReport()
        self._refused_since: float | None = None
        # names of jobs whose submission failed, and that the batch system may have taken all the same
        self._unclear: set[str] = set()

    def prepare(self, n_workers: int) -> None:
        """Do nothing: a job may start within a second, and needs a scheduler then."""

    def update(self, spec: BatchSpec) -> None:
        """Submit jobs by another spec from now on, and clear the failures: their cause may be fixed."""
        self._spec = spec
        self._failures = 0
        self._next_submit = 0.0
        self._retry_seconds, self._refused_since = _FIRST_RETRY_SECONDS, None
        clear_trouble(self._folder)

    async def maintain(self, scheduler: Scheduler, n_workers: int) -> None:
        """Keep jobs for this many workers: submit missing ones, cancel surplus ones."""
        self._note_workers(scheduler)
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + self._spec.poll_seconds
            await self._look(scheduler)
        n_jobs = math.ceil(n_workers / self._spec.workers_per_job)
        if len(self._jobs) > n_jobs:
            await self._cancel_idle(scheduler, len(self._jobs) - n_jobs)
        elif len(self._jobs) < n_jobs and time.monotonic() >= self._next_submit:
            await self._submit(scheduler, min(n_jobs - len(self._jobs), _MOST_AT_A_TIME))

    async def restart(self, scheduler: Scheduler, *, is_shared: bool) -> None:
        """Restart the workers, with the present code, after their current evaluation; keep the jobs."""
        addresses = [worker.address for worker in scheduler.workers.values()]
        if addresses and not is_shared:
            await scheduler.retire_workers(workers=addresses, close_workers=True, remove=True)

    async def close(self) -> None:
        """Remove all jobs from the queue, and end those that run; wait for a controller that is away."""
        until = time.monotonic() + _CLOSE_SECONDS
        while self._jobs:
            await self._cancel(list(self._jobs))
            if not self._jobs or time.monotonic() > until:
                break
            await asyncio.sleep(_FIRST_RETRY_SECONDS)
        remove_queue(self._folder)

    def _note_workers(self, scheduler: Scheduler) -> None:
        for name in {_job_of(worker) for worker in scheduler.workers.values()}:
            if name in self._jobs and not self._jobs[name].has_worked:
                self._jobs[name].has_worked = True
                logger.info("batch job %s has a worker", self._jobs[name].job_id)
                self._failures = 0
                clear_trouble(self._folder)

    async def _look(self, scheduler: Scheduler) -> None:
        """Forget jobs that left the queue, and report those that never had a worker."""
        if not self._jobs and not self._unclear:
            return self._tell(self._report.refusal if self._refused_since is not None else None, {})
        try:
            queue = await queue_of(self._spec, [job.job_id for job in self._jobs.values()])
        except ClusterError as error:
            logger.warning("%s", error)  # the batch system may be restarting; its jobs continue
            self._next_look = min(self._next_look, time.monotonic() + _LAST_RETRY_SECONDS)
            return self._tell(_on_one_line(error), None)
        self._adopt(queue)
        here = {_job_of(worker) for worker in scheduler.workers.values()}
        for name, job in list(self._jobs.items()):
            entry = queue.get(job.job_id)
            held = entry.reason or "no reason given" if entry and entry.state is QueueState.HELD else None
            is_fresh = time.monotonic() - job.submitted < min(_SETTLE_SECONDS, self._spec.poll_seconds)
            if name in here or is_fresh or (entry is not None and held is None):
                continue
            if entry is not None and not await cancel(self._spec, [job.job_id]):
                continue
            del self._jobs[name]
            logger.info("batch job %s is no longer in the queue", job.job_id)
            self._note_end(job, held)
        self._write_jobs()
        refusal = self._report.refusal if self._refused_since is not None else None
        return self._tell(refusal, queue)

    def _adopt(self, queue: Mapping[str, Queued]) -> None:
        """Take over jobs that were submitted although the submit command failed (a time-out)."""
        for entry in queue.values():
            if entry.name in self._unclear:
                logger.info("batch job %s was taken after all", entry.job_id)
                self._jobs[entry.name] = _Job(entry.job_id)
                self._unclear.discard(entry.name)

    def _tell(self, refusal: str | None, queue: Mapping[str, Queued] | None) -> None:
        """Write what the jobs wait for; ``queue`` None: as at the last look."""
        waiting, running = self._report.waiting, self._report.running
        if queue is not None:
            ours = [queue[job.job_id] for job in self._jobs.values() if job.job_id in queue]
            waiting = tuple(
                (each.job_id, each.reason or "") for each in ours if each.state is QueueState.WAITING
            )
            running = sum(each.state is QueueState.RUNNING for each in ours)
        self._report = QueueReport(waiting, running, refusal)
        write_queue(self._folder, self._report)

    def _note_end(self, job: _Job, held: str | None) -> None:
        if job.has_worked:
            return
        self._failures += 1
        if held is not None:
            self._say(f"the batch system holds job {job.job_id}: {held}")
        elif self._failures >= _MOST_FAILURES:
            self._say(
                f"{self._failures} batch jobs, the last of them {job.job_id}, ended before a worker of theirs"
                f" was heard of; their logs are in {self._folder / 'logs'}{_log_tail(self._folder)}"
            )

    async def _submit(self, scheduler: Scheduler, n_jobs: int) -> None:
        if self._failures >= _MOST_FAILURES:
            return None  # until a driver writes a new spec, or a worker connects
        for _ in range(n_jobs):
            name = f"smbo-{uuid.uuid4().hex[:8]}"
            try:
                job = make_job(self._spec, self._folder, name, scheduler.address, job_name=name)
                job_id = await submit(self._spec, job)
            except Refused as error:
                return self._note_refusal(name, error)
            self._jobs[name] = _Job(job_id)
            logger.info("batch job %s (%s) is submitted", job_id, name)
            self._write_jobs()
            self._retry_seconds = _FIRST_RETRY_SECONDS
            self._next_look = min(self._next_look, time.monotonic() + _FIRST_LOOK_SECONDS)
            if self._refused_since is not None:
                self._refused_since = None
                self._tell(None, None)
        return None

    def _note_refusal(self, name: str, refused: Refused) -> None:
        """Try again later, and say so; give up where the batch system will not take the request."""
        now = time.monotonic()
        self._refused_since = now if self._refused_since is None else self._refused_since
        kind = refused.kind
        if kind is RefusalKind.UNKNOWN and now - self._refused_since > _UNKNOWN_SECONDS:
            kind = RefusalKind.FINAL
        wait = self._retry_seconds if kind is not RefusalKind.FINAL else _LAST_RETRY_SECONDS
        self._retry_seconds = min(2 * self._retry_seconds, _LAST_RETRY_SECONDS)
        logger.warning("no job was submitted, the next try is in %g s: %s", wait, refused)
        if kind is RefusalKind.FINAL and not self._jobs:
            self._say(f"the batch system refuses the job: {refused}")
        if kind is not RefusalKind.FINAL:
            self._unclear.add(name)
            self._next_look = 0.0  # before the next try: the job may be in the queue all the same
        self._next_submit = now + wait
        hint = _CREDENTIALS_HINT if kind is RefusalKind.CREDENTIALS else ""
        self._tell(f"no job can be submitted ({hint}{refused})", None)

    async def _cancel_idle(self, scheduler: Scheduler, n_jobs: int) -> None:
        """Cancel jobs that run nothing: queued ones first, latest first, then idle ones."""
        workers: dict[str, list[Any]] = {}
        for worker in scheduler.workers.values():
            workers.setdefault(_job_of(worker), []).append(worker)
        waiting = [name for name in reversed(self._jobs) if name not in workers]
        idle = [
            name
            for name in reversed(self._jobs)
            if name in workers and not any(_is_busy(worker) for worker in workers[name])
        ]
        chosen = [*waiting, *idle][:n_jobs]
        addresses = [worker.address for name in chosen for worker in workers.get(name, ())]
        if addresses:
            await scheduler.retire_workers(workers=addresses, close_workers=True, remove=True)
        await self._cancel(chosen)

    async def _cancel(self, names: list[str]) -> None:
        if not await cancel(self._spec, [self._jobs[name].job_id for name in names]):
            return  # they are still in the queue, and are cancelled at the next try
        for name in names:
            logger.info("batch job %s is cancelled", self._jobs[name].job_id)
            del self._jobs[name]
        self._write_jobs()

    def _write_jobs(self) -> None:
        write_jobs(self._folder, {name: job.job_id for name, job in self._jobs.items()})

    def _say(self, text: str) -> None:
        logger.error("%s", text)
        write_trouble(self._folder, text)


def _job_of(worker: Any) -> str:
    """Return the name of the job that a worker is part of."""
    return str(worker.name).rpartition(".")[0]


def _is_busy(worker: Any) -> bool:
    return bool(worker.processing) or worker.metrics.get("jobs", 0) > 0


def _log_tail(folder: Path) -> str:
    """Return the end of the most recent log."""
    try:
        logs = [path for path in (folder / "logs").iterdir() if path.stat().st_size]
        latest = max(logs, key=lambda path: path.stat().st_mtime)
        return f"; {latest.name} ends with: {_on_one_line(latest.read_text(errors='replace')[-400:])}"
    except (OSError, ValueError):
        return ""


def _on_one_line(text: object) -> str:
    return " ".join(str(text).split())
