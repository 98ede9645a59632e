"""`smbo objectives`: the installed objectives and their settings."""

from __future__ import annotations

import inspect
from typing import Any

import click

from smbo.study.evaluator import installed_objectives


@click.command(name="objectives")
def command() -> None:
    """List the installed objectives, each with its description and settings."""
    for name, entry_point in sorted(installed_objectives().items()):
        for text in _describe(name, entry_point):
            click.echo(text)


def _describe(name: str, entry_point: Any) -> list[str]:
    try:
        loaded = entry_point.load()
    except Exception as error:  # somebody else's package may fail in any way; the others are listed still
        return [name, f"    cannot be loaded: {error}"]
    summary = (inspect.getdoc(loaded) or "no description").splitlines()[0]
    return [name, f"    {summary}", *(f"    {setting}" for setting in _settings(loaded))]


def _settings(loaded: Any) -> list[str]:
    try:
        parameters = inspect.signature(loaded).parameters.values()
    except (TypeError, ValueError):
        return []
    return [_setting(parameter) for parameter in parameters]


def _setting(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return f"{parameter.name}: (required)"
    return f"{parameter.name}: {parameter.default!r}"
