"""The argument STUDY of a command: a study's name, or the job file that describes the study."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smbo.cli.job.schema import check_study_name, read_jobfile
from smbo.errors import DamagedStore, NumericalError, ProblemError, SmboError, SpaceError, StoreError
from smbo_scheduler.errors import SchedulerError

if TYPE_CHECKING:  # a misspelt name or a mistake in the job costs neither SQL nor numerics
    from smbo.study import Study

SUFFIXES = (".yaml", ".yml", ".toml", ".json")


_EXPECTED = (SmboError, SchedulerError, click.ClickException, click.exceptions.Exit, click.Abort, OSError)
# errors that speak of points and results without saying whose: a damaged trial's, perhaps
_CAUSED_BY_POINTS = (SpaceError, ProblemError, NumericalError)


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
    from smbo.store.connect import file_url

    try:
        name = check_study_name(study)
    except ValueError as error:
        raise StoreError(str(error)) from None
    return name, store or file_url(f"{name}.db")


@contextlib.contextmanager
def load(study: str, store: str | None) -> Iterator[Study]:
    """Yield the stored study of a name or job file; it is closed at the end of the block.

    Raises:
        StoreError: there is no such store, no such study in it, or the study is damaged.
    """
    name, url = find(study, store)
    from smbo.study import Study

    with damage_named(url, name), Study.load(url, name) as found:
        yield found


def opened(study: str, store: str | None) -> Study:
    """Return the stored study of a name or job file, open.

    Raises:
        StoreError: see ``load``.
    """
    name, url = find(study, store)
    from smbo.study import Study

    return Study.load(url, name)


@contextlib.contextmanager
def damage_named(url: str, name: str) -> Iterator[None]:
    """Have an unexpected error that a damaged study causes say what is damaged.

    Raises:
        DamagedStore: instead of such an error; one that has another cause stays as it is.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, _EXPECTED) and not isinstance(error, _CAUSED_BY_POINTS):
            raise
        from smbo.store.connect import masked
        from smbo.store.inspection import damage_text

        found = _damages(url, name)
        if not found:
            raise
        raise DamagedStore(damage_text(masked(url), found)) from error


def _damages(url: str, name: str) -> list[str]:
    """Return what is wrong with a study, in words."""
    from smbo.store.database import Database
    from smbo.store.inspection import row_faults
    from smbo.store.maintenance import faults
    from smbo.store.store import SqlStore
    from smbo.study.check import study_faults

    with contextlib.suppress(SmboError), contextlib.closing(SqlStore(url, create=False)) as store:
        with contextlib.closing(Database(url, create=False)) as database:
            found = [text for _, text in database.read(lambda at: list(row_faults(at, name)))]
            if found := found or database.read(faults):
                return found
        return [text for _, text in study_faults(store, name)]
    return []
