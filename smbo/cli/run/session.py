"""One run of a study, from the first look at the store to the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from smbo.cli.group import DONE, INTERRUPTED, STOPPED, TOO_MANY_FAILURES
from smbo.cli.job.document import Document
from smbo.cli.job.fixed import fixed_lines
from smbo.cli.job.schema import JobFile
from smbo.cli.job.stored import fixed_before, keep_job, objective_changes
from smbo.cli.job.task import find_modules_beside, load_task
from smbo.cli.logs import KeptLogs, say
from smbo.cli.run import lock
from smbo.cli.run.cluster import RunCluster
from smbo.cli.run.context import RunContext, spool_folder
from smbo.cli.run.credentials import CredentialWatch, credential_horizon
from smbo.cli.run.finalize import finalize, n_confirmation_runs
from smbo.cli.run.report import check_report_folder, is_reported
from smbo.cli.run.watch import Watch
from smbo.cli.summary import StudySummary, summarize, summary_lines
from smbo.errors import UnknownStudy
from smbo.problem import HasRemarks, Problem
from smbo.store.budget import exhausted
from smbo.store.connect import is_sqlite, sqlite_path
from smbo.study import Budget, Study
from smbo.study.protocol import StopReason
from smbo.study.run import RunReport
from smbo_scheduler.jobs import Limits
from smbo_scheduler.loop import Progress, RunEnd, Stop
from smbo_scheduler.retry import RetryPolicy
from smbo_scheduler.signals import StopOnSignals


def run_job(
    job: JobFile,
    document: Document,
    folder: Path,
    *,
    at_start: Callable[[Study], None] | None = None,
    new_defaults: Mapping[str, Any] | None = None,
) -> int:
    """Run a job to its end, or as far as it gets, and return the exit code.

    Args:
        job: as the document and the command line say.
        document: for messages.
        folder: of the job file; its modules can be imported.
        at_start: called once with the study, when nothing can be refused any more.
        new_defaults: values that new parameters of the space have had so far; None refuses a job whose space
            is not the study's.

    Raises:
        SmboError, SchedulerError: something is wrong with what was given; nothing was changed.
    """
    find_modules_beside(folder)
    task = load_task(job, document, folder)
    check_report_folder(job, document)
    budget = Budget(
        job.budget.trials, job.budget.time, job.budget.failures, job.budget.cost, job.budget.fidelity
    )
    with KeptLogs() as logs, RunCluster(job) as cluster:
        if job.cluster.is_external:
            logs.take_dask()
        if at_start is not None or _has_evaluations_left(job, budget):
            cluster.check()
        if new_defaults is not None:
            _change_space(job, task.problem, new_defaults)
        with Study.open(
            job.store_url, job.study, task.problem, recipe=job.recipe, seed=job.seed, budget=budget
        ) as study:
            try:
                spool = spool_folder(job, study)
                with (
                    lock.driving(lock.place(spool, study._driver.spool_folder)),
                    StopOnSignals(_announce_stop) as signals,
                ):
                    if task.called is not None:
                        say(f"evaluations are calls of {task.called}")
                    for text in fixed_lines(job.fixed, fixed_before(study)):
                        say(text)
                    for text in task.objective.remarks if isinstance(task.objective, HasRemarks) else ():
                        say(text)
                    kept = job.model_dump(mode="json", exclude_none=True)
                    _say_what_changed(study, kept, folder, task.objective)
                    keep_job(study, kept, folder, task.objective)
                    if at_start is not None:
                        at_start(study)
                    context = RunContext(job, task, study, cluster, signals)
                    if job.cluster.has_dask:
                        logs.take_dask()
                    logs.write_to(context.spool_folder)
                    cluster.keep_files_in(context.spool_folder)
                    return _run(context)
            finally:
                if lock.drivers_here(study):
                    cluster.leave_running()  # other drivers use it: the last one stops it


def _change_space(job: JobFile, problem: Problem, defaults: Mapping[str, Any]) -> None:
    """Have a stored study search the job's space from now on, and say what changes."""
    if is_sqlite(job.store_url) and not sqlite_path(job.store_url).exists():
        return
    try:
        study = Study.load(job.store_url, job.study)
    except UnknownStudy:
        return  # it begins in this space
    with study:
        for text in study.change_space(problem, defaults) or ["it is the study's already"]:
            say(f"space: {text}")


def _say_what_changed(study: Study, job: dict[str, Any], folder: Path, objective: object) -> None:
    """Say what of the objective differs from the run before, and that a seed repeats serial runs only."""
    if study.trials:
        for text in objective_changes(study, job, folder, objective):
            say(
                f"the objective has changed since the last run: {text}; results of before and from now on "
                "are taken for results of one objective. If they are not, give the study another name",
                err=True,
            )
    elif job.get("seed") is not None and not job["cluster"].get("serial"):
        say(
            "seed: results that come in another order lead to other points; only a serial run repeats a study"
        )


