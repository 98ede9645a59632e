"""The group of all commands, imported when called, and the exit code and message of every error.

Exit codes: 0 done; 1 a fault of smbo itself; 2 wrong input (one message, no traceback); 3 stopped
early and resumable; 4 the budget of failures is used up, or every trial failed; 5 a replay proposed
another point; 130 interrupted twice.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from smbo.cli.job.schema import close_matches
from smbo.errors import SmboError
from smbo_scheduler.errors import SchedulerError

DONE = 0
WRONG_INPUT = 2
STOPPED = 3
TOO_MANY_FAILURES = 4
DIFFERS = 5
INTERRUPTED = 130

# name -> (module, its command): a command's libraries load when it is called, not for `smbo --help`
_COMMANDS = {
    "db": "smbo.cli.db:group",
    "export": "smbo.cli.export:command",
    "init": "smbo.cli.job.template:command",
    "objectives": "smbo.cli.objectives:command",
    "replay": "smbo.cli.replay:command",
    "resume": "smbo.cli.run.command:resume_command",
    "run": "smbo.cli.run.command:run_command",
    "show": "smbo.cli.show:command",
    "status": "smbo.cli.status:command",
    "stop": "smbo.cli.stop:command",
    "tune": "smbo.cli.tune:command",
}


class WrongInput(click.ClickException):
    """An error in what the user gave, shown as one message."""

    exit_code = WRONG_INPUT

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click calls it so
        click.echo(f"error: {printable(self.message)}", err=True)


def printable(text: str) -> str:
    """Return text with control characters escaped, so that a name cannot drive the terminal."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


class Commands(click.Group):
    """The commands by name; every SmboError becomes one message and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        return sorted(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click calls it so
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0] if args else ""
        if word and not word.startswith("-") and word not in _COMMANDS:
            meant = close_matches(word, sorted(_COMMANDS)) or f"; there are {', '.join(sorted(_COMMANDS))}"
            raise WrongInput(f"no command {word[:60]!r}{meant}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SmboError, SchedulerError) as error:
            raise WrongInput(str(error)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smbo")
def main() -> None:
    """Optimise what is expensive to evaluate, on this machine or a Dask cluster."""
