"""The multi-objective part of a report: headline, key figures, table of the Pareto set, figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smbo.analysis.pareto import ParetoSet
from smbo.plots import front_figure, hypervolume_figure, save, shorten
from smbo.problem import Figure, Problem
from smbo.report import wording
from smbo.trial import Trial

_FRONT_CAPTION = (
    "Every evaluation by its objectives. Circles: evaluations whose observed values no other evaluation "
    "beats in all objectives. Diamonds: the same by the model's predictions, in which the noise of single "
    "evaluations is averaged out. Star: the recommended point. Shaded: the region that the observed values "
    "dominate, up to the reference point."
)
_HYPERVOLUME_CAPTION = (
    "Hypervolume: the volume between the observed values and the reference point. A curve that has long "
    "been flat says that further evaluations find little."
)


def pareto_headline(problem: Problem, pareto: ParetoSet) -> tuple[str, str]:
    """Return a headline with the size of the Pareto set, and a sentence on the recommended point."""
    n, names = len(pareto.predicted), ", ".join(pareto.directions)
    knee = pareto.recommended
    values = ", ".join(
        f"{name} {wording.plus_minus(mean, knee.stds[name])}" for name, mean in knee.means.items()
    )
    many = f"{n} compromises between {names}; none of them beats another in all."
    return (
        many if n > 1 else f"One point is the best in all objectives: {names}.",
        f"Recommended is {values} (trial {knee.number}): {_rule(problem)}. Which compromise to take is yours "
        "to say; weights and a reference point in the problem move the recommendation.",
    )


def _rule(problem: Problem) -> str:
    """Return the rule by which one point of the Pareto set is recommended, in words."""
    if not problem.weights:
        return "the knee of the front, where giving up a little of one objective gains least in another"
    weights = ", ".join(f"{name} {weight:g}" for name, weight in problem.weights.items())
    return f"the nearest to the best of each objective, by the weights {weights}"


def pareto_cards(pareto: ParetoSet | None) -> list[tuple[str, str, str]]:
    """Return (label, figure, remark) for the row of key figures."""
    if pareto is None:
        return []
    knee = pareto.recommended
    corner = ", ".join(f"{name} {value:.4g}" for name, value in pareto.reference.items())
    cards = []
    for name, mean in knee.means.items():
        better = "lower" if pareto.directions[name] == "min" else "higher"
        figure = wording.plus_minus(mean, knee.stds[name])
        remark = f"by the model, mean ± standard deviation; {better} is better"
        cards.append((f"{shorten(name, 24)}, recommended", figure, remark))
    return [
        *cards,
        ("Hypervolume", wording.number(pareto.hypervolume), f"of the observed values, from {corner}"),
    ]


def pareto_rows(problem: Problem, pareto: ParetoSet | None) -> list[tuple[list[str], bool]]:
    """Return the predicted Pareto set as rows of text, header first; a row is marked if recommended."""
    if pareto is None:
        return []
    names = problem.space.names
    rows = [(["trial", *pareto.directions, *names], False)]
    for place, each in enumerate(pareto.predicted):
        means = [wording.plus_minus(mean, each.stds[name]) for name, mean in each.means.items()]
        params = ["" if name not in each.params else wording.number(each.params[name]) for name in names]
        rows.append(([str(each.number), *means, *params], place == pareto.knee))
    return rows


def draw_pareto(folder: Path, pareto: ParetoSet | None, trials: Sequence[Trial]) -> list[Figure]:
    """Draw the Pareto front and the hypervolume by evaluation into a folder; nothing without a Pareto set."""
    if pareto is None:
        return []
    save(front_figure(pareto, trials), folder / "front")
    save(hypervolume_figure(pareto), folder / "hypervolume")
    return [
        Figure(folder / "front", "The Pareto front", _FRONT_CAPTION),
        Figure(folder / "hypervolume", "Hypervolume", _HYPERVOLUME_CAPTION),
    ]
