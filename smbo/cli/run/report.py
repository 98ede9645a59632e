"""The report of a run: what the page shows beside the study itself, and whether it is written already."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click

from smbo.analysis.explain import explained
from smbo.analysis.optimum import Drawn, optimum
from smbo.analysis.outliers import SuspectedOutlier, suspected_outliers
from smbo.analysis.parameters import parameters as parameters_at
from smbo.analysis.prediction import InUsersUnit
from smbo.cli.job.document import Document
from smbo.cli.job.fixed import fixed_text
from smbo.cli.job.level_set import contour_of_study
from smbo.cli.job.schema import JobFile
from smbo.cli.logs import say
from smbo.cli.run.context import RunContext
from smbo.cli.summary import StudySummary, pareto_of, rungs_text, space_lines, total_cost
from smbo.cli.tune import same_measurement_of
from smbo.errors import SmboError
from smbo.history import table as results
from smbo.history.encode import encode
from smbo.plots.style import NO_MATPLOTLIB, has_matplotlib
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


def check_report_folder(job: JobFile, document: Document) -> None:
    """Refuse a report folder that cannot be written, and say where no figures can be drawn.

    Raises:
        JobFileError: with its line.
    """
    folder = job.report_folder
    if folder is None:
        return
    if not str(folder).isprintable():
        raise document.error(("report",), f"{str(folder)!r} cannot name a folder")
    above = folder.absolute()
    try:
        while not above.exists():
            above = above.parent
        is_folder = above.is_dir()
    except OSError as error:
        raise document.error(("report",), f"{folder}: {error.strerror}") from None
    # a link to what is not there is neither file nor folder
    links = [each for each in (folder.absolute(), *folder.absolute().parents) if each.is_symlink()]
    if broken := next((each for each in links if not os.path.exists(each)), None):
        raise document.error(("report",), f"{broken} is a link to {os.readlink(broken)}, which is not there")
    if not is_folder:
        raise document.error(("report",), f"{above} is a file; a folder is needed")
    if not os.access(above, os.W_OK | os.X_OK):
        raise document.error(("report",), f"{above} cannot be written; name another folder")
    if not has_matplotlib():
        say(f"the report will have no figures: {NO_MATPLOTLIB}", err=True)


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
    """Write the report into a folder; without matplotlib it has no figures."""
    from smbo.report.study import write_report

    study = context.study
    posterior, feasible_draws = _posterior_and_feasibility(context)
    recommended = summary.recommendation
    has_one = recommended is not None and posterior is not None and study.problem.multi_objective is None
    tune = _tune(context, None if recommended is None else recommended.params)
    # a tune at the recommended point has the errors of its parameters
    parameters = None
    if recommended is not None and study.problem.context:
        parameters = parameters_at(study.problem.space, recommended.params)  # the optimum moves with it
    elif has_one and tune is None:
        parameters = optimum(*study._snapshot(), recommended=recommended)
    page = write_report(
        folder,
        name=study.name,
        problem=study.problem,
        trials=study.trials,
        recommendation=recommended,
        parameters=parameters,
        left_out=explained(*study._snapshot(), times_a_proposal=False).leave_one_out if has_one else None,
        contour=contour_of_study(study),
        posterior=posterior,
        well=feasible_draws,
        pareto=pareto_of(study),
        checks=confirmed,
        figures=_own_figures(context, folder, confirmed),
        settings=_settings(context),
        written=time.strftime("%Y-%m-%d %H:%M %Z"),
        seed=study.seed,
        tune=tune,
        objective=context.task.objective,
        outliers=_suspected_outliers(context),
    )
    say(f"report: {page}")


def _tune(context: RunContext, at: Mapping[str, Any] | None) -> Tune | None:
    """Return the tune at a point; None where outputs are not compared with data or say too little."""
    if not isinstance(context.study.problem.loss, ChiSquare):
        return None
    try:
        settings = TuneSettings(same_measurement=same_measurement_of(context.task.objective))
        return context.study.tune(settings, at)
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
        if posterior is not None and data.unit != 1.0:
            posterior = InUsersUnit(posterior, data)
        feasibility = feasibility_of(data, memory)
    except SmboError:
        return None, None
    return posterior, None if feasibility is None else feasibility.draws


def _suspected_outliers(context: RunContext) -> tuple[SuspectedOutlier, ...]:
    """Return the values that the model leaves out; none where too little is known."""
    study = context.study
    memory = study._driver.store.study(study.name).memory
    try:
        return suspected_outliers(study.problem, study.recipe, study.trials, memory)
    except SmboError:
        return ()


def _own_figures(context: RunContext, folder: Path, confirmed: Confirmed | None) -> list[Figure]:
    """Return the figures that the objective itself draws of the confirmed points."""
    objective = context.task.objective
    if confirmed is None or not isinstance(objective, HasFigures) or not has_matplotlib():
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
    table: dict[str, object] = {
        "objective": f"{kind}: {_as_written(settings)}",
        "recipe": _as_written(job.recipe),
    }
    if changes := space_lines(study):
        table["changes of the space"] = "\n".join(changes)
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
    table["cluster"] = _as_written(job.cluster.model_dump(exclude_none=True, exclude_defaults=True))
    return table


def _as_written(value: object) -> str:
    """Return a value as a job file may write it: texts plain, all else as JSON, which is YAML too."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
