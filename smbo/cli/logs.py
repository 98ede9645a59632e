"""Logging on the command line: smbo's own on standard error by -v and -q, and all of a run's in a file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Self

import click

from smbo.report.visible_text import visible
from smbo_scheduler.clusters.log_files import LogFile

# our packages, each with a logger of its own name and one for each module below it
_OURS = ("smbo", "smbo_scheduler", "smbo_objectives")
# Dask and its libraries log lost connections and restarts, which the run itself tells in its own words
_LIBRARIES = ("distributed", "tornado", "asyncio", "asyncssh")

FILE = "driver.log"

# by how much more was asked for: -q is -1, -v is 1, -vv is 2
_LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}

_more = 0
_levels: dict[str, int] = {}  # of our loggers, as the process had them


class _Echo(logging.Handler):
    """Writes to the standard error of the moment, escaped as all that the command line prints."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            click.echo(visible(self.format(record)), err=True)
        except Exception:  # as every handler of the standard library does
            self.handleError(record)


def show_logs(more: int) -> None:
    """Show our log records on standard error.

    Args:
        more: -1 for errors only, 0 for warnings too, 1 for what is done, 2 for everything.
    """
    global _more
    level = _LEVELS.get(max(-1, more), logging.DEBUG)
    shown = _Echo()
    shown.setLevel(level)
    if more == 0:  # the progress says why a run waits
        shown.addFilter(lambda record: record.name != "smbo_scheduler.loop")
    shown.setFormatter(logging.Formatter("%(message)s" if more < 2 else "%(name)s: %(message)s"))
    hide_logs()
    _more = more
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.addHandler(shown)
        _levels[name] = logger.level
        logger.setLevel(min(level, logging.INFO))


def hide_logs() -> None:
    """Take back what ``show_logs`` did: a program may call a command within its own process."""
    global _more
    _more = 0
    for name in _OURS:
        logger = logging.getLogger(name)
        for handler in [each for each in logger.handlers if isinstance(each, _Echo)]:
            logger.removeHandler(handler)
        logger.setLevel(_levels.pop(name, logger.level))


def is_quiet() -> bool:
    """Return whether -q asked for errors only."""
    return _more < 0


def is_verbose() -> bool:
    """Return whether -v asked for what is done."""
    return _more > 0


def say(text: str, *, err: bool = False) -> None:
    """Print a line that is neither an error nor a result: nothing with -q."""
    if not is_quiet():
        click.echo(text, err=err)


class KeptLogs:
    """The log of a run, kept in a file while the ``with`` block lasts, and Dask's kept off the terminal."""

    def __init__(self) -> None:
        self._file: LogFile | None = None
        self._names: tuple[str, ...] = _OURS

    def take_dask(self) -> None:
        """Take Dask's records from the terminal, from now on until the process ends, as its threads may."""
        import distributed  # noqa: F401 - its import sets up the handlers that are replaced here

        self._names = (*_OURS, *_LIBRARIES)
        for name in _LIBRARIES:
            _silence(logging.getLogger(name))

    def write_to(self, folder: Path) -> None:
        """Write the records to ``driver.log`` in a folder, which is made if it is missing."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = LogFile(folder / FILE)
        for name in self._names:
            logging.getLogger(name).addHandler(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            for name in self._names:
                logging.getLogger(name).removeHandler(self._file)
            self._file.close()


def _silence(logger: logging.Logger) -> None:
    """Take away the handlers of a library's logger and of those below it."""
    known = logging.root.manager.loggerDict
    below = [logging.getLogger(name) for name in known if name.startswith(f"{logger.name}.")]
    for each in (logger, *below):
        for handler in list(each.handlers):
            each.removeHandler(handler)
            handler.close()
        each.propagate = True  # Dask lets some of them speak for themselves
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
