"""Pruning: carry intermediate values from the outbox into the study, and ask pruned trials to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from smbo.history.promotion import Reports, ends_early
from smbo.problem import Problem
from smbo.store.roles import IntermediateValues
from smbo.trial import Trial
from smbo_scheduler.jobs import Job
from smbo_scheduler.outbox.outbox import Outbox


class Reporting(Protocol):
    """The part of a study that a Reporter uses (``smbo.study.driver_study.DriverStudy`` is one)."""

    @property
    def id(self) -> int: ...
    @property
    def problem(self) -> Problem: ...
    @property
    def store(self) -> IntermediateValues: ...
    @property
    def trials(self) -> Sequence[Trial]: ...
    def reports(self) -> Mapping[int, Reports]: ...


# A file is opened for each: of a thousand jobs a look at all would take a tenth of the driver's time.
_MOST_AT_A_LOOK = 100


class Reporter:
    """Records the reports of running jobs, and asks those to stop that early stopping prunes.

    A decision to end a trial is an event of the study; it takes effect when the objective reports
    or asks the next time.  A trial whose objective never does is evaluated in full, and its result counts.

    Args:
        study: whose trials report.
        outbox: where workers leave their reports.
    """

    def __init__(self, study: Reporting, outbox: Outbox) -> None:
        self._study, self._outbox = study, outbox
        self._jobs: dict[int, Job] = {}
        self._seen: dict[int, int] = {}
        self._ended: set[int] = set()

    def watch(self, jobs: Sequence[Job]) -> None:
        """Read the reports of these jobs too from now on."""
        self._jobs.update({job.token: job for job in jobs})

    def take(self) -> None:
        """Record new reports of up to ``_MOST_AT_A_LOOK`` jobs in turn, and decide which of them to stop."""
        # moved to the end: jobs that were looked at longest ago come first
        jobs = [self._jobs[token] for token in list(self._jobs)[:_MOST_AT_A_LOOK]]
        for job in jobs:
            self._jobs[job.token] = self._jobs.pop(job.token)
        told = [job for job in jobs if self._take_of(job)]
        if told and self._study.problem.early_stopping is not None:
            reports = self._study.reports()
            for job in told:
                self._decide(job, reports)

    def finish(self, job: Job) -> None:
        """Record the last reports of a job that has ended; ``forget`` it once they are committed."""
        if job.token in self._jobs:
            self._write(job)

    def forget(self, job: Job) -> None:
        """Read the reports of a job no more."""
        self._jobs.pop(job.token, None)
        self._seen.pop(job.token, None)

    def _take_of(self, job: Job) -> bool:
        """Record a job's reports since the last call; return whether there were any."""
        is_new, self._seen[job.token] = self._write(job)
        return is_new

    def _write(self, job: Job) -> tuple[bool, int]:
        """Record new reports of a job; return whether there were any, and the offset after them."""
        found, end = self._outbox.reports(job, self._seen.get(job.token, 0))
        if found:
            self._study.store.note_reports(self._study.id, job.number, job.token, found)
        return bool(found), end

    def _decide(self, job: Job, reports: Mapping[int, Reports]) -> None:
        if job.token in self._ended:
            return
        if not ends_early(self._study.problem, job.number, reports, self._study.trials):
            return
        self._ended.add(job.token)
        step, value = reports[job.number][-1]
        why = {"number": job.number, "token": job.token, "step": step, "value": value}
        self._study.store.add_event(self._study.id, "ends early", why)
        self._outbox.ask_to_stop(job)
