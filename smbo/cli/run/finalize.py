"""After the study: check evaluations of the recommended point, and the report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click

from smbo.analysis.summary import Drawn, verdict
from smbo.cli.group import STOPPED
from smbo.cli.job.fixed import fixed_text
from smbo.cli.job.level_set import contour_of_study
from smbo.cli.run.confirmation import FILE, Check, CheckBook, plan
from smbo.cli.run.context import RunContext
from smbo.cli.summary import Standing, pareto_of, rungs_text, total_cost
from smbo.cli.tune import same_measurement_of
from smbo.errors import SmboError, StoreError
from smbo.history import table as results
from smbo.history.encode import encode
from smbo.problem import ChiSquare, Confirmable, Figure, HasFigures, Outcome
from smbo.proposal.recommend import feasibility_of, posterior_of
from smbo.proposal.transfer import with_transfer
from smbo.report.wording import explanation, headline
from smbo.space.json_values import to_plain
from smbo.store.budget import exhausted
from smbo.study.evaluator import Evaluator, outcome_from_json, payload_of
from smbo.surrogates.base import Posterior
from smbo.tuning import Tune, TuneSettings
from smbo_scheduler.jobs import Limits
from smbo_scheduler.loop import Progress, RunEnd, run
from smbo_scheduler.outbox.spool import Spool

Checks: TypeAlias = Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]

PAGE = "index.html"
_MOST_REFUSED = 1000  # rows of earlier studies that a report lists
# of the study's name: what remains leaves room for the suffix within a job's 100 characters
_MAX_NAME = 90


def n_checks(errand: RunContext) -> int:
    """Return how many evaluations come after the study's own."""
    objective = errand.task.objective
    if errand.job.report_folder is None or not isinstance(objective, Confirmable):
        return 0
    confirmation = objective.confirmation()
    return confirmation.repeats * (1 if confirmation.baseline is None else 2)


def is_reported(errand: RunContext) -> bool:
    """Return whether the report of all trials is there already, or none is wanted."""
    folder, study = errand.job.report_folder, errand.study
    if folder is None:
        return True
    try:
        # written beside the page, so one of fewer trials belongs to an earlier, smaller budget
        trials = (folder / "trials.json").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return (folder / PAGE).is_file() and trials == results.to_json(study.problem, study.trials)


def finish(errand: RunContext, now: Standing, *, checks: bool) -> int:
    """Check the recommended point and write the report; return 0, or the exit code if interrupted.

    Args:
        errand: of a study that is finished.
        now: where the study stands.
        checks: whether the recommended point is evaluated again.
    """
    folder = errand.job.report_folder
    if folder is None:
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: the report's folder cannot be made: {error.strerror}") from None
    found: Checks | None = None
    if (
        errand.study.problem.multi_objective is None
        and checks
        and now.recommendation is not None
        and isinstance(errand.task.objective, Confirmable)
    ):
        book = _check_book(errand, now.recommendation.params, folder)
        if not _run_checks(errand, book):
            click.echo("stopped before the recommended point was checked; the same command goes on from here")
            return STOPPED
        found = _outcomes(book)
        for text in _verdict_lines(errand, found, book):
            click.echo(text)
    _report(errand, now, folder, found)
    return 0


def _check_book(errand: RunContext, recommended: Mapping[str, Any], folder: Path) -> CheckBook:
    assert isinstance(errand.task.objective, Confirmable)
    study, job = errand.study, errand.job
    seeds = [trial.seed for trial in study.trials]

    def payload(check: Check) -> dict[str, Any]:
        point = {name: to_plain(value) for name, value in check.params.items()}
        own = study.problem.fidelity
        level = own.as_number(own.high) if check.fidelity is None and own is not None else check.fidelity
        return payload_of(point, check.seed, level)

    return CheckBook(
        folder / FILE,
        f"{study.name[:_MAX_NAME]}.check",
        plan(errand.task.objective.confirmation(), recommended, study.seed, seeds),
        payload=payload,
        limits=Limits(None, job.limits.memory),  # a check may take longer than a trial: it does more
        resources=job.resources,
    )


