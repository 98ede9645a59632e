"""`smbo run` and `smbo resume`: from a job file, or a stored job, to a finished study and its report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from smbo.cli.job.document import Document
from smbo.cli.job.fixed import fixed_by, fixing_options, values_by_name
from smbo.cli.job.schema import check_jobfile, read_jobfile
from smbo.cli.target import load, study_argument


def overriding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that override the job's keys."""
    for option in (
        click.option("--cluster", metavar="NAME", help="Run on a named cluster (see `smbo clusters`)."),
        click.option("--workers", type=click.IntRange(min=1), help="Run on so many local workers."),
        click.option("--trials", type=click.IntRange(min=1), help="Budget of trials."),
        click.option("--time", "time_limit", metavar="DURATION", help='Budget of time, such as "2h".'),
        click.option("--serial", is_flag=True, help="Evaluate in this process, one after the other."),
        click.option("--report", metavar="FOLDER", help="Folder of the report."),
        click.option("--insecure-dask", is_flag=True, help="Allow connections without encryption."),
        click.option("--no-report", is_flag=True, help="No confirmation runs and no report at the end."),
    ):
        command = option(command)
    return command


@click.command(name="run")
@click.argument("job", type=click.Path(path_type=Path))
@overriding_options
@fixing_options
@click.option("--store", metavar="URL", help="Where results are kept.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of all randomness.")
@click.option(
    "--change-space", is_flag=True, help="Take the job's space for the study's from now on, where it differs."
)
@click.option(
    "--default", metavar="NAME=VALUE", multiple=True, help="With it: what a new parameter has been so far."
)
@click.option("--show-cluster-script", is_flag=True, help="Print the batch job that would be submitted.")
@click.pass_context
def run_command(
    ctx: click.Context,
    /,
    job: Path,
    show_cluster_script: bool,
    change_space: bool,
    default: tuple[str, ...],
    **options: Any,
) -> None:
    """Run the study that a job file describes, or resume it."""
    if default and not change_space:
        raise click.UsageError("--default goes with --change-space")
    defaults = values_by_name("--default", default) if change_space else None
    _, document = read_jobfile(job)
    document = with_options(document, options)
    checked = check_jobfile(document)
    if show_cluster_script:
        from smbo.cli.run.cluster import cluster_script

        click.echo(cluster_script(checked), nl=False)
        return
    from smbo.cli.run.session import run_job  # loaded once nothing in the job is wrong

    ctx.exit(run_job(checked, document, job.parent, new_defaults=defaults))


@click.command(name="resume")
@study_argument
@overriding_options
@fixing_options
@click.pass_context
def resume_command(ctx: click.Context, /, study: str, store: str | None, **options: Any) -> None:
    """Resume a stored study by its name, with the job of its last run."""
    from smbo.cli.job.stored import stored_job
    from smbo.cli.run.session import run_job

    with load(study, store) as found:
        kept, folder = stored_job(found)
        kept = {**kept, "store": found._driver.store.url, "study": found.name}
    document = with_options(Document(f"study {kept['study']}", kept), options)
    ctx.exit(run_job(check_jobfile(document), document, folder))


def with_options(document: Document, options: dict[str, Any]) -> Document:
    """Return the document with its keys overridden by the options of the command line."""
    data = dict(document.data)
    if sum((options["serial"], options["workers"] is not None, options["cluster"] is not None)) > 1:
        raise click.UsageError("--serial, --workers and --cluster exclude each other")
    if options["cluster"] is not None:
        data["cluster"] = options["cluster"]
    if options["serial"]:
        data["cluster"] = "serial"
    if options["workers"] is not None:
        data["cluster"] = {"local": {"workers": options["workers"]}}
    if options["insecure_dask"]:
        data["cluster"] = _insecure(data.get("cluster", "local"))
    budget = dict(data.get("budget") or {})
    if options["trials"] is not None:
        budget["trials"] = options["trials"]
    if options["time_limit"] is not None:
        budget["time"] = options["time_limit"]
    data["budget"] = budget
    for key in ("store", "seed", "report"):
        if options.get(key) is not None:
            data[key] = options[key]
    if options["fix"] or options["free"]:
        data["fixed"] = fixed_by(data.get("fixed"), options["fix"], options["free"])
    if options["no_report"]:
        data["report"] = False
    return Document(document.name, data, document.lines)


def _insecure(cluster: Any) -> Any:
    """Return the key `cluster` of a job file with `insecure: true` added."""
    if isinstance(cluster, str):
        named = {"serial": {"serial": True}, "local": {"local": {}}, "allocation": {"allocation": {}}}
        cluster = named.get(cluster, {"profile": cluster})
    return {**cluster, "insecure": True} if isinstance(cluster, dict) else cluster
