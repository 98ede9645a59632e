"""`smbo tune`: parameters with errors, eigentunes and figures, from the stored outputs of a study."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smbo.cli.job.document import Document, read_document
from smbo.cli.job.schema import check_jobfile, read_jobfile
from smbo.cli.job.stored import stored_job
from smbo.cli.job.task import find_modules_beside, load_task
from smbo.cli.summary import recommendation_of
from smbo.cli.target import SUFFIXES, load, study_argument
from smbo.cli.tune_slopes import slopes_beside
from smbo.errors import ProblemError, SmboError
from smbo.history.encode import encode
from smbo.problem import Confirmable, Objective
from smbo.problem.observables import Plottable
from smbo.report.wording_tune import remarks_of, slope_lines, tune_lines, weight_lines
from smbo.study import Study
from smbo.tuning import AutomaticWeights, Tune, TuneSettings, automatic_weights
from smbo.tuning.automatic import Method

if TYPE_CHECKING:
    from smbo.report.tune import Baseline


@click.command(name="tune")
@study_argument
@click.option("--observable", "observables", multiple=True, metavar="NAME", help="Only these; repeat it.")
@click.option("--weights", "file", type=click.Path(path_type=Path), help="File of {observable: weight}.")
@click.option("--theory", type=click.FloatRange(min=0.0), help="Relative theory uncertainty.")
@click.option(
    "--level", default="pdg", show_default=True, help="Δχ² of one deviation: pdg, residuals, or a number."
)
@click.option(
    "--automatic-weights",
    "rule",
    type=click.Choice(["robust", "bilevel"]),
    help="Lower the weight of what no point describes.",
)
@click.option(
    "--slopes",
    "events",
    type=click.IntRange(min=800),
    metavar="EVENTS",
    help="Generate so many events at the tune and compare its slopes with theirs, reweighted.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for a page, figures and files.")
def command(
    study: str,
    store: str | None,
    observables: tuple[str, ...],
    file: Path | None,
    theory: float | None,
    level: str,
    rule: Method | None,
    events: int | None,
    output: Path | None,
) -> None:
    """Fit the tune of STUDY: parameters with errors, eigentunes, agreement of each observable.

    Nothing is evaluated, except with --slopes: other weights, observables or uncertainties move the
    optimum of the model that is fitted to the stored evaluations.  With those of the study the tune is the
    recommended point.
    """
    with load(study, store) as found:
        objective = objective_of(found, study)
        settings = TuneSettings(
            observables=list(observables) or None,
            weights=None if file is None else _weights(file),
            theory=theory,
            same_measurement=same_measurement_of(objective),
            level=_level(level),
        )
        weights = None
        if rule is None:
            is_of_the_study = not observables and file is None and theory is None
            recommended = recommendation_of(found) if is_of_the_study else None
            tune = found.tune(settings, None if recommended is None else recommended.params)
        else:
            data = encode(found.problem, found.trials)
            weights = automatic_weights(found.problem, data, settings, rule)
            tune = weights.tune
        baseline = _baseline(objective)
        for line in [*_tune_text(tune, baseline), *([] if weights is None else weight_lines(weights))]:
            click.echo(line)
        if events is not None:
            checks = slopes_beside(objective, found.problem.space, tune, found.seed, events)
            for line in slope_lines(checks, events):
                click.echo(line)
        if output is not None:
            click.echo(f"page: {_written(output, found, tune, objective, baseline, weights)}")


def same_measurement_of(objective: object) -> Sequence[Sequence[str]]:
    """Return the groups of observables that are one measurement, where an objective names them."""
    return objective.same_measurement() if isinstance(objective, Plottable) else ()


def _tune_text(tune: Tune, baseline: Baseline | None) -> list[str]:
    """Return a tune in lines, with its remarks."""
    beside = (None, "") if baseline is None else (baseline.params, baseline.name)
    return [*tune_lines(tune, *beside), *(f"note: {remark}" for remark in remarks_of(tune))]


def _baseline(objective: Objective | None) -> Baseline | None:
    """Return the point that an objective compares its optimum with; None if it names none."""
    from smbo.report.tune import Baseline

    if not isinstance(objective, Confirmable):
        return None
    confirmation = objective.confirmation()
    if confirmation.baseline is None:
        return None
    return Baseline(confirmation.baseline_name, confirmation.baseline)


def objective_of(study: Study, named: str) -> Objective | None:
    """Return the objective of a study, by the job file given or its last run; None if it cannot be loaded."""
    try:
        if named.endswith(SUFFIXES):
            job, document = read_jobfile(Path(named))
            folder = Path(named).parent
        else:
            kept, folder = stored_job(study)
            document = Document(f"study {study.name}", kept)
            job = check_jobfile(document)
        find_modules_beside(folder)
        return load_task(job, document, folder).objective
    except SmboError as error:
        click.echo(f"without the objective's own axes and files: {error}", err=True)
        return None


def _weights(path: Path) -> Mapping[str, float]:
    data = read_document(path).data
    wrong = {
        name: value
        for name, value in data.items()
        if isinstance(value, bool) or not isinstance(value, int | float)
    }
    if wrong:
        raise ProblemError(f"{path}: write numbers, `observable: weight`; got {wrong!r}")
    return dict(data)


def _level(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _written(
    folder: Path,
    study: Study,
    tune: Tune,
    objective: Objective | None,
    baseline: Baseline | None,
    weights: AutomaticWeights | None,
) -> Path:
    from smbo.report.tune import write_tune

    return write_tune(
        folder,
        name=study.name,
        problem=study.problem,
        tune=tune,
        objective=objective,
        baseline=baseline,
        written=time.strftime("%Y-%m-%d %H:%M %Z"),
        weights=weights,
    )
