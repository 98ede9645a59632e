"""Fixed parameters of a run: the key `fixed` of a job file, and --fix and --free on the command line.

Fixed values belong to a run, as its cluster does, and not to the study: the next run may fix others,
or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from smbo.cli.job.document import Document, plain_value
from smbo.cli.job.schema import JobFile
from smbo.errors import AskError, JobFileError

if TYPE_CHECKING:
    from smbo.space import Point, Space


def fixing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --fix and --free."""
    for option in (
        click.option("--fix", metavar="NAME=VALUE", multiple=True, help="Fix a parameter for new trials."),
        click.option("--free", metavar="NAME", multiple=True, help="Search over this parameter again."),
    ):
        command = option(command)
    return command


def fixed_by(given: object, fix: Sequence[str], free: Sequence[str]) -> object:
    """Return the key `fixed` of a job, overridden by the options of the command line.

    Args:
        given: of the job file; anything, for it is not checked yet.
        fix, free: the values of --fix ("NAME=VALUE") and --free (names).

    Raises:
        click.UsageError: an option is not of its form, or frees what is not fixed.
    """
    if not (fix or free) or not isinstance(given, Mapping | None):
        return given
    found = dict(given or {})
    for name in free:
        if name not in found:
            from smbo.space.constraints import hint

            raise click.UsageError(f"--free {name}: it is not fixed{hint(name, found)}")
        del found[name]
    named = values_by_name("--fix", fix)
    if twice := named.keys() & set(free):
        raise click.UsageError(f"--fix {min(twice)}: free no such name")
    return {**found, **named}


def values_by_name(option: str, given: Sequence[str]) -> dict[str, Any]:
    """Return the values of an option NAME=VALUE that is given any number of times.

    Raises:
        click.UsageError: one is not of this form.
    """
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{option} {text}: write it as NAME=VALUE")
        try:
            found[name] = plain_value(f"{option} {name}", value)
        except JobFileError as error:
            raise click.UsageError(str(error)) from None
    return found


def fixed_of(job: JobFile, document: Document, space: Space) -> Point:
    """Return the values that a job fixes, in their canonical form.

    Raises:
        JobFileError: with its line: no such name or value, or no allowed point has them.
    """
    for name, value in job.fixed.items():  # one at a time, so that an error is shown at its line
        _checked(space, {name: value}, document, ("fixed", name))
    return _checked(space, job.fixed, document, ("fixed",))


def _checked(space: Space, fixed: Mapping[str, Any], document: Document, place: tuple[str, ...]) -> Point:
    from smbo.space.fixed import checked

    try:
        return checked(space, fixed)
    except AskError as error:
        raise document.error(place, error) from None


def fixed_text(fixed: Mapping[str, Any]) -> str:
    """Return fixed values in words: "mode='fast' and width=0.2"."""
    from smbo.space.json_values import to_plain

    return " and ".join(f"{name}={to_plain(value)!r}" for name, value in fixed.items())


def fixed_lines(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str]:
    """Return the lines that a run prints of its fixed values; none without any.

    Args:
        now: fixed values of this run, plain values.
        before: those of the run before; None if this is the first.
    """
    was = "" if before is None or before == now else f" (the last run: {fixed_text(before) or 'nothing'})"
    if now:
        return [f"fixed for new trials: {fixed_text(now)}{was}"]
    return [f"nothing is fixed{was}"] if was else []
