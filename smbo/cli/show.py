"""`smbo show`: the best trial, the recommended point, and a table of trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from smbo.analysis.explain import explained
from smbo.analysis.optimum import optimum
from smbo.analysis.pareto import ParetoSet
from smbo.cli.job.level_set import contour_lines
from smbo.cli.job.observed import context_of_options
from smbo.cli.summary import (
    context_text,
    failures_summary,
    feasibility_line,
    feasible_text,
    line_text,
    missing_text,
    pareto_of,
    pareto_text,
    preference_text,
    recommendation_of,
    recommended_text,
    space_lines,
    value_text,
)
from smbo.cli.target import load, study_argument
from smbo.cli.tune import objective_of, same_measurement_of
from smbo.errors import SmboError
from smbo.history import table as results
from smbo.problem import ChiSquare
from smbo.report.wording import interval, noise_remark
from smbo.report.wording_tune import tune_lines
from smbo.space.context import checked_context
from smbo.study import Study
from smbo.trial import Recommendation, Trial, TrialState
from smbo.tuning import TuneSettings

_LONGEST_LINE = 1000  # of a traceback
_HIDDEN = ("seed",)
# of more, `show` names the point alone; the report has the intervals
_MOST_TRIALS_FOR_INTERVALS = 5_000


@click.command(name="show")
@study_argument
@click.option(
    "--rows", type=click.IntRange(min=0), default=20, show_default=True, help="Trials in the table."
)
@click.option(
    "--by", type=click.Choice(["value", "number"]), help="Order of the table; value unless contexts differ."
)
@click.option("--metrics", is_flag=True, help="Show the columns of metrics too.")
@click.option("--trial", type=click.IntRange(min=0), help="Show all of this trial instead.")
@click.option("--context", metavar="NAME=VALUE", multiple=True, help="Recommend for this context.")
def command(
    study: str,
    store: str | None,
    rows: int,
    by: str | None,
    metrics: bool,
    trial: int | None,
    context: tuple[str, ...],
) -> None:
    """Show the best trial, the recommended point and a table (STUDY is a name or a job file)."""
    with load(study, store) as found:
        if trial is not None:
            click.echo("\n".join(_details(found, found.trial(trial))))
            return
        for text in _of_context(found, context) or _best_and_recommended(found, study):
            click.echo(text)
        if (
            not found.problem.context
            and found.best is not None
            and (met := feasibility_line(found)) is not None
        ):
            click.echo(f"feasible: {met}")
        trials = found.trials
        by = by or ("number" if found.problem.context else "value")
        shown = _ordered(found, trials, by)[:rows]
        if shown:
            click.echo()
            # the functions of a level set are metrics
            click.echo(_table(found, shown, metrics or found.problem.level_set is not None))
        if len(trials) > len(shown):
            click.echo(
                f"… {len(trials) - len(shown)} more trials; --rows shows them, `smbo export` writes all"
            )
        for text in failures_summary(trials):
            click.echo(text)
        for text in space_lines(found):
            click.echo(f"space {text}")
        if (why := found.termination()) is not None:
            click.echo(f"finished: {why}")


def _of_context(study: Study, given: tuple[str, ...]) -> list[str]:
    """Return the recommended point for a context; nothing for a study without contextual variables."""
    problem = study.problem
    context = context_of_options(study, given)
    if context is None or problem.level_set is not None:
        return []
    checked_context(problem.space, problem.context, context, "--context")
    found = recommendation_of(study, context)
    if found is None:
        return [missing_text(study) or "nothing to recommend yet"]
    text = f"{line_text(problem.value_name, 40)} {recommended_text(found)} by the posterior"
    how = "as given" if given else "as last observed; --context NAME=VALUE for another"
    lines = [context_text(problem, found, how), f"recommended: {text}{feasible_text(found)}"]
    return [*lines, *_point(found.params), *_model(study)]


def _best_and_recommended(study: Study, target: str) -> list[str]:
    if study.problem.level_set is not None:
        return contour_lines(study) or ["too few trials are complete for a contour yet"]
    name = line_text(study.problem.value_name, 40)
    best, found = study.best, recommendation_of(study)
    if best is None:
        return [feasibility_line(study) or missing_text(study) or "no trial yet"]
    if (pareto := pareto_of(study)) is not None:
        return _pareto_lines(study, pareto)
    sem = "" if best.sem is None else f" ± {best.sem:.2g}"
    lines = [f"best {name} seen: {best.value:.6g}{sem} (trial {best.number})", *_point(best.params)]
    if found is not None:
        text = f"{name} {recommended_text(found)} by the posterior ({found.place}){feasible_text(found)}"
        lines.append(f"recommended: {text}")
        if study.problem.loss is not None:
            lines.append(f"  {noise_remark(study.problem)}")
        # one error a parameter: the tune's contains what evaluations leave open of the optimum's place
        lines += _tuned(study, target, found) or _optimum(study, found) or _point(found.params)
        lines += _model(study)
    return lines


def _optimum(study: Study, found: Recommendation) -> list[str]:
    """Return the recommended point, each parameter with the interval of the optimum where one is known."""
    now = study._snapshot()
    if len(now.trials) > _MOST_TRIALS_FOR_INTERVALS:
        return []
    try:
        parameters = optimum(*now, recommended=found)
    except SmboError:
        return []
    rows = [
        (
            line_text(each.name, 60),
            value_text(each.value),
            "" if each.interval is None else f"68 %: {interval(*each.interval)}",
        )
        for each in parameters
        if each.name in found.params
    ]
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)] if rows else [0, 0]
    return [f"  {name:<{widths[0]}}  {value:<{widths[1]}}  {text}".rstrip() for name, value, text in rows]


def _model(study: Study) -> list[str]:
    """Return which model the proposals rest on, and why; none while there is none."""
    found = explained(*study._snapshot(), times_a_proposal=False)
    if not found.n_modelled:
        return []
    return [f"model: {line_text(found.short(), _LONGEST_LINE)}", f"  {found.reason}"]


def _tuned(study: Study, target: str, found: Recommendation) -> list[str]:
    """Return the tune, at the recommended point, of a study whose outputs are compared with data."""
    if not isinstance(study.problem.loss, ChiSquare):
        return []
    try:
        settings = TuneSettings(same_measurement=same_measurement_of(objective_of(study, target)))
        return [*tune_lines(study.tune(settings, found.params)), f"  more of it: smbo tune {target}"]
    except SmboError:  # too few evaluations for one
        return []


def _pareto_lines(study: Study, found: ParetoSet) -> list[str]:
    """Return the Pareto set by the posterior, its recommended point first, and the model."""
    best = found.recommended
    lines = [f"Pareto set: {pareto_text(found)}"]
    why = f"{preference_text(study)}, by the posterior ({best.place})"
    lines.append(f"recommended: {recommended_text(best)}, {why}{feasible_text(best)}")
    lines += [*_point(best.params), *_model(study)]
    return [*lines, "", "Pareto set by the posterior means:", *_pareto_table(found)]


def _pareto_table(found: ParetoSet) -> list[str]:
    names = [*found.recommended.params]
    rows = [["trial", *(line_text(name, 40) for name in [*found.directions, *names])]]
    for each in found.predicted:
        means = [f"{mean:.6g}" for mean in each.means.values()]
        rows.append(
            [
                str(each.number),
                *means,
                *(value_text(each.params.get(name)) for name in names),
            ]
        )
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _point(params: Mapping[str, Any]) -> list[str]:
    shown = {line_text(name, 60): value_text(value) for name, value in params.items()}
    width = max((len(name) for name in shown), default=0)
    return [f"  {name:<{width}}  {value}" for name, value in shown.items()]


def _details(study: Study, trial: Trial) -> list[str]:
    """Return all of one trial, with the error of a failed evaluation."""
    (row,) = results.rows(study.problem, [trial])
    known = {name: value for name, value in row.items() if value is not None}
    error = (trial.error or "").rstrip().splitlines()
    return [*_point(known), *(f"  | {line_text(line, _LONGEST_LINE)}" for line in error)]


def _ordered(study: Study, trials: Sequence[Trial], by: str) -> list[Trial]:
    if by == "number":
        return sorted(trials, key=lambda trial: trial.number)

    outside, pareto = _outside(study, trials), pareto_of(study)
    on_front = set() if pareto is None else {trial.number for trial in pareto.observed}

    def rank(trial: Trial) -> tuple[int, float, int]:
        if trial.value is None or trial.state not in (TrialState.COMPLETE, TrialState.PAUSED):
            return (3, 0.0, trial.number)
        value = study.problem.sign * trial.value
        if trial.state is TrialState.COMPLETE and trial.number in on_front:
            return (-1, value, trial.number)
        if trial.state is TrialState.PAUSED:  # its value is one at another fidelity
            return (2, value, trial.number)
        return (int(trial.feasible is False or trial.number in outside), value, trial.number)

    return sorted(trials, key=rank)


def _outside(study: Study, trials: Sequence[Trial]) -> set[int]:
    """Return the trials outside of the present space, where it has changed."""
    space = study.problem.space
    return {trial.number for trial in trials if not space.is_present(trial.params)}


def _table(study: Study, trials: Sequence[Trial], metrics: bool) -> str:
    table = results.columns(study.problem, trials)
    kept = {
        name: values
        for name, values in table.items()
        if name not in _HIDDEN
        and (metrics or not name.startswith("metrics."))
        and any(value is not None for value in values)
    }
    if outside := _outside(study, trials):
        kept["space"] = ["outside" if number in outside else None for number in table["number"]]
    # results puts trials in the order of their numbers; the table keeps the order asked for
    numbers = kept["number"]
    order = [numbers.index(trial.number) for trial in trials]
    cells = [
        [line_text(name.removeprefix("params."), 60), *(value_text(values[i]) for i in order)]
        for name, values in kept.items()
    ]
    return "\n".join(_aligned(list(zip(*cells))))
