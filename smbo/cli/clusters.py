"""`smbo clusters`: the named clusters that job files can use, and the files that they come from."""

from __future__ import annotations

import click

from smbo.cli.job.profiles import profile_files, read_profiles


@click.command(name="clusters")
def command() -> None:
    """List the clusters that job files can name (`cluster: NAME`)."""
    profiles = read_profiles()
    width = max((len(profile.name) for profile in profiles), default=0)
    for profile in profiles:
        kinds = ", ".join(str(key) for key in profile.cluster) or "empty"
        click.echo(f"{profile.name:{width}s}  {kinds}  ({profile.file})")
    if not profiles:
        click.echo("no named clusters; they are looked for in:")
        for path in profile_files():
            click.echo(f"  {path}")
