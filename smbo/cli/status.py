"""`smbo status`: state, budget and best values of a study, in a few lines or as JSON."""

from __future__ import annotations

import json

import click

from smbo.analysis.pareto import ParetoSet
from smbo.cli.job.level_set import contour_as_json, contour_lines
from smbo.cli.job.observed import context_of_options
from smbo.cli.job.quantities import duration_text
from smbo.cli.run import lock
from smbo.cli.run.queue import cluster_folders, queue_lines
from smbo.cli.summary import (
    StudySummary,
    context_text,
    feasibility_line,
    feasible_text,
    line_text,
    missing_text,
    n_feasible,
    pareto_of,
    pareto_text,
    recommended_text,
    rungs_text,
    space_lines,
    summarize,
    total_cost,
)
from smbo.cli.target import load, study_argument
from smbo.study import Study


@click.command(name="status")
@study_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(study: str, store: str | None, as_json: bool) -> None:
    """Show state, budget and best values of a study (STUDY is its name or its job file)."""
    with load(study, store) as found:
        summary = summarize(found)
        drivers = lock.drivers_of(found)
        if as_json:
            click.echo(json.dumps(_as_json(found, summary, drivers), indent=1))
        else:
            click.echo("\n".join(_lines(found, summary, drivers)))


def _lines(study: Study, summary: StudySummary, drivers: list[str]) -> list[str]:
    budget, spent = study.budget, study.spent
    name = study.problem.value_name
    lines = [f"{study.name}: {summary.state}" + (f" ({summary.end_reason})" if summary.end_reason else "")]
    lines.append(f"  drivers      {'; '.join(drivers) or 'none is running'}")
    lines += [f"  queue        {text}" for text in queue_lines(cluster_folders(study))]
    counts = ", ".join(f"{n} {state}" for state, n in sorted(summary.counts.items())) or "none yet"
    lines.append(f"  trials       {counts}; {spent.trials} of {budget.trials or 'any number'} asked for")
    lines += [f"  space        {text}" for text in space_lines(study)]
    if (rungs := rungs_text(study)) is not None:
        lines.append(f"  fidelity     {rungs}")
    of = f" of {duration_text(budget.time_seconds)}" if budget.time_seconds is not None else ""
    lines.append(f"  time         {duration_text(spent.seconds)}{of}")
    cost = total_cost(study)
    if budget.cost is not None:
        lines.append(f"  cost         {cost or 0.0:g} of {budget.cost:g}")
    elif cost is not None:
        lines.append(f"  cost         {cost:g}")
    if budget.fidelity is not None:
        lines.append(f"  fidelity     {spent.fidelity:g} of {budget.fidelity:g}")
    if (met := feasibility_line(study)) is not None:
        lines.append(f"  feasible     {met}")
    if budget.failures is not None:
        lines.append(f"  failures     {spent.failures}, {budget.failures} end the study")
    lines += [f"  contour      {text}" for text in contour_lines(study)]
    pareto = pareto_of(study)
    if pareto is not None:
        lines.append(f"  Pareto set   {pareto_text(pareto)}")
    elif (best := summary.best) is not None and study.problem.level_set is None:
        lines.append(f"  {line_text(f'best {name}', 40):11s}  {best.value:.6g} (trial {best.number})")
    if (found := summary.recommendation) is not None:
        text = f"{recommended_text(found)} by the posterior ({found.place}){feasible_text(found)}"
        lines += [f"  context      {context_text(study.problem, found)}"] if study.problem.context else []
        lines.append(f"  recommended  {text}")
    elif (missing := missing_text(study)) is not None:
        lines.append(f"  recommended  not yet: {missing}")
    return lines


def _as_json(study: Study, summary: StudySummary, drivers: list[str]) -> dict[str, object]:
    found, best = summary.recommendation, summary.best
    contour = contour_as_json(study)
    return {
        **({} if contour is None else {"contour": contour}),
        **({"feasible": n_feasible(study.trials)[0]} if study.problem.constraints else {}),
        "study": study.name,
        "state": summary.state,
        "used_up": summary.end_reason,
        "drivers": drivers,
        **({"queue": queue} if (queue := queue_lines(cluster_folders(study))) else {}),
        "trials": summary.counts,
        **(
            {"space_changes": [each._asdict() for each in changes]}
            if (changes := study.space_changes)
            else {}
        ),
        "budget": study.budget.to_json(),
        "spent": _spent_as_json(study),
        "best": None if best is None else {"trial": best.number, "value": best.value},
        "recommended": None
        if found is None
        else {
            "trial": found.number,
            "mean": found.mean,
            "std": None if found.std != found.std else found.std,
            **({"means": dict(found.means)} if found.means else {}),
            **({} if found.p_feasible is None else {"p_feasible": found.p_feasible}),
            **({"context": observed} if (observed := context_of_options(study, ())) else {}),
        },
        **({} if (pareto := pareto_of(study)) is None else {"pareto": _pareto_as_json(pareto)}),
    }


def _spent_as_json(study: Study) -> dict[str, object]:
    budget, spent = study.budget, study.spent
    limited = {
        word: getattr(spent, word) for word in ("cost", "fidelity") if getattr(budget, word) is not None
    }
    return {"trials": spent.trials, "failures": spent.failures, "time_seconds": spent.seconds, **limited}


def _pareto_as_json(found: ParetoSet) -> dict[str, object]:
    return {
        "observed": [trial.number for trial in found.observed],
        "predicted": [each.number for each in found.predicted],
        "hypervolume": found.hypervolume,
        "reference": dict(found.reference),
        "history": list(found.history),
    }
