"""The group of all commands: how they are found, and the exit code and message of an error."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from smbo.cli import group
from smbo.errors import ProblemError
from smbo_scheduler.errors import ClusterError


@click.command()
@click.argument("kind")
def fails(kind: str) -> None:
    """Fail in one of four ways."""
    errors = {
        "smbo": ProblemError,
        "scheduler": ClusterError,
        "bug": RuntimeError,
        "Ctrl-C": KeyboardInterrupt,
    }
    raise errors[kind]("what\x1b[2Jwent wrong")


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs a command line; the command ``fails`` is known for this test."""
    monkeypatch.setitem(group._COMMANDS, "fails", (f"{__name__}:fails", fails.help))
    return lambda *words: CliRunner().invoke(group.main, words)


def test_every_command_is_found_and_listed_with_a_line_of_help(run):
    output = run("--help").output
    for name, (_, text) in group._COMMANDS.items():
        command = group.main.get_command(click.Context(group.main), name)
        assert isinstance(command, click.Command)
        assert f"  {name} " in output
        assert command.get_short_help_str(200) == text


def test_a_command_is_completed_with_its_line_of_help(run):
    (found,) = group.main.shell_complete(click.Context(group.main), "obj")
    assert (found.value, found.help) == ("objectives", group._COMMANDS["objectives"][1])
    assert {each.value for each in group.main.shell_complete(click.Context(group.main), "--v")} == {
        "--version",
        "--verbose",
    }


@pytest.mark.parametrize("kind", ["smbo", "scheduler"])
def test_an_error_of_ours_is_one_message_without_control_characters(run, kind):
    result = run("fails", kind)
    assert result.exit_code == group.WRONG_INPUT
    assert result.stderr == "error: what\\x1b[2Jwent wrong\n"
    assert result.stdout == ""


def test_a_fault_of_smbo_itself_is_not_taken_for_wrong_input(run):
    result = run("fails", "bug")
    assert result.exit_code == 1
    assert isinstance(result.exception, RuntimeError)


def test_a_command_that_is_interrupted_does_not_end_as_a_fault_does(run):
    result = run("fails", "Ctrl-C")
    assert result.exit_code == group.INTERRUPTED
    assert result.stderr == "\ninterrupted\n"


@pytest.mark.parametrize(
    ("word", "said"), [("rnu", "did you mean 'run'?"), ("zzzzz", "; there are clusters, db, export")]
)
def test_an_unknown_command_is_refused_with_those_that_there_are(run, word, said):
    result = run(word)
    assert result.exit_code == group.WRONG_INPUT
    assert result.stderr.startswith(f"error: no command '{word}'")
    assert said in result.stderr
