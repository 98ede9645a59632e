"""After the study's last trial: confirmation runs of the recommended point, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from smbo.analysis.summary import compare_points
from smbo.cli.logs import say
from smbo.cli.run import lock
from smbo.cli.run.confirmation import FILE, ConfirmationQueue, ConfirmationRun, confirmation_runs
from smbo.cli.run.context import RunContext
from smbo.cli.run.report import Confirmed, is_reported, write_run_report
from smbo.cli.summary import StudySummary
from smbo.errors import StoreError
from smbo.problem import Confirmable
from smbo.report.wording import explanation, headline
from smbo.space.json_values import to_plain
from smbo.study.evaluator import Evaluator, outcome_from_json, payload_of
from smbo_scheduler.jobs import Limits
from smbo_scheduler.loop import Progress, RunEnd, run
from smbo_scheduler.outbox.spool import Spool

# of the study's name: what remains leaves room for the suffix within a job's 100 characters
_MAX_NAME = 90


def n_confirmation_runs(context: RunContext) -> int:
    """Return how many confirmation runs come after the study's own evaluations."""
    objective = context.task.objective
    if context.job.report_folder is None or not isinstance(objective, Confirmable):
        return 0
    confirmation = objective.confirmation()
    return confirmation.repeats * (1 if confirmation.baseline is None else 2)


def finalize(context: RunContext, summary: StudySummary, *, confirm: bool) -> bool:
    """Confirm the recommended point and write the report, unless that is done or another driver does it.

    Args:
        context: of a study that is finished.
        summary: of this study.
        confirm: whether the recommended point is evaluated again.

    Returns:
        False if the confirmation runs were interrupted; the next run continues them.
    """
    place = lock.place(context.spool_folder, context.study._driver.spool_folder)
    with lock.finishing(place) as is_ours:
        if not is_ours:
            say("another driver checks the recommended point and writes the report")
            return True
        return is_reported(context) or _confirm_and_report(context, summary, confirm)


def _confirm_and_report(context: RunContext, summary: StudySummary, confirm: bool) -> bool:
    folder = context.job.report_folder
    assert folder is not None, "no report is wanted"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: the report's folder cannot be made: {error.strerror}") from None
    confirmed: Confirmed | None = None
    problem = context.study.problem
    # evaluations of now would be in the context of now
    is_single = problem.multi_objective is None and not problem.context
    if is_single and confirm and summary.recommendation and isinstance(context.task.objective, Confirmable):
        queue = _confirmation_queue(context, summary.recommendation.params, folder / FILE)
        if not _run_confirmation(context, queue):
            click.echo("stopped before the recommended point was checked; the same command goes on from here")
            return False
        confirmed = _outcomes(queue)
        for text in _comparison_lines(context, confirmed, queue.failures()):
            click.echo(text)
    write_run_report(context, summary, folder, confirmed)
    return True


def _confirmation_queue(context: RunContext, recommended: Mapping[str, Any], path: Path) -> ConfirmationQueue:
    assert isinstance(context.task.objective, Confirmable)
    study, job = context.study, context.job
    seeds = [trial.seed for trial in study.trials]

    def payload(each: ConfirmationRun) -> dict[str, Any]:
        point = {name: to_plain(value) for name, value in each.params.items()}
        own = study.problem.fidelity
        level = own.as_number(own.high) if each.fidelity is None and own is not None else each.fidelity
        return payload_of(point, each.seed, level)

    return ConfirmationQueue(
        path,
        f"{study.name[:_MAX_NAME]}.check",
        confirmation_runs(context.task.objective.confirmation(), recommended, study.seed, seeds),
        payload=payload,
        limits=Limits(None, job.limits.memory),  # one may take longer than a trial: it does more
        resources=job.resources,
    )


def _run_confirmation(context: RunContext, queue: ConfirmationQueue) -> bool:
    """Run the confirmation runs that are left; return whether all are done."""
    if queue.n_done == queue.n_wanted:
        return True
    spool = Spool(context.spool_folder / "checks", lease_seconds=context.job.lease_seconds)
    for outcome in spool.pending():  # what finished while no driver was there
        queue.record(outcome)
        spool.discard(outcome)
    n_left = queue.n_wanted - queue.n_done
    say(f"checking the recommended point: {n_left} evaluations with fresh seeds")
    context.cluster.scale_to(n_left)
    executor = context.cluster.executor(
        Evaluator(context.task.spec, context.study.problem.space.names), spool
    )
    n_shown = queue.n_done

    def on_progress(_progress: Progress) -> None:
        nonlocal n_shown
        if queue.n_done > n_shown:
            n_shown = queue.n_done
            say(f"checked {n_shown} of {queue.n_wanted}")

    try:
        summary = run(queue, executor, stop=context.signals, on_progress=on_progress)
    finally:
        executor.close()
    if summary.end is RunEnd.LEFT:
        context.cluster.leave_running()
    return queue.n_done == queue.n_wanted


def _outcomes(queue: ConfirmationQueue) -> Confirmed:
    return {
        label: [(params, outcome_from_json(result)) for params, result in pairs]
        for label, pairs in queue.results().items()
    }


def _comparison_lines(context: RunContext, confirmed: Confirmed, failures: list[str]) -> list[str]:
    found = compare_points(context.study.problem, confirmed)
    lines = [] if found is None else [headline(found), explanation(found)]
    if failures:
        lines.append(f"{len(failures)} check evaluations failed: {', '.join(sorted(set(failures)))}")
    return lines
