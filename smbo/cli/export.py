"""`smbo export`: all trials as CSV or JSON."""

from __future__ import annotations

from pathlib import Path

import click

from smbo.cli.target import load, study_argument
from smbo.errors import StoreError
from smbo.history import table as results


@click.command(name="export")
@study_argument
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default=None, help="By default csv.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=None, help="Write to this file.")
def command(study: str, store: str | None, form: str | None, output: Path | None) -> None:
    """Write all trials of a study as CSV or JSON (STUDY is its name or its job file)."""
    if form is None:
        form = "json" if output is not None and output.suffix == ".json" else "csv"
    with load(study, store) as found:
        write = results.to_json if form == "json" else results.to_csv
        text = write(found.problem, found.trials)
    if output is None:
        click.echo(text, nl=False, color=True)  # without it click takes what looks like colours out
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except (OSError, ValueError) as error:
        raise StoreError(f"{str(output)!r}: cannot be written: {error}") from None
    click.echo(f"wrote {output}", err=True)
