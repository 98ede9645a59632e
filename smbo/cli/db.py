"""`smbo db`: check, migrate or back up a store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from smbo.report.visible_text import visible
from smbo.store import maintenance, schema
from smbo.store.connect import file_url, is_sqlite
from smbo.store.database import Database
from smbo.store.store import SqlStore
from smbo.study.check import study_faults

DAMAGED = 1


@click.group(name="db")
def group() -> None:
    """Check, migrate or back up a store (URL: sqlite:///runs.db, a file's path, or postgresql://…)."""


@group.command()
@click.argument("url", callback=lambda _context, _parameter, value: _as_url(value))
def check(url: str) -> None:
    """Read the whole store and list what is inconsistent; exit code 1 if anything is."""
    with _opened(url) as database:
        maintenance.refuse_other_version(database.read(schema.version_of))
        faults = database.read(maintenance.faults)
        shown = database.shown
    if not faults:  # the rows can be read: do they fit the problems
        with contextlib.closing(SqlStore(url, create=False)) as store:
            for name in store.names():
                faults += maintenance.most_of_each(study_faults(store, name))
    for fault in faults:
        click.echo(visible(fault))
    if faults:
        click.echo(f"{shown}: {len(faults)} faults")
        raise click.exceptions.Exit(DAMAGED)
    click.echo(f"{shown}: no fault found (schema version {schema.SCHEMA_VERSION})")


@group.command()
@click.argument("url", callback=lambda _context, _parameter, value: _as_url(value))
def migrate(url: str) -> None:
    """Migrate an older store to the present version, as opening it to write does too."""
    with _opened(url) as database:
        before = database.read(schema.version_of)
        if before is None:
            maintenance.refuse_other_version(before)
        database.write(schema.prepare)
        shown = database.shown
    if before == schema.SCHEMA_VERSION:
        click.echo(f"{shown} has schema version {before} already")
    else:
        click.echo(f"{shown}: from schema version {before} to {schema.SCHEMA_VERSION}")


@group.command()
@click.argument("url", callback=lambda _context, _parameter, value: _as_url(value))
@click.argument("target", type=click.Path(path_type=Path))
def backup(url: str, target: Path) -> None:
    """Copy a SQLite store into the new file TARGET, also while it is being written to."""
    if not is_sqlite(url):
        raise click.UsageError("a store in PostgreSQL is backed up by PostgreSQL's own tools: pg_dump")
    maintenance.back_up(url, target)
    click.echo(f"wrote {target}")


def _as_url(given: str) -> str:
    """Return a URL; a path stands for the SQLite file there."""
    return given if "://" in given else file_url(given)


@contextlib.contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url, create=False)
    try:
        yield database
    finally:
        database.close()
