"""The group of all commands, imported when called, and the exit code and message of every error.

Exit codes: 0 done; 1 a fault of smbo itself; 2 wrong input (one message, no traceback); 3 stopped
early and resumable; 4 the budget of failures is used up, or every trial failed; 5 a replay proposed
another point; 130 interrupted, a run twice.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from smbo.cli.job.words import close_matches
from smbo.errors import SmboError
from smbo.report.visible_text import visible
from smbo_scheduler.errors import SchedulerError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DONE = 0
WRONG_INPUT = 2
STOPPED = 3
TOO_MANY_FAILURES = 4
DIFFERS = 5
INTERRUPTED = 130

_MORE = "smbo.verbosity"  # in the context's values

# name -> (module and command, first line of its help): a command is imported when it is called, not for
# `smbo --help` or a completion
_COMMANDS = {
    "clusters": (
        "smbo.cli.clusters:command",
        "List the clusters that job files can name (`cluster: NAME`).",
    ),
    "db": (
        "smbo.cli.db:group",
        "Check, migrate or back up a store (URL: sqlite:///runs.db, a file's path, or postgresql://…).",
    ),
    "export": (
        "smbo.cli.export:command",
        "Write all trials of a study as CSV, JSON or Parquet (STUDY is its name or its job file).",
    ),
    "import": (
        "smbo.cli.import_table:command",
        "Record the rows of FILE (CSV, JSON or Parquet) as trials of a study.",
    ),
    "init": (
        "smbo.cli.job.template:command",
        "Write a commented job file to start from (job.yaml unless named otherwise).",
    ),
    "objectives": (
        "smbo.cli.objectives:command",
        "List the installed objectives, each with its description and settings.",
    ),
    "replay": (
        "smbo.cli.replay:command",
        "Propose all points of STUDY again from the data of their time; exit code 5 if one differs.",
    ),
    "resume": (
        "smbo.cli.run.command:resume_command",
        "Resume a stored study by its name, with the job of its last run.",
    ),
    "retry": (
        "smbo.cli.retry:command",
        "Evaluate failed trials of STUDY again, then go on as `smbo resume` does.",
    ),
    "run": (
        "smbo.cli.run.command:run_command",
        "Run the study that a job file describes, or resume it.",
    ),
    "show": (
        "smbo.cli.show:command",
        "Show the best trial, the recommended point and a table (STUDY is a name or a job file).",
    ),
    "status": (
        "smbo.cli.status:command",
        "Show state, budget and best values of a study (STUDY is its name or its job file).",
    ),
    "stop": (
        "smbo.cli.stop:command",
        "End a running study once its running evaluations are done; `smbo resume` continues it.",
    ),
    "tune": (
        "smbo.cli.tune:command",
        "Fit the tune of STUDY: parameters with errors, eigentunes, agreement of each observable.",
    ),
}


class WrongInput(click.ClickException):
    """An error in what the user gave, shown as one message."""

    exit_code = WRONG_INPUT

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click calls it so
        click.echo(f"error: {visible(self.message)}", err=True)


def _verbosity(ctx: click.Context, parameter: click.Parameter, count: int) -> None:
    """Show more or less, as the options before and behind the command's name say together."""
    from smbo.cli.logs import hide_logs, show_logs  # loads ``logging``, which `smbo --help` does without

    more = ctx.meta.get(_MORE, 0) + (-count if parameter.name == "quiet" else count)
    ctx.meta[_MORE] = more
    show_logs(more)
    ctx.find_root().call_on_close(hide_logs)


def _with_verbosity(command: click.Command) -> click.Command:
    """Give a command the options -v and -q."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        for name, text in (
            ("verbose", "Log what is done; twice: everything."),
            ("quiet", "Only errors, and the result."),
        ):
            words = [f"-{name[0]}", f"--{name}"]
            command.params.append(
                click.Option(words, count=True, expose_value=False, callback=_verbosity, help=text)
            )
    return command


def _texts() -> list[tuple[str, str]]:
    """Return the names of all commands, sorted, and the first line of the help of each."""
    return [(name, text) for name, (_, text) in sorted(_COMMANDS.items())]


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
        module, name = _COMMANDS[cmd_name][0].split(":")
        return _with_verbosity(getattr(importlib.import_module(module), name))

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click calls it so
        formatter: click.HelpFormatter,
    ) -> None:
        room = formatter.width - 6 - max(map(len, _COMMANDS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, click.Command(name, help=text).get_short_help_str(room)) for name, text in _texts()]
            )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        named = [CompletionItem(name, help=text) for name, text in _texts() if name.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)

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
        except KeyboardInterrupt:  # click's own exit code for it is that of a fault
            click.echo("\ninterrupted", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smbo")
def main() -> None:
    """Optimise what is expensive to evaluate, on this machine or a Dask cluster."""


_with_verbosity(main)
