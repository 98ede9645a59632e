"""Run cards: parameter files in a program's own format, filled from templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from smbo.problem import ObjectiveError
from smbo_objectives import template

__all__ = ["RunCards"]

_LIMIT_BYTES = 1_000_000


class RunCards:
    """Run cards, written for each run.

    Args:
        templates: {name of the file in the attempt's folder: path of its template}; ``{x}`` in a template
            means the same as in an argument (see ``Command``).
        folder: folder of relative template paths.

    Raises:
        ObjectiveError: a name is not a plain file name, or a template cannot be read.
    """

    def __init__(self, templates: Mapping[str, str], folder: Path) -> None:
        if not isinstance(templates, Mapping):
            raise ObjectiveError(f"command: cards is {templates!r}; write {{params.dat: params.dat.in}}")
        self._texts = {_name(name): _text(name, path, folder) for name, path in templates.items()}
        self.paths = tuple(map(str, templates.values()))

    @property
    def names(self) -> list[str]:
        """Names of the placeholders in all templates."""
        return [name for _, name in self.used]

    @property
    def used(self) -> list[tuple[str, str]]:
        """Names of the placeholders in all templates, each after the name of its file."""
        return [(file, name) for file, text in self._texts.items() for name in template.names(text)]

    def filled(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the files' texts by name; a placeholder without a value stays as it is."""
        known = {name: f"{{{name}}}" for name in self.names} | dict(values)
        return {name: template.fill_text(text, known, name) for name, text in self._texts.items()}

    def write(self, folder: Path, values: Mapping[str, Any]) -> None:
        """Write all files into a folder.

        Raises:
            ObjectiveError: a placeholder without a value.
        """
        for name, text in self._texts.items():
            (folder / name).write_text(template.fill_text(text, values, name), encoding="utf-8")


def _name(name: Any) -> str:
    is_plain = isinstance(name, str) and name.isprintable() and PurePath(name).name == name
    if not is_plain or name in ("", ".", ".."):
        raise ObjectiveError(f"command: cards: {name!r} is no name of a file in the attempt's folder")
    return name


def _text(name: str, path: Any, folder: Path) -> str:
    try:
        content = (folder / path).read_bytes()
        if len(content) > _LIMIT_BYTES:
            raise ObjectiveError(f"command: cards: the template {path!r} has more than {_LIMIT_BYTES} bytes")
        return content.decode("utf-8")
    except (OSError, TypeError, ValueError) as error:  # ValueError: a NUL in the path, or no text
        raise ObjectiveError(
            f"command: cards: the template {path!r} of {name} cannot be read: {error}"
        ) from error
