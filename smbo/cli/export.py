"""`smbo export`: all trials as CSV, JSON or Parquet (`smbo import` reads them), or as a study of Optuna."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from smbo.cli.target import load, study_argument
from smbo.errors import StoreError
from smbo.history import table as results
from smbo.report.visible_text import visible
from smbo.store.connect import is_sqlite, sqlite_path
from smbo.study import Study

_SUFFIXES = {".json": "json", ".parquet": "parquet", ".pq": "parquet"}


@click.command(name="export")
@study_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "parquet"]),
    help="By default csv, or as the file's suffix says.",
)
@click.option("-o", "--output", "place", default=None, help="Write to this file.")
@click.option(
    "--to", "target", type=click.Choice(["optuna"]), help="Write a study of Optuna; -o is its storage."
)
@click.option("--name", help="Name of the study of Optuna, by default the same.")
def command(
    study: str, store: str | None, form: str | None, place: str | None, target: str | None, name: str | None
) -> None:
    """Write all trials of a study as CSV, JSON or Parquet (STUDY is its name or its job file)."""
    if target is not None:
        if place is None or form is not None:
            raise StoreError(
                "--to optuna: say the URL of its storage, -o sqlite:///optuna.db, and no --format"
            )
        _write_to_optuna(study, store, place, name)
        return
    if name is not None:
        raise StoreError(f"--name {name!r} goes with --to optuna")
    output = None if place is None else Path(place)
    if form is None:
        form = _SUFFIXES.get("" if output is None else output.suffix, "csv")
    if form == "parquet":
        _write_parquet(study, store, output)
        return
    with load(study, store) as found:
        _refuse_its_store(output, found)
        write = results.to_json if form == "json" else results.to_csv
        text = write(found.problem, found.trials)
    if output is None:
        # a terminal is shown what it must not obey; a pipe gets every character, colours too
        click.echo(visible(text) if sys.stdout.isatty() else text, nl=False, color=True)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except (OSError, ValueError) as error:
        raise StoreError(f"{str(output)!r}: cannot be written: {error}") from None
    click.echo(f"wrote {output}", err=True)


def _write_to_optuna(study: str, store: str | None, url: str, name: str | None) -> None:
    try:
        from smbo.integrations.optuna_studies import write_study
    except ImportError as error:
        raise StoreError(str(error)) from None

    with load(study, store) as found:
        if url.startswith("sqlite"):
            _refuse_its_store(sqlite_path(url), found)
        n = write_study(found.problem, found.trials, url, name or found.name)
        n_left = len(found.trials) - n
    left = f"; {n_left} that have not ended are left out" if n_left else ""
    click.echo(f"wrote {n} trials to the Optuna study {name or study}{left}", err=True)


def _refuse_its_store(output: Path | None, study: Study) -> None:
    url = study._driver.store.url
    if output is not None and is_sqlite(url) and output.exists() and output.samefile(sqlite_path(url)):
        raise StoreError(f"{str(output)!r} is the store of the study; write to another file")


def _write_parquet(study: str, store: str | None, output: Path | None) -> None:
    if output is None:
        raise StoreError("--format parquet: say where to write it, -o FILE")
    with load(study, store) as found:
        _refuse_its_store(output, found)
        try:
            results.to_parquet(found.problem, found.trials, output)
        except ImportError:
            raise StoreError("writing Parquet needs pyarrow; pip install 'smbo[parquet]'") from None
        except OSError as error:
            raise StoreError(f"{str(output)!r}: cannot be written: {error}") from None
    click.echo(f"wrote {output}", err=True)
