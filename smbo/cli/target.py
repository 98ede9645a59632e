"""The argument STUDY of a command: a study's name, or the job file that describes the study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from smbo.cli.job.schema import check_study_name, read_jobfile
from smbo.errors import StoreError
from smbo.study import Study

SUFFIXES = (".yaml", ".yml", ".toml", ".json")


def study_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument STUDY and the option --store."""
    command = click.option(
        "--store", default=None, metavar="URL", help="Its store; by default sqlite:///STUDY.db here."
    )(command)
    return click.argument("study", metavar="STUDY")(command)


def find(study: str, store: str | None) -> tuple[str, str]:
    """Return a study's name and the URL of its store.

    Args:
        study: a name, or the path of a job file, which says both.
        store: the option --store; it overrides the job file's key.

    Raises:
        StoreError: the name is no valid one.
        JobFileError: the job file is not valid.
    """
    if study.endswith(SUFFIXES):
        job, _ = read_jobfile(Path(study))
        return job.study, store or job.store_url
    try:
        name = check_study_name(study)
    except ValueError as error:
        raise StoreError(str(error)) from None
    return name, store or f"sqlite:///{name}.db"


def load(study: str, store: str | None) -> Study:
    """Return the stored study of a name or job file.

    Raises:
        StoreError: there is no such store, or no such study in it.
    """
    name, url = find(study, store)
    return Study.load(url, name)
