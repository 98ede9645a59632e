"""Contextual variables of a job: the key `context`, and the command or function that observes them."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from smbo.cli.job.document import Document, plain_value
from smbo.cli.job.section import Duration, Section
from smbo.errors import AskError, JobFileError

if TYPE_CHECKING:
    from smbo.study import Study

Observe = Callable[[], Mapping[str, Any]]


class ContextSection(Section):
    """Parameters that are observed, not chosen, and where their present values come from."""

    parameters: list[str] = Field(default_factory=list, max_length=1000)
    command: list[str] | None = None
    python: str | None = None
    timeout: Duration = 60.0

    @model_validator(mode="after")
    def _has_one_source(self) -> ContextSection:
        if (self.command is None) == (self.python is None) or self.command == []:
            raise ValueError(
                "say where the present values come from: `command: [program, argument]`, which prints a JSON "
                'mapping such as {"temperature": 21.3}, or `python: module:function`, which returns one'
            )
        return self


def observer(section: ContextSection | None, document: Document, folder: Path) -> Observe | None:
    """Return what observes a job's context before each ask; None for a job without one.

    Args:
        folder: of the job file, where the command runs and the module may be.

    Raises:
        JobFileError: the module or the function is not there.
    """
    if section is None:
        return None
    if section.python is None:
        return lambda: _printed(section, folder)
    module, _, name = section.python.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        said = f"{section.python!r}: {error}; write module:function, the module beside the job file"
        raise document.error(("context", "python"), said) from None
    if not callable(found):
        raise document.error(("context", "python"), f"{section.python!r} is no function")
    return lambda: _returned(section, found)


def _printed(section: ContextSection, folder: Path) -> Mapping[str, Any]:
    """Return the values that the command prints."""
    assert section.command is not None
    try:
        done = subprocess.run(
            section.command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=section.timeout,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return _mapping(section, json.loads(done.stdout), done.stdout)
    except subprocess.CalledProcessError as error:
        raise _failed(
            section, f"exit status {error.returncode}: {(error.stderr or '').strip()[-400:]}"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(section, str(error)) from None
    except json.JSONDecodeError:
        raise _failed(section, f"it printed {done.stdout[:200]!r}, which is no JSON") from None


def _returned(section: ContextSection, function: Observe) -> Mapping[str, Any]:
    try:
        return _mapping(section, function(), None)
    except AskError:
        raise
    except Exception as error:  # whatever the user's function raises
        raise _failed(section, f"{type(error).__name__}: {error}") from error


def _mapping(section: ContextSection, given: Any, printed: str | None) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise _failed(section, f"it gave {printed or given!r:.200}; a mapping of names to values is needed")
    return given


def _failed(section: ContextSection, why: str) -> AskError:
    source = section.command if section.python is None else section.python
    return AskError(f"context: {source!r} did not tell the present values: {why}; mend it and run again")


def context_of_options(study: Study, given: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the context that a command's --context options name; without any the last observed one.

    None for a study without contextual variables, and before its first trial.

    Raises:
        JobFileError: an option is not of its form.
    """
    values = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise JobFileError(f"--context {text}: write it as NAME=VALUE")
        values[name] = plain_value(f"--context {name}", value)
    trials = study.trials if study.problem.context else ()
    last = {name: trials[-1].params[name] for name in study.problem.context} if trials else {}
    return {**last, **values} or None
