"""`smbo replay`: compute every proposal of a study again and compare it with the stored one."""

from __future__ import annotations

import click

from smbo.cli.group import DIFFERS
from smbo.cli.target import load, study_argument


@click.command(name="replay")
@study_argument
@click.pass_context
def command(ctx: click.Context, study: str, store: str | None) -> None:
    """Propose all points of STUDY again from the data of their time; exit code 5 if one differs.

    The same build of numpy, scipy and BLAS is needed, with as many threads, for the last bit.
    """
    with load(study, store) as found:
        replayed = found.replay()
        click.echo(f"{found.name}: {replayed}")
        ctx.exit(0 if replayed.difference is None else DIFFERS)
