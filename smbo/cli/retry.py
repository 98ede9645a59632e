"""`smbo retry`: evaluate failed trials of a study again, after a mend of what made them fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from smbo.cli.job.document import Document
from smbo.cli.job.fixed import fixing_options
from smbo.cli.job.schema import check_jobfile, read_jobfile
from smbo.cli.job.stored import stored_job
from smbo.cli.job.words import close_matches
from smbo.cli.logs import say
from smbo.cli.run.command import overriding_options, with_options
from smbo.cli.run.session import run_job
from smbo.cli.target import SUFFIXES, find, load, study_argument
from smbo.errors import TellError
from smbo.study import Study
from smbo.trial import Trial, TrialState


@click.command(name="retry")
@study_argument
@click.option("--trial", "numbers", metavar="N", type=int, multiple=True, help="This trial; may be repeated.")
@click.option("--all", "is_all", is_flag=True, help="All failed trials, which is the default.")
@click.option("--reason", metavar="TEXT", help="Those that failed for this reason, as `smbo show` says it.")
@click.option("--no-run", is_flag=True, help="Only have them wait for the next `smbo resume`.")
@overriding_options
@fixing_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    study: str,
    store: str | None,
    numbers: tuple[int, ...],
    is_all: bool,
    reason: str | None,
    no_run: bool,
    **options: Any,
) -> None:
    """Evaluate failed trials of STUDY again, then go on as `smbo resume` does.

    STUDY is a name, or the job file in which something was mended.  Each trial keeps its number, point and
    seed and is not charged to the budget again; `smbo show --trial N` tells of the earlier attempts.
    """
    if numbers and (is_all or reason is not None):
        raise click.UsageError("--trial excludes --all and --reason")
    with load(study, store) as found:
        wanted = _wanted(found, numbers, reason)
        if not wanted:
            n_waiting = sum(trial.state is TrialState.WAITING for trial in found.trials)
            more = f"; {n_waiting} wait for `smbo resume {found.name}`" if n_waiting else ""
            click.echo(f"{found.name}: no trial has failed; there is nothing to evaluate again{more}")
            return
        if no_run:
            _retry(found, wanted)
            return
        name, url = find(study, store)
        if study.endswith(SUFFIXES):
            document, folder = read_jobfile(Path(study))[1], Path(study).parent
            document = Document(document.name, {**document.data, "store": url}, document.lines)
        else:
            kept, folder = stored_job(found)
            document = Document(f"study {name}", {**kept, "store": url, "study": name})
    document = with_options(document, options)
    job = check_jobfile(document)
    ctx.exit(run_job(job, document, folder, at_start=lambda opened: _retry(opened, wanted)))


def _wanted(study: Study, numbers: tuple[int, ...], reason: str | None) -> list[int]:
    """Return the numbers of the trials to evaluate again; none where no trial has failed.

    Raises:
        TellError: a trial has not failed, or none for this reason.
    """
    failed = [trial for trial in study.trials if _is_retried(trial)]
    if numbers:
        known = {trial.number for trial in failed}
        for number in numbers:
            state = study.trial(number).state  # UnknownTrial where there is none
            if number not in known:
                raise TellError(f"trial {number} is {state}; only failed trials are evaluated again")
        return sorted(set(numbers))
    if reason is not None:
        reasons = sorted({str(trial.reason) for trial in failed})
        if failed and reason not in reasons:
            meant = close_matches(reason, reasons) or f"; the reasons are {', '.join(map(repr, reasons))}"
            raise TellError(f"no trial failed for the reason {reason!r}{meant}")
        failed = [trial for trial in failed if trial.reason == reason]
    return [trial.number for trial in failed]


def _is_retried(trial: Trial) -> bool:
    return trial.state is TrialState.FAILED and trial.token is not None


def _retry(study: Study, numbers: list[int]) -> None:
    still = [number for number in numbers if study.trial(number).state is TrialState.FAILED]
    study.retry(still)
    shown = ", ".join(map(str, still[:10])) + (f" and {len(still) - 10} more" if len(still) > 10 else "")
    say(f"{study.name}: evaluated again {'is trial' if len(still) == 1 else 'are trials'} {shown}")
