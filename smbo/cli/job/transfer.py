"""The key `transfer` of a job file: source studies, from tables or stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smbo.cli.job.document import Document
from smbo.cli.job.schema import JobFile, TransferSection
from smbo.errors import ProblemError, SmboError, UnknownStudy
from smbo.problem import Problem
from smbo.problem.transfer_source import Metrics, TransferSource
from smbo.store.connect import is_sqlite, sqlite_path

if TYPE_CHECKING:
    from smbo.study import Study

_MOST_SHOWN = 10
_UNNAMED = "value"  # of an objective that returns one number


def transfer_sources(
    job: JobFile, problem: Problem, document: Document, folder: Path
) -> list[TransferSource]:
    """Return the source studies of a job for its problem; files are looked for beside the job file.

    A resumed study has those that were stored with it, so that its proposals stay the same although a
    file may be gone by now and a source study may have grown.

    Raises:
        JobFileError: one cannot be read; with its line.
    """
    if job.transfer and (stored := _stored(job)) is not None:
        return stored
    found = []
    for index, given in enumerate(job.transfer):
        if isinstance(given, str) and not given.isprintable():
            raise document.error(("transfer", index), f"{given!r} cannot name a file")
        section = TransferSection(file=given) if isinstance(given, str) else given
        try:
            found.append(_source(problem, section, folder))
        except SmboError as error:
            raise document.error(("transfer", index), error) from None
    return found


def _stored(job: JobFile) -> list[TransferSource] | None:
    """Return the source studies stored with a job's study; None if they are not the ones named now."""
    from smbo.study import Study

    if is_sqlite(job.store_url) and not sqlite_path(job.store_url).exists():
        return None
    try:
        with Study.load(job.store_url, job.study) as study:
            known = list(study.problem.transfer)
    except UnknownStudy:
        return None
    return known if [each.name for each in known] == [_name(given) for given in job.transfer] else None


def _name(given: str | TransferSection) -> str:
    section = TransferSection(file=given) if isinstance(given, str) else given
    return section.study or Path(section.file or "").name


def fitting_rows(
    sources: Sequence[TransferSource], problem: Problem, document: Document
) -> tuple[list[TransferSource], list[str]]:
    """Return the sources with the rows that fit a problem, and why others do not, told on standard error.

    Raises:
        JobFileError: too few rows of one fit; with its line.
    """
    found, said = [], []
    for index, study in enumerate(sources):
        try:
            kept, refused = problem.checked_source(study)
        except ProblemError as error:
            raise document.error(("transfer", index), error) from None
        if refused:
            click.echo(
                f"{study.name}: {len(kept.points)} of {len(study.points)} rows are used; refused are",
                err=True,
            )
            for text in refused[:_MOST_SHOWN]:
                click.echo(f"  {text}", err=True)
            if len(refused) > _MOST_SHOWN:
                click.echo(f"  and {len(refused) - _MOST_SHOWN} more; the report lists them", err=True)
        found.append(kept)
        said += refused
    return found, said


def _source(problem: Problem, section: TransferSection, folder: Path) -> TransferSource:
    """Return a source study: the metrics of the problem, or those that it maps to or names for the source."""
    several = problem.level_set or problem.multi_objective
    names = [problem.value_name] if several is None else list(several.names)
    if section.value is not None and len(names) > 1:
        raise ProblemError(
            f"value: {section.value!r}, and there are several objectives, which are read by their names: "
            f"{', '.join(names)}; leave it out, or map them, metrics: {{{names[0]}: NAME}}"
        )
    if unknown := sorted(section.metrics.keys() - {*names}):
        raise ProblemError(f"metrics: {unknown[0]!r} is not sought here; there is {', '.join(names)}")
    mapped = {name: section.metrics.get(name, name) for name in names}
    metrics: Metrics | None = mapped if len(names) > 1 else section.value or mapped[names[0]]
    others: dict[str, Any] = {"defaults": section.defaults, "drop": section.drop}
    if section.file is not None:
        assert metrics is not None
        return TransferSource.read(folder / section.file, metrics, outputs=section.outputs, **others)
    from smbo.study import Study

    assert section.store is not None
    assert section.study is not None
    with Study.load(section.store, section.study) as study:
        if problem.loss is not None:
            metrics = None
        elif len(names) == 1 and section.value is None and not section.metrics:
            metrics = None if _is_own_value(problem, names[0], study) else metrics
        try:
            source = TransferSource.of_trials(study.trials, section.study, metrics, **others)
        except ProblemError as error:
            raise ProblemError(f"{error}; say which is meant, {{study: …, store: …, value: NAME}}") from None
        if problem.output_loss is None:
            meant: Any = metrics if isinstance(metrics, Mapping) else {names[0]: metrics}
            _refuse_other_direction(problem, study.problem, meant)
        return source


def _is_own_value(problem: Problem, name: str, study: Study) -> bool:
    """Return whether the value of a source study's trials is meant, or its functions for a level set."""
    source = study.problem
    if problem.level_set is not None:
        return source.level_set is not None and source.level_set.names == problem.level_set.names
    # the first of several objectives, or a distance to a level, is no value of this study
    is_one_value = source.multi_objective is None and source.level_set is None
    is_measured = any(name in trial.metrics for trial in study.trials)
    return source.value_name == name or (
        is_one_value and _UNNAMED in (source.value_name, name) and not is_measured
    )


def _refuse_other_direction(problem: Problem, source: Problem, meant: Mapping[str, str | None]) -> None:
    """Refuse a metric that was maximised in the source study and is minimised here, or the reverse.

    Args:
        meant: the source's metric for each objective; None for the value of its trials.
    """
    there, here = _directions(source), _directions(problem)
    for name, metric in meant.items():
        theirs = source.value_name if metric is None else metric
        if theirs in there and there[theirs] != here[name]:
            raise ProblemError(
                f"{theirs!r} was to be {there[theirs]}imal, and {name!r} is to be {here[name]}imal; take its "
                f"negative, metrics: {{{name}: -{theirs}}}, or another metric"
            )


def _directions(problem: Problem) -> dict[str, str]:
    return dict(problem.objectives or {problem.value_name: "max" if problem.maximize else "min"})
