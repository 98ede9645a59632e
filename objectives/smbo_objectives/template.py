"""Templates of arguments and files: placeholders are filled without a shell and without ``str.format``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from smbo.problem import EvaluationFailed, ObjectiveError

__all__ = ["check", "fill", "fill_text", "hint", "names", "text"]

# {{name}} stands for the characters {name}; every other brace is literal
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|\{([A-Za-z_]\w*)\}")

_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "ash", "fish"}
_LANGUAGES = {"python", "python3", "perl", "ruby", "node", "lua"}


def text(value: Any) -> str:
    """Return a value as text for a program: numbers in full precision, strings unchanged."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)  # true, 3, 0.1365: floats in full precision
    except (TypeError, ValueError) as error:
        raise ObjectiveError(f"command: {value!r} cannot be written down for a program: {error}") from error


def names(element: str) -> list[str]:
    """Return the placeholders of one element."""
    return [match[2] for match in _PLACEHOLDER.finditer(element) if match[2]]


def hint(name: str, known: Sequence[str]) -> str:
    """Return the middle of a message about an unknown name: the closest known one, or all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {{{close[0]}}}?" if close else f"; there are {', '.join(known)}"


def check(argv: Sequence[str]) -> None:
    """Raise ObjectiveError for a template whose values could choose or become a program."""
    if names(argv[0]):
        raise ObjectiveError(
            f"command: the program itself is {argv[0]!r}; a value must not choose what is run: write its name"
        )
    program = PurePath(argv[0]).name
    for option, element in pairwise(argv[1:]):
        is_shell_code = program in _SHELLS and re.fullmatch(r"-[a-z]*c", option)
        is_code = program in _LANGUAGES and re.fullmatch(r"-[A-Za-z]*[ceE]", option)
        if (is_shell_code or is_code) and names(element):
            raise ObjectiveError(
                f"command: {element!r} is code for {program}, and values would become code: pass them behind "
                "it as arguments of their own, or read them from SMBO_PARAM_<name>"
            )


def fill(argv: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Return the arguments with every placeholder replaced by its value; one element stays one.

    Raises:
        ObjectiveError: a placeholder without a value.
        EvaluationFailed: a value would be read as an option, or cannot be in an argument.
    """
    return [_fill(element, values) for element in argv]


def fill_text(content: str, values: Mapping[str, Any], what: str) -> str:
    """Return a file's text with every placeholder replaced by its value.

    Args:
        what: name of the file in messages.

    Raises:
        ObjectiveError: a placeholder without a value.
    """
    _check_names(content, what, values)

    def replacement(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else text(values[match[2]])

    return _PLACEHOLDER.sub(replacement, content)


def _check_names(content: str, what: str, values: Mapping[str, Any]) -> None:
    for name in names(content):
        if name not in values:
            raise ObjectiveError(
                f"command: {what!r} needs {name!r}, which this point does not have "
                f"(it has {', '.join(sorted(values))}); mend the name, write {{{{{name}}}}} for these very "
                "characters, or, if it is a conditional parameter, read it from the file {params}"
            )


def _fill(element: str, values: Mapping[str, Any]) -> str:
    filled = fill_text(element, values, element)
    if "\0" in filled:
        raise EvaluationFailed(
            f"argument: the value for {element!r} has a NUL character, which no argument can"
        )
    # A number may be negative: programs with a number there expect its sign.  A string must not become
    # an option that the template does not contain.
    is_number = any(
        element == f"{{{name}}}" and isinstance(values[name], int | float) for name in names(element)
    )
    if filled.startswith("-") and not element.startswith("-") and not is_number:
        raise EvaluationFailed(
            f"argument: {element!r} would become {filled[:80]!r}, which reads as an option; "
            f"write it as --name={element}"
        )
    return filled
