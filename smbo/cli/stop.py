"""`smbo stop`: ask the drivers of a study to start no further evaluation."""

from __future__ import annotations

import click

from smbo.cli.run import lock
from smbo.cli.summary import summarize
from smbo.cli.target import load, study_argument


@click.command(name="stop")
@study_argument
def command(study: str, store: str | None) -> None:
    """End a running study once its running evaluations are done; `smbo resume` continues it."""
    with load(study, store) as found:
        if summarize(found, recommend=False).is_finished:
            click.echo(f"{found.name} is finished; there is nothing to stop")
            return
        drivers = lock.drivers_of(found)
        if not drivers:
            click.echo(f"{found.name} is not running; `smbo resume {found.name}` continues it")
            return
        found.stop()
        click.echo(f"{found.name}: {' and '.join(drivers)} will stop when the running evaluations are done")
