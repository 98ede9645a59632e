"""One run of a study, from the first look at the store to the report."""

from __future__ import annotations

import os
from pathlib import Path

import click

from smbo.cli.group import DONE, INTERRUPTED, STOPPED, TOO_MANY_FAILURES
from smbo.cli.job.document import Document
from smbo.cli.job.fixed import fixed_lines
from smbo.cli.job.level_set import contour_lines
from smbo.cli.job.quantities import duration_text
from smbo.cli.job.schema import JobFile
from smbo.cli.job.stored import fixed_before, keep_job
from smbo.cli.job.task import find_modules_beside, load_task
from smbo.cli.run import lock
from smbo.cli.run.cluster import RunCluster
from smbo.cli.run.context import RunContext
from smbo.cli.run.finalize import finish, is_reported, n_checks
from smbo.cli.run.watch import Watch
from smbo.cli.summary import (
    Standing,
    failures_summary,
    feasibility_line,
    feasible_text,
    pareto_of,
    pareto_text,
    recommended_text,
    standing,
    total_cost,
)
from smbo.errors import UnknownStudy
from smbo.store.budget import exhausted
from smbo.store.connect import is_sqlite, sqlite_path
from smbo.study import Budget, Study
from smbo.study.protocol import StopReason
from smbo.study.run import RunReport
from smbo_scheduler.jobs import Limits
from smbo_scheduler.loop import Progress, RunEnd, Stop
from smbo_scheduler.retry import RetryPolicy
from smbo_scheduler.signals import StopOnSignals

# finished trials from which on a budget in costs that nobody tells is remarked upon
_FEWEST_WITHOUT_COST = 3


def drive(job: JobFile, document: Document, folder: Path) -> int:
    """Run a job to its end, or as far as it gets, and return the exit code.

    Args:
        job: as the document and the command line say.
        document: for messages.
        folder: of the job file; its modules can be imported.

    Raises:
        SmboError, SchedulerError: something is wrong with what was given; nothing was changed.
    """
    find_modules_beside(folder)
    task = load_task(job, document, folder)
    budget = Budget(
        job.budget.trials, job.budget.time, job.budget.failures, job.budget.cost, job.budget.fidelity
    )
    with RunCluster(job.cluster, job.resources, job.limits.time) as workplace:
        if _has_work(job, budget):
            workplace.check()
        with Study.open(
            job.store_url, job.study, task.problem, recipe=job.recipe, seed=job.seed, budget=budget
        ) as study:
            try:
                with lock.driving(study._driver.spool_folder), StopOnSignals(_say) as signals:
                    for text in fixed_lines(job.fixed, fixed_before(study)):
                        click.echo(text)
                    keep_job(study, job.model_dump(mode="json", exclude_none=True), folder)
                    errand = RunContext(job, task, study, workplace, signals)
                    workplace.settle_in(errand.spool_folder)
                    return _drive(errand)
            finally:
                if lock.drivers(study._driver.spool_folder):
                    workplace.leave_running()  # others use it: the last one ends it


def _has_work(job: JobFile, budget: Budget) -> bool:
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
        now = standing(study, recommend=False)
        if now.n_open > 0:
            return True
        return study.termination() is None and exhausted(study.budget.raised_to(budget), study.spent) is None


def _drive(errand: RunContext) -> int:
    study = errand.study
    before = standing(study, recommend=False)
    if before.is_finished:
        return _say_finished(errand, before)
    others = [who for who in lock.drivers_of(study) if f"process {os.getpid()} " not in who]
    if others:
        click.echo(f"sharing {study.name} with {' and '.join(others)}")
    n_finished = sum(n for state, n in before.counts.items() if state not in ("running", "waiting"))
    if n_finished:
        click.echo(f"resuming {study.name}: {n_finished} trials are finished already")
    report = _evaluate(errand)
    after = standing(study)
    for text in _summary(study, after):
        click.echo(text)
    if report.why is StopReason.MISFIT:
        click.echo(
            "ended early: no result so far is one that the job can use; what was measured is kept with the "
            "failed trials. Correct the job or the objective, and give the study another name"
        )
    code = _exit_code(report, after, is_cut_short=errand.signals() >= Stop.CANCEL)
    if code in (DONE, TOO_MANY_FAILURES):
        return _finish(errand, after, checks=code == DONE) or code
    if code == STOPPED:
        click.echo(f"stopped before its end{_why(report)}; the same command goes on from here")
    return code