def _has_evaluations_left(job: JobFile, budget: Budget) -> bool:
    """Return whether evaluations are left to do, looking without changing anything.

    Raises:
        StoreError: the store cannot be read.
    """
    if is_sqlite(job.store_url) and not sqlite_path(job.store_url).exists():
        return True
    try:
        study = Study.load(job.store_url, job.study)
    except UnknownStudy:
        return True
    with study:
        if summarize(study, recommend=False).n_open > 0:
            return True
        return study.termination() is None and exhausted(study.budget.raised_to(budget), study.spent) is None


def _run(context: RunContext) -> int:
    """Evaluate what the budget leaves, say how the study ended, and finalize it if it is finished."""
    study = context.study
    before = summarize(study, recommend=False)
    if before.is_finished:
        return _report_finished(context, before)
    others = [who for who in lock.drivers_of(study) if f"process {os.getpid()} " not in who]
    if others:
        say(f"sharing {study.name} with {' and '.join(others)}")
    n_finished = sum(n for state, n in before.counts.items() if state not in ("running", "waiting"))
    if n_finished:
        say(f"resuming {study.name}: {n_finished} trials are finished already")
    report = _evaluate(context)
    after = summarize(study)
    for text in summary_lines(study, after):
        click.echo(text)
    if report.why is StopReason.MISFIT:
        click.echo(
            "ended early: no result so far is one that the job can use; what was measured is kept with the "
            f"failed trials. Correct the objective and run `smbo retry {study.name}`; or correct the job "
            "file and give the study another name"
        )
    code = _exit_code(report, after, is_cut_short=context.signals() >= Stop.CANCEL)
    if report.error is None and code in (DONE, TOO_MANY_FAILURES):
        return code if finalize(context, after, confirm=code == DONE) else STOPPED
    if code == STOPPED:
        click.echo(f"stopped before its end{_lost_workers(report)}; the same command goes on from here")
    return code


def _evaluate(context: RunContext) -> RunReport:
    """Run the study's evaluations on the cluster, with as many workers as are of use, and show progress."""
    job, study = context.job, context.study
    n_confirmation = n_confirmation_runs(context)
    credentials = CredentialWatch(credential_horizon(job), lambda text: say(text, err=True))

    def on_progress(progress: Progress) -> None:
        watch.update(progress)
        if study.budget.trials is not None:
            # workers that will confirm the recommended point should not wait in the queue again
            context.cluster.scale_to(max(study.budget.trials - study.spent.trials, n_confirmation))

    def stop() -> Stop:
        context.cluster.check_workers()
        credentials.look()
        return watch.stop()

    with Watch(study, context.signals, context.cluster.queue) as watch:
        report = study.run(
            context.task.spec,
            context.cluster.executor,
            limits=Limits(job.limits.time, job.limits.memory, job.limits.survive),
            resources=context.cluster.resources,
            retries=RetryPolicy(losses=job.retries.lost),
            on_progress=on_progress,
            stop=stop,
            spool=context.spool_folder,
            fixed=context.task.fixed,
            context=context.task.observe,
            lease_seconds=job.lease_seconds,
        )
    if report.end is RunEnd.LEFT:
        context.cluster.leave_running()
    return report


def _report_finished(context: RunContext, summary: StudySummary) -> int:
    """Say that there is nothing to evaluate; write the report if a killed run did not."""
    study = context.study
    how = "" if study.termination() is not None else "; raise its budget to go on"
    click.echo(f"{study.name} is {summary.state}: {summary.end_reason}{how}")
    code = TOO_MANY_FAILURES if summary.too_many_failures or summary.nothing_succeeded else DONE
    if is_reported(context):
        return code
    return code if finalize(context, summarize(study), confirm=code == DONE) else STOPPED


def _exit_code(report: RunReport, after: StudySummary, *, is_cut_short: bool) -> int:
    # an evaluation in this very process cannot be ended, so the loop may call a second Ctrl-C drained
    if report.end in (RunEnd.CANCELLED, RunEnd.LEFT) or is_cut_short:
        return INTERRUPTED
    if report.end is RunEnd.DRAINED and not after.is_finished:
        return STOPPED
    if report.why in (StopReason.FAILURES, StopReason.MISFIT, StopReason.BROKEN) or after.too_many_failures:
        return TOO_MANY_FAILURES
    if report.why in (StopReason.STOPPED, StopReason.TIMEOUT, StopReason.LOST) and not after.is_finished:
        return STOPPED
    return TOO_MANY_FAILURES if after.nothing_succeeded else DONE


def _lost_workers(report: RunReport) -> str:
    if report.why is StopReason.LOST:
        return ": one evaluation after the other took its worker along (memory, or a crash in compiled code)"
    return ""


def _announce_stop(stop: Stop) -> None:
    # from a signal handler: one write, no more
    texts = {
        Stop.DRAIN: "stopping when what runs is done; again to end it now",
        Stop.CANCEL: "ending what runs; again to leave",
    }
    click.echo(f"\n{texts.get(stop, 'leaving')}", err=True)
