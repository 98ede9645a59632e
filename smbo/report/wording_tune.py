"""A tune as text: its parameters, remarks, weights and slope checks, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smbo.report.wording import number, plus_minus
from smbo.tuning import AutomaticWeights, SlopeCheck, Tune

# An observable whose mean squared pull stays above this in a tune to it alone cannot be described; with
# the errors alone it would be 1.
MAX_PULL_SQUARED_ALONE = 2.0


def level_text(tune: Tune) -> str:
    """Return χ²/ndf, and the increase of χ² by one standard deviation, in words."""
    ratio = f"χ²/ndf = {tune.chi2:.1f}/{tune.ndf:.1f} = {tune.chi2 / tune.ndf:.2f}"
    how = {
        "pdg": "max(1, χ²/ndf): the scale factor of the Particle Data Group",
        "residuals": "χ²/ndf: the errors are taken to be as large as the residuals say",
    }.get(str(tune.settings.level), "as asked for")
    return f"{ratio}; one standard deviation is a rise by Δχ² = {tune.level:.3g} ({how})"


def remarks_of(tune: Tune) -> list[str]:
    """Return warnings: parameters on a bound or not constrained, observables left out, eigentunes cut."""
    lines = []
    for each in tune.parameters:
        if each.bound:
            lines.append(
                f"{each.name} ends on the {each.bound} bound of its range: the range decided there, "
                "not the data"
            )
        if not each.is_constrained:
            lines.append(
                f"{each.name} is not constrained by these data: its error is about that of a flat "
                "distribution over the range"
            )
    if tune.statistic.left_out:
        lines.append(
            f"{', '.join(tune.statistic.left_out)}: left out of χ², being the same measurement as another "
            "observable there"
        )
    cut = [str(number) for number, each in enumerate(tune.eigentunes, 1) if each.is_cut]
    if cut:
        lines.append(f"eigentunes cut at the bounds of the ranges: {', '.join(cut)}")
    return lines


def tune_lines(tune: Tune, baseline: Mapping[str, Any] | None = None, name: str = "default") -> list[str]:
    """Return a tune as lines of text."""
    width = max((len(each.name) for each in tune.parameters), default=0)
    lines = [f"tune: {level_text(tune)}"]
    for each in tune.parameters:
        parts = ", ".join(f"{key} {number(value, 2)}" for key, value in each.parts.items())
        mark = " ⚠ on a bound" if each.bound else ""
        mark += "" if each.is_constrained else "  not constrained"
        beside = ""
        if baseline and isinstance(baseline.get(each.name), int | float):
            beside = f"  {name} {number(float(baseline[each.name]))}"
        lines.append(f"  {each.name:<{width}}  {plus_minus(each.value, each.error)}  ({parts}){beside}{mark}")
    others = {key: value for key, value in tune.params.items() if key not in tune.names}
    lines += [f"  {key:<{width}}  {number(value)}  (chosen, not fitted)" for key, value in others.items()]
    for choice, lowest in tune.alternatives:
        values = ", ".join(f"{key} = {value}" for key, value in choice.items())
        lines.append(f"  lowest expected χ² with {values}: {lowest:.1f}")
    return lines


def slope_lines(found: Sequence[SlopeCheck], events: int) -> list[str]:
    """Return the simulator's slopes in units of the model's, as lines of text."""
    lines = [
        f"slopes at the tune, {events} events reweighted, in units of the model's (1: as the errors say)"
    ]
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        ratio = f"not known: {each.reason}" if each.reason else plus_minus(each.ratio, each.error)
        lines.append(f"  {each.name:<{width}}  {ratio}")
    return lines


def weights_text(found: AutomaticWeights) -> str:
    """Return the rule for the weights, and the observables that are not described with any weights."""
    how = {
        "robust": "An observable whose mean squared pull exceeds 1 has the inverse of that for its weight: "
        "its errors count as underestimated by its own scale factor.",
        "bilevel": "The weights are those whose tune has the lowest portfolio score, mean plus standard "
        "deviation of the mean squared pulls over the observables.",
    }[found.method]
    beyond_reach = [name for name, square in found.alone.items() if square > MAX_PULL_SQUARED_ALONE]
    tail = ""
    if beyond_reach:
        tail = (
            f" No setting within the ranges describes {', '.join(beyond_reach)}: a tune to it alone leaves a "
            f"mean squared pull above {MAX_PULL_SQUARED_ALONE:g}."
        )
    return f"{how} {found.n_fits} fits of the model, no evaluation.{tail}"


def weight_lines(found: AutomaticWeights) -> list[str]:
    """Return automatic weights as lines of text, the lowest first."""
    width = max(map(len, found.weights))
    before = found.equal.params
    moved = ", ".join(
        f"{each.name} {number(float(before[each.name]))} → {number(each.value)}"
        for each in found.tune.parameters
        if each.name in before
    )
    lines = [f"automatic weights ({found.method}): {weights_text(found)}"]
    for name, weight in sorted(found.weights.items(), key=lambda pair: pair[1]):
        lines.append(f"  {name:<{width}}  {weight:.3g}  (tuned to it alone: {found.alone[name]:.2f})")
    return [*lines, f"  they move {moved}"]