def _run_checks(errand: RunContext, book: CheckBook) -> bool:
    """Run the checks that are left; return whether all are done."""
    if book.n_done == book.n_wanted:
        return True
    spool = Spool(errand.spool_folder / "checks", lease_seconds=errand.job.lease_seconds)
    for outcome in spool.pending():  # what finished while no driver was there
        book.record(outcome)
        spool.discard(outcome)
    click.echo(f"checking the recommended point: {book.n_wanted - book.n_done} evaluations with fresh seeds")
    errand.workplace.expect(book.n_wanted - book.n_done)
    executor = errand.workplace.executor(Evaluator(errand.task.spec), spool)
    told = [book.n_done]

    def tell(_progress: Progress) -> None:
        if book.n_done > told[0]:
            told[0] = book.n_done
            click.echo(f"checked {book.n_done} of {book.n_wanted}")

    try:
        summary = run(book, executor, stop=errand.signals, on_progress=tell)
    finally:
        executor.close()
    if summary.end is RunEnd.LEFT:
        errand.workplace.leave_running()
    return book.n_done == book.n_wanted


def _outcomes(book: CheckBook) -> dict[str, list[tuple[Mapping[str, Any], Outcome]]]:
    return {
        label: [(params, outcome_from_json(result)) for params, result in pairs]
        for label, pairs in book.results().items()
    }


def _verdict_lines(errand: RunContext, checks: Checks, book: CheckBook) -> list[str]:
    said = verdict(errand.study.problem, checks)
    lines = [headline(said), explanation(said)] if said is not None else []
    failures = book.failures()
    if failures:
        lines.append(f"{len(failures)} check evaluations failed: {', '.join(sorted(set(failures)))}")
    return lines


def _report(errand: RunContext, now: Standing, folder: Path, checks: Checks | None) -> None:
    try:
        from smbo.report.study import write_report
    except ImportError as error:
        click.echo(f"no report: {error.name} is not installed; pip install 'smbo[plots]'", err=True)
        return
    study = errand.study
    posterior, well = _beliefs(errand)
    page = write_report(
        folder,
        name=study.name,
        problem=study.problem,
        trials=study.trials,
        recommendation=now.recommendation,
        contour=contour_of_study(study),
        posterior=posterior,
        well=well,
        pareto=pareto_of(study),
        checks=checks,
        figures=_own_figures(errand, folder, checks),
        settings=_settings(errand),
        written=time.strftime("%Y-%m-%d %H:%M %Z"),
        seed=study.seed,
        tune=_tune(errand),
        objective=errand.task.objective,
    )
    click.echo(f"report: {page}")


def _tune(errand: RunContext) -> Tune | None:
    if not isinstance(errand.study.problem.loss, ChiSquare):
        return None
    settings = TuneSettings(same_measurement=same_measurement_of(errand.task.objective))
    try:
        return errand.study.tune(settings)
    except SmboError as error:  # too little is known, or nothing has an error
        click.echo(f"no tune: {error}", err=True)
        return None


def _beliefs(errand: RunContext) -> tuple[Posterior | None, Drawn | None]:
    """Return the posterior of the value, and where evaluations go well; None for what is not known."""
    study = errand.study
    memory = study._driver.store.study(study.name).memory
    try:
        data = encode(study.problem, study.trials, is_in_full=True)
        posterior = posterior_of(with_transfer(study.problem, study.recipe), data, memory)
        feasibility = feasibility_of(data, memory)
    except SmboError:  # too little is known for one
        return None, None
    return posterior, None if feasibility is None else feasibility.draws


def _own_figures(errand: RunContext, folder: Path, checks: Checks | None) -> list[Figure]:
    objective = errand.task.objective
    if checks is None or not isinstance(objective, HasFigures):
        return []
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    try:
        return objective.figures(figures, checks)
    except Exception as error:  # somebody else's drawing may fail in any way; the rest of the report stands
        click.echo(f"the objective's own figures cannot be drawn: {type(error).__name__}: {error}", err=True)
        return []


def _settings(errand: RunContext) -> dict[str, object]:
    job = errand.job
    ((kind, settings),) = job.objective.items()
    said: dict[str, object] = {"objective": f"{kind}: {settings}", "recipe": job.recipe}
    if (rungs := rungs_text(errand.study)) is not None:
        said["fidelity"] = rungs
    if (cost := total_cost(errand.study)) is not None:
        said["cost of all evaluations"] = f"{cost:g}"
    if (why := errand.study.termination() or exhausted(errand.study.budget, errand.study.spent)) is not None:
        said["ended because"] = why
    if job.fixed:
        said["fixed"] = fixed_text(job.fixed)
    if errand.task.refused:
        said["rows refused"] = "\n".join(errand.task.refused[:_MOST_REFUSED])
    said["seed"] = errand.study.seed
    said["budget"] = ", ".join(
        f"{key}: {value}" for key, value in job.budget.model_dump(exclude_none=True).items()
    )
    said["cluster"] = job.cluster.model_dump(exclude_none=True, exclude_defaults=True)
    return said
