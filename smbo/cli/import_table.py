"""`smbo import`: trials from a table, one that `smbo export` wrote or another program's, or from Optuna."""

from __future__ import annotations

from pathlib import Path

import click

from smbo.cli.group import WRONG_INPUT
from smbo.cli.target import find, opened
from smbo.errors import SmboError, StoreError
from smbo.problem.tables import read_table
from smbo.report.visible_text import visible
from smbo.study import Study
from smbo.study.table_import import Imported, add_trials, columns_of, import_table
from smbo.trial import Trial

_MOST_SHOWN = 20


@click.command(name="import")
@click.argument("file")
@click.argument("name", required=False)
@click.option("--from", "origin", type=click.Choice(["table", "optuna"]), default="table", show_default=True)
@click.option("--study", metavar="STUDY", help="Its name, or its job file; with --from optuna a name.")
@click.option("--store", default=None, metavar="URL", help="Its store; by default sqlite:///STUDY.db here.")
@click.option("--value", metavar="COLUMN", help="Column of the value, if it is called otherwise.")
@click.option("--params", metavar="LIST", help='Columns of the parameters: "x,y", or "lr=learning_rate,…".')
@click.option("--metrics", metavar="LIST", help="More columns to take as metrics.")
@click.option("--sem", metavar="COLUMN", help="Column of the value's standard error.")
@click.option("--cost", metavar="COLUMN", help="Column of the evaluation's cost.")
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    name: str | None,
    origin: str,
    study: str | None,
    store: str | None,
    value: str | None,
    params: str | None,
    metrics: str | None,
    sem: str | None,
    cost: str | None,
) -> None:
    """Record the rows of FILE (CSV, JSON or Parquet) as trials of a study.

    A row that the study has already is left out; rows that do not fit are named with their line, and all
    others are recorded.  An empty value, or NaN, is a failure.

    With --from optuna, FILE is the URL of a storage of Optuna and NAME a study in it; its trials become a
    study of the same name, or the one that --study names, with the space that they show.
    """
    if origin == "optuna":
        of_table = {"--value": value, "--params": params, "--metrics": metrics, "--sem": sem, "--cost": cost}
        if given := [option for option, each in of_table.items() if each is not None]:
            raise SmboError(f"{given[0]} is about the columns of a table; leave it out with --from optuna")
        _import_from_optuna(file, name, study, store)
        return
    if name is not None:
        raise SmboError(f"{name!r} beside the table {file!r}; name the study, --study {name}")
    if study is None:
        raise SmboError("say which study the rows belong to, --study STUDY")
    table = read_table(Path(file))
    with _opened(study, store) as found:
        columns = columns_of(
            found.problem,
            table,
            value=value,
            params=_pairs(params),
            metrics=_names(metrics),
            sem=sem,
            cost=cost,
        )
        done = import_table(found, table, columns)
        for text in lines(done, found.name):
            click.echo(visible(text))
        for text in done.refused[:_MOST_SHOWN]:
            click.echo(visible(f"{table.name}, {text}"), err=True)
        if len(done.refused) > _MOST_SHOWN:
            click.echo(f"and {len(done.refused) - _MOST_SHOWN} more", err=True)
    if done.refused:
        ctx.exit(WRONG_INPUT)


def _import_from_optuna(url: str, name: str | None, study: str | None, store: str | None) -> None:
    try:
        from smbo.integrations.optuna_studies import read_study
    except ImportError as error:
        raise StoreError(str(error)) from None

    name, problem, trials = read_study(url, name)
    found_name, store_url = find(study or name, store)
    with Study.open(store_url, found_name, problem) as found:
        done = add_trials(found, ((f"trial {each.number}", _of_optuna(each)) for each in trials))
        for text in lines(done, found.name):
            click.echo(visible(text))


def _of_optuna(trial: Trial) -> Trial | str:
    return trial if trial.state.is_final else f"still {trial.state}"


def lines(done: Imported, study: str) -> list[str]:
    """Return what became of the rows, in words."""
    states = ", ".join(f"{n} {state}" for state, n in sorted(done.states.items()))
    found = [f"{study}: {done.n_added} trials imported" + (f" ({states})" if states else "")]
    if done.n_known:
        found.append(f"{done.n_known} rows were there already")
    if done.repeated:
        found.append(f"imported although an earlier row is the same: {_few(done.repeated)}")
    found += [f"{n} rows left out: {why}" for why, n in sorted(done.left_out.items())]
    if done.unused:
        found.append(f"columns not used: {_few(done.unused)}")
    if done.refused:
        found.append(f"{len(done.refused)} rows refused:")
    return found


def _few(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:_MOST_SHOWN])
    return shown if len(names) <= _MOST_SHOWN else f"{shown} and {len(names) - _MOST_SHOWN} more"


def _opened(study: str, store: str | None) -> Study:
    """Return the study: the stored one, or a new one where a job file describes it."""
    try:
        return opened(study, store)
    except StoreError:
        path = Path(study)
        if path.suffix not in (".yaml", ".yml", ".toml", ".json"):
            raise
    from smbo.cli.job.schema import read_jobfile
    from smbo.cli.job.task import find_modules_beside, load_task

    job, document = read_jobfile(path)
    find_modules_beside(path.parent)
    task = load_task(job, document, path.parent)
    return Study.open(store or job.store_url, job.study, task.problem, recipe=job.recipe, seed=job.seed)


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _pairs(text: str | None) -> dict[str, str]:
    """Return the column by parameter of "x,y" or "x=column,…".

    Raises:
        SmboError: an entry has no name.
    """
    found = {}
    for entry in _names(text):
        name, _, column = entry.partition("=")
        if not name.strip() or (column == "" and "=" in entry):
            raise SmboError(f'--params {text!r}: write "x,y", or "parameter=column,…"')
        found[name.strip()] = column.strip() or name.strip()
    return found
