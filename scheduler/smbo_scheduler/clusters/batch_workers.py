"""Workers in jobs of a batch system; jobs are submitted and cancelled to match the number wanted."""

from __future__ import annotations

import math
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smbo_scheduler.clusters.batch_jobs import cancel, make_job, queue_of
from smbo_scheduler.clusters.specs import BatchSpec
from smbo_scheduler.clusters.state import clear_trouble, read_jobs, write_jobs, write_trouble
from smbo_scheduler.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Scheduler

_MOST_AT_A_TIME = 10  # submissions in one call of maintain
_REFUSED_SECONDS = 60.0  # before the next try, when the batch system accepts no more jobs
_SETTLE_SECONDS = 10.0  # a queue may not list a job that was submitted a moment ago
_MOST_FAILURES = 3  # jobs in a row that end without ever having a worker; then no more are submitted


@dataclass
class _Job:
    """A submitted job; ``has_worked`` once one of its workers has connected."""

    job_id: str
    submitted: float = field(default_factory=time.monotonic)
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
        self._failures = 0

    def prepare(self, n_workers: int) -> None:
        """Do nothing: a job may start within a second, and needs a scheduler then."""

    def update(self, spec: BatchSpec) -> None:
        """Submit jobs by another spec from now on, and clear the failures: their cause may be fixed."""
        self._spec = spec
        self._failures = 0
        self._next_submit = 0.0
        clear_trouble(self._folder)

    async def maintain(self, scheduler: Scheduler, n_workers: int) -> None:
        """Keep jobs for this many workers: submit missing ones, cancel surplus ones."""
        self._note_workers(scheduler)
        if time.monotonic() >= self._next_look:
            await self._look(scheduler)
            self._next_look = time.monotonic() + self._spec.poll_seconds
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
        """Remove all jobs from the queue, and end those that run."""
        await self._cancel(list(self._jobs))

    def _note_workers(self, scheduler: Scheduler) -> None:
        for name in {_job_of(worker) for worker in scheduler.workers.values()}:
            if name in self._jobs and not self._jobs[name].has_worked:
                self._jobs[name].has_worked = True
                self._failures = 0
                clear_trouble(self._folder)

    async def _look(self, scheduler: Scheduler) -> None:
        """Forget jobs that left the queue, and report those that never had a worker."""
        if not self._jobs:
            return
        try:
            queue = await queue_of(self._spec)
        except ClusterError as error:
            print(error, flush=True)  # the batch system may be restarting; its jobs continue
            return
        here = {_job_of(worker) for worker in scheduler.workers.values()}
        for name, job in list(self._jobs.items()):
            entry = queue.get(job.job_id)
            is_fresh = time.monotonic() - job.submitted < min(_SETTLE_SECONDS, self._spec.poll_seconds)
            if name in here or is_fresh or (entry is not None and entry.held is None):
                continue
            if entry is not None:
                await cancel(self._spec, [job.job_id])
            del self._jobs[name]
            self._note_end(job, None if entry is None else entry.held)
        write_jobs(self._folder, {name: job.job_id for name, job in self._jobs.items()})

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
            return  # until a driver writes a new spec, or a worker connects
        for _ in range(n_jobs):
            name = f"smbo-{uuid.uuid4().hex[:8]}"
            try:
                job = make_job(self._spec, self._folder, name, scheduler.address)
                await job.start()
            except (ClusterError, RuntimeError, OSError, ValueError) as error:
                self._next_submit = time.monotonic() + _REFUSED_SECONDS
                print(f"no job was submitted: {error}", flush=True)
                if not self._jobs:
                    self._say(f"the batch system refuses the job: {_on_one_line(error)}")
                return
            self._jobs[name] = _Job(str(job.job_id))
            write_jobs(self._folder, {name: job.job_id for name, job in self._jobs.items()})

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
        await cancel(self._spec, [self._jobs[name].job_id for name in names])
        for name in names:
            del self._jobs[name]
        write_jobs(self._folder, {name: job.job_id for name, job in self._jobs.items()})

    def _say(self, text: str) -> None:
        print(text, flush=True)
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