def _evaluate(errand: RunContext) -> RunReport:
    job, study = errand.job, errand.study
    reserve = n_checks(errand)
    is_warned = False

    def tell(progress: Progress) -> None:
        watch.report(progress)
        if (left := _n_left(study)) is not None:
            # those who check the recommended point should not wait in the queue again
            errand.workplace.expect(max(left, reserve))

        warn_of_costs(len(progress.running))

    def warn_of_costs(n_running: int) -> None:
        nonlocal is_warned
        limit, spent = study.budget.cost, study.spent
        if is_warned or limit is None or spent.cost > 0.0 or spent.trials - n_running < _FEWEST_WITHOUT_COST:
            return
        is_warned = True
        click.echo(
            f"no evaluation has told a cost, so the budget of cost {limit:g} ends nothing; return an Outcome "
            "with a cost, or give a budget of trials or time",
            err=True,
        )

    def stop() -> Stop:
        errand.workplace.look()
        return watch.stop()

    with Watch(study, errand.signals) as watch:
        report = study.run(
            errand.task.spec,
            errand.workplace.executor,
            limits=Limits(job.limits.time, job.limits.memory, job.limits.survive),
            resources=job.resources,
            retries=RetryPolicy(losses=job.retries.lost),
            on_progress=tell,
            stop=stop,
            spool=errand.spool_folder,
            fixed=errand.task.fixed,
            lease_seconds=job.lease_seconds,
        )
    if report.end is RunEnd.LEFT:
        errand.workplace.leave_running()
    return report


def _n_left(study: Study) -> int | None:
    """Return how many evaluations the budget still has room for; None if it does not count them."""
    limit = study.budget.trials
    return None if limit is None else max(0, limit - study.spent.trials)


def _say_finished(errand: RunContext, now: Standing) -> int:
    """Say that there is nothing to evaluate; make up for a report that a killed run did not write."""
    study = errand.study
    how = "" if study.termination() is not None else "; raise its budget to go on"
    click.echo(f"{study.name} is {now.word}: {now.used_up}{how}")
    code = TOO_MANY_FAILURES if now.too_many_failures or now.nothing_succeeded else DONE
    if is_reported(errand):
        return code
    return _finish(errand, standing(study), checks=code == DONE) or code


def _finish(errand: RunContext, now: Standing, *, checks: bool) -> int | None:
    """Check and report, unless another driver of the study does or has."""
    with lock.finishing(errand.study._driver.spool_folder) as is_ours:
        if not is_ours:
            click.echo("another driver checks the recommended point and writes the report")
            return None
        return None if is_reported(errand) else finish(errand, now, checks=checks)


def _exit_code(report: RunReport, after: Standing, *, is_cut_short: bool) -> int:
    # an evaluation in this very process cannot be ended, so the loop may call a second Ctrl-C drained
    if report.end in (RunEnd.CANCELLED, RunEnd.LEFT) or is_cut_short:
        return INTERRUPTED
    if report.end is RunEnd.DRAINED and not after.is_finished:
        return STOPPED
    if report.why in (StopReason.FAILURES, StopReason.MISFIT) or after.too_many_failures:
        return TOO_MANY_FAILURES
    if report.why in (StopReason.STOPPED, StopReason.TIMEOUT, StopReason.LOST) and not after.is_finished:
        return STOPPED
    return TOO_MANY_FAILURES if after.nothing_succeeded else DONE


def _why(report: RunReport) -> str:
    if report.why is StopReason.LOST:
        return ": one evaluation after the other took its worker along (memory, or a crash in compiled code)"
    return ""


def _summary(study: Study, now: Standing) -> list[str]:
    counts = ", ".join(f"{n} {state}" for state, n in sorted(now.counts.items())) or "nothing evaluated"
    cost = total_cost(study)
    costing = "" if cost is None else f", at a cost of {cost:g}"
    lines = [f"{study.name}: {counts}; {duration_text(study.spent.seconds)} in all{costing}"]
    if now.recommendation is not None:
        said = now.recommendation
        name = "" if said.means else f"{study.problem.value_name} "
        lines.append(f"recommended ({said.place}): {name}{recommended_text(said)}{feasible_text(said)}")
    if (pareto := pareto_of(study)) is not None:
        lines.append(f"Pareto set: {pareto_text(pareto)}")
    lines += contour_lines(study)
    if (met := feasibility_line(study)) is not None:
        lines.append(met)
    if now.used_up is not None:
        lines.append(f"ended because {now.used_up}")
    return [*lines, *failures_summary(study.trials)]


def _say(stop: object) -> None:
    # from a signal handler: one write, no more
    words = {1: "stopping when what runs is done; again to end it now", 2: "ending what runs; again to leave"}
    text = words.get(int(stop), "leaving") if isinstance(stop, int) else "stopping"
    click.echo(f"\n{text}", err=True)
