"""The key `transfer` of a job file: source studies, from tables or stores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from smbo.cli.job.document import Document
from smbo.cli.job.schema import JobFile, TransferSection
from smbo.errors import ProblemError, SmboError, UnknownStudy
from smbo.problem.transfer_source import TransferSource
from smbo.space import Space
from smbo.store.connect import is_sqlite, sqlite_path

_MOST_SHOWN = 10
_UNNAMED = "value"  # of an objective that returns one number


def transfer_sources(job: JobFile, document: Document, folder: Path) -> list[TransferSource]:
    """Return the source studies of a job; files are looked for beside the job file.

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
            found.append(_source(job, section, folder))
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
    sources: Sequence[TransferSource], space: Space, objectives: Sequence[str], document: Document
) -> list[TransferSource]:
    """Return the sources with the rows that fit a space; refused rows are told on standard error.

    Args:
        objectives: names of several; () for one.

    Raises:
        JobFileError: too few rows of one fit; with its line.
    """
    found = []
    for index, study in enumerate(sources):
        try:
            kept, refused = study.checked(space, objectives)
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
    return found


def _source_of_several(section: TransferSection, objectives: list[str], folder: Path) -> TransferSource:
    if section.value is not None:
        raise ProblemError(
            f"value: {section.value!r}, and there are several objectives, which are read by their names: "
            f"{', '.join(objectives)}; leave it out"
        )
    if section.file is not None:
        return TransferSource.read(folder / section.file, objectives)
    from smbo.study import Study

    assert section.store is not None
    assert section.study is not None
    with Study.load(section.store, section.study) as study:
        return TransferSource.of_trials(study.trials, section.study, objectives)


def _source(job: JobFile, section: TransferSection, folder: Path) -> TransferSource:
    if job.objectives and len(job.objectives) > 1:
        return _source_of_several(section, [*job.objectives], folder)
    named = next(iter(job.objectives)) if job.objectives else _UNNAMED
    if section.file is not None:
        return TransferSource.read(folder / section.file, section.value or named)
    from smbo.study import Study

    assert section.store is not None
    assert section.study is not None
    with Study.load(section.store, section.study) as study:
        own = study.problem.value_name
        is_alike = (
            study.problem.multi_objective is None
            and study.problem.level_set is None
            and _UNNAMED in (own, named)
        )
        # the first of several objectives, or a distance to a level, is no value of this study
        is_measured = any(named in trial.metrics for trial in study.trials)
        metric = section.value or (None if own == named or (is_alike and not is_measured) else named)
        try:
            return TransferSource.of_trials(study.trials, section.study, metric)
        except ProblemError as error:
            raise ProblemError(f"{error}; say which is meant, {{study: …, store: …, value: NAME}}") from None
