"""The report of a run: what the page shows beside the study itself, and whether it is written already."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click

from smbo.analysis.summary import Drawn
from smbo.cli.job.fixed import fixed_text
from smbo.cli.job.level_set import contour_of_study
from smbo.cli.run.context import RunContext
from smbo.cli.summary import StudySummary, pareto_of, rungs_text, total_cost
from smbo.cli.tune import same_measurement_of
from smbo.errors import SmboError
from smbo.history import table as results
from smbo.history.encode import encode
from smbo.problem import ChiSquare, Figure, HasFigures, Outcome
from smbo.proposal.recommend import feasibility_of, posterior_of
from smbo.proposal.transfer import with_transfer
from smbo.store.budget import exhausted
from smbo.surrogates.base import Posterior
from smbo.tuning import Tune, TuneSettings

# (point, outcome) of the confirmation runs, by "recommended" or the baseline's name
Confirmed: TypeAlias = Mapping[str, Sequence[tuple[Mapping[str, Any], Outcome]]]

PAGE = "index.html"
_MOST_REFUSED = 1000  # rows of source studies that a report lists


def is_reported(context: RunContext) -> bool:
    """Return whether the report of all trials is there already, or none is wanted."""
    folder, study = context.job.report_folder, context.study
    if folder is None:
        return True
    try:
        # written beside the page, so one of fewer trials belongs to an earlier, smaller budget
        trials = (folder / "trials.json").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return (folder / PAGE).is_file() and trials == results.to_json(study.problem, study.trials)


def write_run_report(
    context: RunContext, summary: StudySummary, folder: Path, confirmed: Confirmed | None
) -> None:
    """Write the report into a folder; without matplotlib say what to install instead."""
    try:
        from smbo.report.study import write_report
    except ImportError as error:
        click.echo(f"no report: {error.name} is not installed; pip install 'smbo[plots]'", err=True)
        return
    study = context.study
    posterior, feasible_draws = _posterior_and_feasibility(context)
    page = write_report(
        folder,
        name=study.name,
        problem=study.problem,
        trials=study.trials,
        recommendation=summary.recommendation,
        contour=contour_of_study(study),
        posterior=posterior,
        well=feasible_draws,
        pareto=pareto_of(study),
        checks=confirmed,
        figures=_own_figures(context, folder, confirmed),
        settings=_settings(context),
        written=time.strftime("%Y-%m-%d %H:%M %Z"),
        seed=study.seed,
        tune=_tune(context),
        objective=context.task.objective,
    )
    click.echo(f"report: {page}")


def _tune(context: RunContext) -> Tune | None:
    """Return the tune by the outputs; None where they are not compared with data or say too little."""
    if not isinstance(context.study.problem.loss, ChiSquare):
        return None
    try:
        return context.study.tune(TuneSettings(same_measurement=same_measurement_of(context.task.objective)))
    except SmboError as error:  # too few evaluations, or no output has an error
        click.echo(f"no tune: {error}", err=True)
        return None


def _posterior_and_feasibility(context: RunContext) -> tuple[Posterior | None, Drawn | None]:
    """Return the posterior of the value and draws of the feasibility; None where too little is known."""
    study = context.study
    memory = study._driver.store.study(study.name).memory
    try:
        data = encode(study.problem, study.trials, is_in_full=True)
        posterior = posterior_of(with_transfer(study.problem, study.recipe), data, memory)
        feasibility = feasibility_of(data, memory)
    except SmboError:
        return None, None
    return posterior, None if feasibility is None else feasibility.draws


def _own_figures(context: RunContext, folder: Path, confirmed: Confirmed | None) -> list[Figure]:
    """Return the figures that the objective itself draws of the confirmed points."""
    objective = context.task.objective
    if confirmed is None or not isinstance(objective, HasFigures):
        return []
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    try:
        return objective.figures(figures, confirmed)
    except Exception as error:  # somebody else's drawing may fail in any way; the rest of the report stands
        click.echo(f"the objective's own figures cannot be drawn: {type(error).__name__}: {error}", err=True)
        return []


def _settings(context: RunContext) -> dict[str, object]:
    """Return the report's table of settings, in the words of the job file."""
    job, study = context.job, context.study
    ((kind, settings),) = job.objective.items()
    table: dict[str, object] = {"objective": f"{kind}: {settings}", "recipe": job.recipe}
    if (rungs := rungs_text(study)) is not None:
        table["fidelity"] = rungs
    if (cost := total_cost(study)) is not None:
        table["cost of all evaluations"] = f"{cost:g}"
    if (reason := study.termination() or exhausted(study.budget, study.spent)) is not None:
        table["ended because"] = reason
    if job.fixed:
        table["fixed"] = fixed_text(job.fixed)
    if context.task.refused:
        table["rows refused"] = "\n".join(context.task.refused[:_MOST_REFUSED])
    table["seed"] = study.seed
    table["budget"] = ", ".join(
        f"{key}: {value}" for key, value in job.budget.model_dump(exclude_none=True).items()
    )
    table["cluster"] = job.cluster.model_dump(exclude_none=True, exclude_defaults=True)
    return table
